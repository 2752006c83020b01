import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

/** The suites run what is shipped, so it is built first; AGENTDISPATCH_TEST_BUILT=1 says it already is. */
export default () => {
  if (process.env["AGENTDISPATCH_TEST_BUILT"] === "1") return
  const root = fileURLToPath(new URL("../..", import.meta.url))
  execFileSync("node", ["node_modules/tsup/dist/cli-default.js", "--silent"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"]
  })
}
