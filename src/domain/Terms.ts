import { Schema } from "effect"

const Seconds = Schema.Int.pipe(Schema.between(1, 31_536_000))

/** What a task may use up. At four fifths of a limit its caller is asked; at the limit it is stopped. */
export const Budget = Schema.Struct({
  /** Of running. */
  runSeconds: Schema.optional(Seconds),
  /** In US dollars, where the backend or the worker reports what it costs. */
  costUsd: Schema.optional(Schema.Finite.pipe(Schema.positive()))
})
export type Budget = typeof Budget.Type

/** How long a task may wait and run, and who comes first; fixed when it was accepted. Times in seconds. */
export const Terms = Schema.Struct({
  /** Higher ones leave the queue first. */
  priority: Schema.optional(Schema.Int.pipe(Schema.between(-9, 9))),
  /** From the acceptance until it leaves the queue. */
  queueSeconds: Schema.optional(Seconds),
  /** From the queue until it runs. */
  startSeconds: Schema.optional(Seconds),
  /** From its start until its end, also while it waits for an answer. */
  runSeconds: Schema.optional(Seconds),
  budget: Schema.optional(Budget)
})
export type Terms = typeof Terms.Type

/** What work has used up so far, all together, as its worker reports it. */
export const Usage = Schema.Struct({
  costUsd: Schema.optional(Schema.Finite.pipe(Schema.nonNegative())),
  inputTokens: Schema.optional(Schema.Int.pipe(Schema.nonNegative())),
  outputTokens: Schema.optional(Schema.Int.pipe(Schema.nonNegative()))
})
export type Usage = typeof Usage.Type
