import { spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Json } from "../../src/domain/Json.js"
import { WorkerEvent, WorkerResponse } from "../../src/domain/WorkerEvent.js"

/** The built worker; another build than the usual one is named by AGENTDISPATCH_TEST_DIST. */
export const bundle = join(
  process.env["AGENTDISPATCH_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url)),
  "worker.js"
)

export interface Start {
  readonly stdin: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly node?: ReadonlyArray<string>
  readonly cwd?: string
  /** Called with each whole line of stdout as it comes. */
  readonly onLine?: (line: string, kill: (signal: NodeJS.Signals) => void) => void
  readonly keepStdinOpen?: boolean
}

const decodeLine = Schema.decodeUnknownSync(Schema.parseJson(Schema.Union(WorkerResponse, WorkerEvent)))

/** Runs the shipped worker; all it says must be events and one response. */
export const runWorker = (start: Start) =>
  Effect.async<{ events: ReadonlyArray<WorkerEvent>; response: WorkerResponse; code: number | null; stderr: string }>(
    (resume) => {
      const child = spawn(process.execPath, [...(start.node ?? []), bundle, ...(start.args ?? [])], {
        env: { PATH: process.env["PATH"] ?? "", ...start.env },
        cwd: start.cwd ?? tmpdir()
      })
      let [out, err] = ["", ""]
      child.stdin.on("error", () => undefined)
      child.stdin.write(start.stdin)
      if (start.keepStdinOpen !== true) child.stdin.end()
      child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text))
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const before = out.split("\n").length - 1
        out += text
        for (const line of out.split("\n").slice(before, -1)) start.onLine?.(line, (signal) => child.kill(signal))
      })
      child.once("close", (code) => {
        const events: Array<WorkerEvent> = []
        const responses: Array<WorkerResponse> = []
        for (const line of out.split("\n").slice(0, -1)) {
          const told = decodeLine(line)
          if ("ok" in told) responses.push(told)
          else events.push(told)
        }
        const [response] = responses
        resume(
          responses.length === 1 && response !== undefined && out.endsWith("\n")
            ? Effect.succeed({ events, response, code, stderr: err })
            : Effect.die(new Error(`expected one response, got: ${out} ${err}`))
        )
      })
      return Effect.sync(() => child.kill("SIGKILL"))
    }
  )

/** A task as text, over several lines where `indent` asks for it. */
export const task = (fields: { readonly input?: Json; readonly [key: string]: Json | undefined }, indent = 0) =>
  JSON.stringify(
    { taskId: "task_00000000000000000000000000", taskType: "agent.run", input: {}, ...fields },
    null,
    indent
  )

export const report = (path: string, context: { readonly [key: string]: Json } = {}) =>
  task({ input: { framework: "repo-report", context: { path, ...context } } })

export const errorOf = (response: WorkerResponse) => {
  const { error } = response
  return typeof error === "object" && "code" in error
    ? error
    : assert.fail(`no error with a code: ${JSON.stringify(response)}`)
}
