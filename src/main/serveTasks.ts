import type { Effect } from "effect"
import type { ServeSurroundings } from "../worker/serve/Serve.js"

const log = (line: string) => process.stderr.write(`${line}\n`)

export const onStop: ServeSurroundings["onStop"] = (stop) => {
  process.once("SIGTERM", stop)
  process.once("SIGINT", stop)
}

/** Offers tasks over HTTP until the process is told to stop; the exit code is the program's. */
export const serveTasks = async (): Promise<Effect.Effect<number>> => {
  // Whoever started it may stop reading what it says; the work goes on.
  process.stdout.on("error", () => undefined)
  process.stderr.on("error", () => undefined)
  const { serve } = await import("../worker/serve/Serve.js")
  return serve({
    env: process.env,
    cwd: process.cwd(),
    log,
    onStop,
    onListening: (ports) => process.stdout.write(`${JSON.stringify({ listening: ports })}\n`)
  })
}
