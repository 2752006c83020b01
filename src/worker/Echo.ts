import { Effect, Schema } from "effect"
import type { Job } from "./Framework.js"
import { decodeContext } from "./JobContext.js"

const EchoContext = Schema.Struct({
  /** How long the answer takes in all, in milliseconds; at most a day. */
  delayMs: Schema.optionalWith(Schema.Int.pipe(Schema.between(0, 86_400_000)), { default: () => 0 }),
  /** In how many steps the time passes, each with a progress event. */
  steps: Schema.optionalWith(Schema.Int.pipe(Schema.between(1, 10_000)), { default: () => 1 })
})

/** Answers with what it was given, and with the messages that came while it took its time. */
export const echo = Effect.fn("worker.echo")(function* (job: Job) {
  const { delayMs, steps } = yield* decodeContext(EchoContext, job.context)
  job.inbox.open()
  yield* job.emit({ type: "task.log", message: `Echoing in ${steps} ${steps === 1 ? "step" : "steps"}.` })
  for (let step = 1; step <= steps; step++) {
    yield* Effect.sleep(delayMs / steps)
    yield* job.emit({ type: "task.progress", message: `step ${step} of ${steps}`, payload: { step, steps } })
  }
  const messages = job.inbox.close()
  return {
    output: {
      ...(job.instruction === undefined ? {} : { instruction: job.instruction }),
      ...(job.context === undefined ? {} : { context: job.context }),
      ...(messages.length === 0 ? {} : { messages })
    },
    artifacts: []
  }
})
