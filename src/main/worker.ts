import { Effect } from "effect"
import { work } from "../worker/Worker.js"

/** Does one task that arrives as JSON on stdin; ends with 0 where it succeeded and 1 where it did not. */
const exitCode = await Effect.runPromise(
  work({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    log: (line) => process.stderr.write(`${line}\n`),
    onStop: (stop) => {
      process.once("SIGTERM", stop)
      process.once("SIGINT", stop)
    }
  })
)
process.exit(exitCode)
