import { Effect } from "effect"
import { Worker, workerLayer } from "./ServingWorker.js"

const maker = [
  process.execPath,
  "-e",
  `require("node:fs").writeFileSync(process.env.AGENTDISPATCH_ARTIFACT_DIR + "/notes.md", "# Notes\\n"); console.log(JSON.stringify({ ok: true, output: "a plain answer", events: [], artifacts: [] }))`
]
const failing = [
  process.execPath,
  "-e",
  "console.log(JSON.stringify({ok: false, events: [], artifacts: [], error: 'no luck'}))"
]
/** Names the endless program's process. */
export const marker = `a2a-marker-${process.pid}`
const endless = [process.execPath, "-e", "setInterval(() => {}, 1000); console.log('up')", marker]

/** One worker with a program that makes a file, one that fails, and one that never ends. */
export const a2aWorker = workerLayer({
  env: { AGENTDISPATCH_WORKER_FRAMEWORKS: JSON.stringify({ maker, failing, endless }) }
})

export const url = Effect.map(Worker, ({ a2a }) => `http://127.0.0.1:${a2a}`)

/** What a promise is rejected with. */
export const failure = (attempt: () => Promise<unknown>) =>
  Effect.map(Effect.flip(Effect.tryPromise({ try: attempt, catch: String })), String)
