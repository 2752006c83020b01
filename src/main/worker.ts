import { Effect } from "effect"
import type { ServeSurroundings } from "../worker/serve/Serve.js"
import { work } from "../worker/Worker.js"

const log = (line: string) => process.stderr.write(`${line}\n`)

const onStop: ServeSurroundings["onStop"] = (stop) => {
  process.once("SIGTERM", stop)
  process.once("SIGINT", stop)
}

/** `serve` offers tasks over HTTP until it is told to stop; else one task that arrives as JSON on stdin is done. */
const run = async () => {
  const argv = process.argv.slice(2)
  const surroundings = { env: process.env, cwd: process.cwd(), log, onStop }
  if (argv[0] === "serve") {
    // Whoever started it may stop reading what it says; the work goes on.
    process.stdout.on("error", () => undefined)
    process.stderr.on("error", () => undefined)
    const { serve } = await import("../worker/serve/Serve.js")
    return serve({ ...surroundings, onListening: (ports) => console.log(JSON.stringify({ listening: ports })) })
  }
  return work({ ...surroundings, argv, stdin: process.stdin, stdout: process.stdout })
}

process.exit(await Effect.runPromise(await run()))
