import { Schema } from "effect"
import { Json, JsonObject } from "./Json.js"
import { TaskStatus } from "./Lifecycle.js"
import { Terms, Usage } from "./Terms.js"

/** `task_` and 26 characters of Crockford base 32 (130 random bits): the one id a task has everywhere. */
export const TaskId = Schema.String.pipe(
  Schema.pattern(/^task_[0-9a-hjkmnp-tv-z]{26}$/, {
    message: () => "expected a task id such as task_01h2x…, as returned when the task was dispatched"
  }),
  Schema.brand("TaskId")
)
export type TaskId = typeof TaskId.Type

export const isTaskId = Schema.is(TaskId)

export const TaskType = Schema.Literal("agent.run", "command.run")
export type TaskType = typeof TaskType.Type

export const TargetMode = Schema.Literal("session", "runtime")
export type TargetMode = typeof TargetMode.Type

export const Protocol = Schema.String.pipe(Schema.minLength(1))

/** Where on a backend the work runs. */
export const Target = Schema.Struct({
  mode: TargetMode,
  protocol: Schema.optional(Protocol),
  details: Schema.optional(JsonObject)
})
export type Target = typeof Target.Type

/**
 * Everything needed to drive a task, fixed when it was accepted: a later change of the config, or a server with
 * another config on the same state folder, does not change what this task means.
 */
export const RoutedRequest = Schema.Struct({
  runtime: Schema.optional(Schema.String),
  provider: Schema.String,
  accountProfile: Schema.String,
  account: JsonObject,
  capability: Schema.String,
  backend: Schema.String,
  adapter: Schema.String,
  taskType: TaskType,
  target: Target,
  /** Backend, profile and call details merged, decoded by the adapter's own schema. */
  details: JsonObject,
  input: JsonObject,
  metadata: Schema.optional(JsonObject),
  terms: Schema.optional(Terms)
})
export type RoutedRequest = typeof RoutedRequest.Type

export const TaskError = Schema.Struct({
  code: Schema.String,
  message: Schema.String,
  retryable: Schema.optional(Schema.Boolean),
  details: Schema.optional(Json)
})
export type TaskError = typeof TaskError.Type

/** How a piece of work ended, as the far side told it. */
export const Outcome = Schema.Union(
  Schema.Struct({ ok: Schema.Literal(true), result: Schema.optional(Json) }),
  Schema.Struct({ ok: Schema.Literal(false), error: TaskError, result: Schema.optional(Json) })
)
export type Outcome = typeof Outcome.Type

/** Something a task left behind, retrievable by its uri. */
export const NewArtifact = Schema.Struct({
  uri: Schema.String,
  kind: Schema.String,
  contentType: Schema.optional(Schema.String),
  sizeBytes: Schema.optional(Schema.Int)
})
export type NewArtifact = typeof NewArtifact.Type

export const Artifact = Schema.Struct({ ...NewArtifact.fields, id: Schema.String, createdAt: Schema.Int })
export type Artifact = typeof Artifact.Type

/** How a task hangs together with others. */
export const Lineage = Schema.Struct({
  /** Tasks that were dispatched together. */
  group: Schema.optional(Schema.String),
  /** Its name within the group. */
  key: Schema.optional(Schema.String),
  /** The task it is a part of; when that is cancelled, so is this. */
  parent: Schema.optional(TaskId),
  /** The tasks that must succeed before it leaves the queue; when one of them does not, this fails. */
  dependsOn: Schema.optional(Schema.Array(TaskId))
})
export type Lineage = typeof Lineage.Type

/** A task as the store remembers it; times are milliseconds since 1970. */
export const Task = Schema.Struct({
  id: TaskId,
  status: TaskStatus,
  /** Grows with every change a caller can see; log text and heartbeats do not count. */
  revision: Schema.Int,
  /** Grows with every change of the owner; a write under an older epoch is refused. */
  epoch: Schema.Int,
  request: RoutedRequest,
  /** On whose behalf it was dispatched. */
  principal: Schema.optional(Schema.String),
  alias: Schema.optional(Schema.String),
  lineage: Schema.optional(Lineage),
  /** The machine that its work lives on, as `Host` names it. */
  host: Schema.optional(Schema.String),
  attempt: Schema.Int,
  startToken: Schema.optional(Schema.String),
  providerRefs: JsonObject,
  cloudAgent: Schema.optional(JsonObject),
  /** How far the adapter has observed; only the adapter reads it. */
  cursor: Schema.optional(Json),
  /** Set before the status can become `completing`. */
  outcome: Schema.optional(Outcome),
  error: Schema.optional(TaskError),
  logLength: Schema.Int,
  /** Nothing is left to do: terminal, and every resource confirmed gone. */
  settled: Schema.Boolean,
  createdAt: Schema.Int,
  updatedAt: Schema.Int,
  /** When it left the queue. */
  admittedAt: Schema.optional(Schema.Int),
  /** When the far side first had it. */
  startedAt: Schema.optional(Schema.Int),
  /** Until when its backend wants to be left alone. */
  waitingUntil: Schema.optional(Schema.Int),
  /** Why we are stopping it, where that is nobody's wish; its error once nothing of it runs. */
  stopping: Schema.optional(TaskError),
  usage: Schema.optional(Usage)
})
export type Task = typeof Task.Type

/** A resource at a provider that costs money or a place until it is gone. */
export const Resource = Schema.Struct({
  /** Unique within the task; the adapter chooses it. */
  key: Schema.String,
  kind: Schema.String,
  /** What the adapter needs to find and remove it. */
  ref: JsonObject,
  state: Schema.Literal("intended", "created", "gone")
})
export type Resource = typeof Resource.Type
