import { Schema } from "effect"

export const Question = Schema.Struct({
  /** The input field that answers it. */
  id: Schema.String,
  question: Schema.String,
  choices: Schema.optional(Schema.Array(Schema.String))
})
export type Question = typeof Question.Type

/** An ordinary result, not an error: what is still missing before the call can be carried out. */
export const Clarification = Schema.Struct({
  status: Schema.Literal("needs_clarification"),
  retry_tool: Schema.String,
  questions: Schema.Array(Question),
  available_runtimes: Schema.Array(Schema.String)
})
export type Clarification = typeof Clarification.Type
