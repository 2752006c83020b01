import { Schema } from "effect"
import { Json } from "./Json.js"
import { NewArtifact, TaskError } from "./Task.js"
import { NewTaskEvent } from "./TaskEvent.js"

/** One event as a worker reports it (contract, part 4). */
export const WorkerEvent = NewTaskEvent
export type WorkerEvent = typeof WorkerEvent.Type

/** A worker's whole answer (contract, part 4); `ok: false` fails the task. */
export const WorkerResponse = Schema.Struct({
  ok: Schema.Boolean,
  output: Schema.optional(Json),
  events: Schema.Array(WorkerEvent),
  artifacts: Schema.Array(NewArtifact),
  error: Schema.optional(Schema.Union(TaskError, Schema.Struct({ message: Schema.String }), Schema.String))
})
export type WorkerResponse = typeof WorkerResponse.Type

/** What a local worker reads on its stdin: the task, one JSON object. */
export const WorkerTask = Schema.Struct({
  taskId: Schema.String,
  taskType: Schema.String,
  input: Json,
  metadata: Schema.optional(Json),
  prompt: Schema.optional(Schema.String),
  context: Schema.optional(Json)
})
export type WorkerTask = typeof WorkerTask.Type
