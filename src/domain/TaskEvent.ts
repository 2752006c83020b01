import { Schema } from "effect"
import { Json } from "./Json.js"

/** The kinds of events in a task's journal: the contract's thirteen, and those that name steps of our own. */
export const TaskEventType = Schema.Literal(
  "task.created",
  "task.provisioning",
  "task.starting",
  "task.started",
  "task.progress",
  "task.log",
  "task.result",
  "task.heartbeat",
  "task.usage",
  "task.input_required",
  "task.answered",
  "task.resumed",
  "task.completing",
  "task.succeeded",
  "task.failed",
  "task.cancelling",
  "task.cancelled",
  "runtime.provisioned",
  "session.created"
)
export type TaskEventType = typeof TaskEventType.Type

/** Something that happened, before it has a number. */
export const NewTaskEvent = Schema.Struct({
  type: TaskEventType,
  message: Schema.optional(Schema.String),
  payload: Schema.optional(Json)
})
export type NewTaskEvent = typeof NewTaskEvent.Type

/** One line of a task's journal; numbers run from 1 without a gap, `at` is milliseconds since 1970. */
export const TaskEvent = Schema.Struct({
  ...NewTaskEvent.fields,
  number: Schema.Int,
  at: Schema.Int,
  revision: Schema.Int
})
export type TaskEvent = typeof TaskEvent.Type
