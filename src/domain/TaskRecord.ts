import { Schema } from "effect"
import { Artifact, Resource, Task } from "./Task.js"
import { TaskEvent } from "./TaskEvent.js"
import { TaskQuestion } from "./TaskQuestion.js"

/**
 * One line of an exported task: the task with its outcome first, then its events, the log in pieces whose cursors are
 * UTF-16 units, artifacts, resources and questions. The last line says how many stand before it, so a copy that ends
 * early shows.
 */
export const RecordLine = Schema.Union(
  Schema.Struct({ record: Schema.Literal("task"), exportedAt: Schema.Int, task: Task }),
  Schema.Struct({ record: Schema.Literal("event"), event: TaskEvent }),
  Schema.Struct({ record: Schema.Literal("log"), cursor: Schema.Int, text: Schema.String }),
  Schema.Struct({ record: Schema.Literal("artifact"), artifact: Artifact }),
  Schema.Struct({ record: Schema.Literal("resource"), resource: Resource }),
  Schema.Struct({ record: Schema.Literal("question"), question: TaskQuestion }),
  Schema.Struct({ record: Schema.Literal("end"), lines: Schema.Int })
)
export type RecordLine = typeof RecordLine.Type
