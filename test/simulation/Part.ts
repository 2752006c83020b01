import { Schema } from "effect"
import { batch, Share } from "./Batch.js"

/** One of the processes that share a run: lives through the seeds it is sent, and tells what they came to. */
process.on("message", (message) => {
  const { count, from } = Schema.decodeUnknownSync(Share)(message)
  process.send?.(batch(from, count))
})
