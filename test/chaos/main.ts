import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

/** The same run as in the suites, for as long as one likes. */
const { values } = parseArgs({
  options: { minutes: { type: "string", default: "5" }, seed: { type: "string" } }
})
const root = fileURLToPath(new URL("../..", import.meta.url))
const { status } = await new Promise<{ status: number | null }>((resolve) => {
  spawn(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "test/chaos.test.ts"], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      AGENTDISPATCH_TEST_BUILT: "1",
      AGENTDISPATCH_CHAOS_SECONDS: String(Number(values.minutes) * 60),
      ...(values.seed === undefined ? {} : { AGENTDISPATCH_TEST_SEED: values.seed })
    }
  }).once("close", (code) => resolve({ status: code }))
})
process.exitCode = status ?? 1
