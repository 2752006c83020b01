import { Effect } from "effect"
import { work } from "../worker/Worker.js"
import { onStop, serveTasks } from "./serveTasks.js"

/** `serve` offers tasks over HTTP until it is told to stop; else one task that arrives as JSON on stdin is done. */
const run = async () => {
  const argv = process.argv.slice(2)
  if (argv[0] === "serve") return serveTasks()
  return work({
    env: process.env,
    cwd: process.cwd(),
    log: (line) => process.stderr.write(`${line}\n`),
    onStop,
    argv,
    stdin: process.stdin,
    stdout: process.stdout
  })
}

process.exit(await Effect.runPromise(await run()))
