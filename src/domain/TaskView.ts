import { DateTime, Schema } from "effect"
import { Json, JsonObject } from "./Json.js"
import { isTerminal, TaskStatus } from "./Lifecycle.js"
import { shrink, shrinkText } from "./Shrink.js"
import { type Artifact, Lineage, Target, type Task, TaskError, TaskType } from "./Task.js"
import type { TaskEvent } from "./TaskEvent.js"
import { AnswerField, type TaskQuestion } from "./TaskQuestion.js"
import { Terms, Usage } from "./Terms.js"

/** What a dispatch returns at once. */
export const TaskHandle = Schema.Struct({
  taskId: Schema.String,
  status: TaskStatus,
  provider: Schema.String,
  accountProfile: Schema.String,
  capability: Schema.String,
  backend: Schema.String,
  poll: Schema.Struct({ statusTool: Schema.String, logsTool: Schema.String, resultTool: Schema.String }),
  cloudAgent: Schema.optional(JsonObject)
})
export type TaskHandle = typeof TaskHandle.Type

export const EventView = Schema.Struct({
  number: Schema.Int,
  /** A `TaskEventType`; the list of them is not worth its tokens in every client. */
  type: Schema.String,
  at: Schema.String,
  message: Schema.optional(Schema.String),
  payload: Schema.optional(Json)
})

/** A question as its task's callers see it. */
export const QuestionView = Schema.Struct({
  key: Schema.String,
  question: Schema.String,
  fields: Schema.Array(AnswerField),
  expiresAt: Schema.optional(Schema.String)
})

/** The task record; of a caller that named a revision it already has, only what changed since. */
export const TaskStatusView = Schema.Struct({
  id: Schema.String,
  status: TaskStatus,
  revision: Schema.Int,
  /** Nothing a caller can see changed since the revision it named. */
  unchanged: Schema.optional(Schema.Boolean),
  provider: Schema.optional(Schema.String),
  accountProfile: Schema.optional(Schema.String),
  capability: Schema.optional(Schema.String),
  taskType: Schema.optional(TaskType),
  runtime: Schema.optional(Schema.String),
  target: Schema.optional(Target),
  input: Schema.optional(Json),
  metadata: Schema.optional(Json),
  backend: Schema.optional(Schema.String),
  backendName: Schema.optional(Schema.String),
  providerRefs: Schema.optional(Json),
  cloudAgent: Schema.optional(Json),
  result: Schema.optional(Json),
  error: Schema.optional(TaskError),
  /** What the agent waits for; answer_task answers it. */
  questions: Schema.optional(Schema.Array(QuestionView)),
  events: Schema.optional(Schema.Array(EventView)),
  /** There are more events: earlier ones, which `full: true` shows, or with it later ones, from `revision` on. */
  eventsOmitted: Schema.optional(Schema.Boolean),
  /** Of a queued task: what is before it, and when it may leave the queue, judged by the last ones. */
  queue: Schema.optional(Schema.Struct({ ahead: Schema.Int, estimatedStart: Schema.optional(Schema.String) })),
  /** Its backend wants to be left alone until then. */
  waitingUntil: Schema.optional(Schema.String),
  terms: Schema.optional(Terms),
  lineage: Schema.optional(Lineage),
  usage: Schema.optional(Usage),
  createdAt: Schema.optional(Schema.String),
  updatedAt: Schema.optional(Schema.String)
})
export type TaskStatusView = typeof TaskStatusView.Type

export const TaskSummary = Schema.Struct({
  taskId: Schema.String,
  status: TaskStatus,
  runtime: Schema.optional(Schema.String),
  provider: Schema.String,
  backend: Schema.String,
  taskType: TaskType,
  instruction: Schema.optional(Schema.String),
  revision: Schema.Int,
  createdAt: Schema.String,
  updatedAt: Schema.String
})
export type TaskSummary = typeof TaskSummary.Type

export const ArtifactView = Schema.Struct({
  id: Schema.String,
  taskId: Schema.String,
  kind: Schema.String,
  uri: Schema.String,
  contentType: Schema.optional(Schema.String),
  sizeBytes: Schema.optional(Schema.Int),
  createdAt: Schema.String
})

export const TaskResultView = Schema.Struct({
  taskId: Schema.String,
  status: TaskStatus,
  result: Schema.optional(Json),
  artifacts: Schema.Array(ArtifactView),
  error: Schema.optional(TaskError)
})
export type TaskResultView = typeof TaskResultView.Type

export const CancelView = Schema.Struct({
  status: Schema.Literal("cancelled", "not_found", "failed"),
  providerRefs: Schema.optional(JsonObject),
  error: Schema.optional(TaskError)
})
export type CancelView = typeof CancelView.Type

export const LogView = Schema.Struct({
  taskId: Schema.String,
  cursor: Schema.Int,
  nextCursor: Schema.Int,
  data: Schema.String
})

/** A time in milliseconds since 1970 as callers read it. */
export const iso = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))

/** Where a queued task stands; `now` is in milliseconds since 1970. */
export const place = (
  {
    ahead,
    lately,
    underWay
  }: { readonly ahead: number; readonly lately: ReadonlyArray<number>; readonly underWay: number },
  now: number
) => ({
  ahead,
  ...(lately.length === 0
    ? {}
    : {
        estimatedStart: iso(
          now +
            Math.round(
              ((ahead + 1) / Math.max(1, underWay)) * (lately.reduce((sum, took) => sum + took, 0) / lately.length)
            )
        )
      })
})

export const question = ({ key, question: text, fields, expiresAt }: TaskQuestion) => ({
  key,
  question: text,
  fields,
  ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) })
})

export const handle = (task: Task): TaskHandle => ({
  taskId: task.id,
  status: task.status,
  provider: task.request.provider,
  accountProfile: task.request.accountProfile,
  capability: task.request.capability,
  backend: task.request.adapter,
  poll: { statusTool: "get_task_status", logsTool: "get_task_logs", resultTool: "get_task_result" },
  ...(task.cloudAgent === undefined ? {} : { cloudAgent: task.cloudAgent })
})

/** A failed task's partial result stays readable; a task under way has none yet. */
const outcomeOf = (task: Task, size: (value: Json) => Json) => {
  if (!isTerminal(task.status)) return {}
  return {
    ...(task.outcome?.result === undefined ? {} : { result: size(task.outcome.result) }),
    ...(task.error === undefined ? {} : { error: size === shrink ? shortError(task.error) : task.error })
  }
}

/** An error that says at each place what was left out and, with `rest`, how to get it. */
export const shortError = (
  { code, details, message, ...error }: TaskError,
  rest?: string,
  most?: number
): TaskError => ({
  code: shrinkText(code, rest, shownCode),
  message: shrinkText(message, rest, most === undefined ? undefined : Math.floor(most / 3)),
  ...error,
  ...(details === undefined ? {} : { details: shrink(details, rest, most) })
})

const shownCode = 200

/** The whole record; large members are shrunk unless `full`. */
export const record = (task: Task, full: boolean): TaskStatusView => {
  const size = full ? (value: Json) => value : shrink
  const { request } = task
  return {
    id: task.id,
    status: task.status,
    revision: task.revision,
    provider: request.provider,
    accountProfile: request.accountProfile,
    capability: request.capability,
    taskType: request.taskType,
    ...(request.runtime === undefined ? {} : { runtime: request.runtime }),
    target: request.target,
    input: size(request.input),
    ...(request.metadata === undefined ? {} : { metadata: size(request.metadata) }),
    backend: request.adapter,
    backendName: request.backend,
    providerRefs: size(task.providerRefs),
    ...(task.cloudAgent === undefined ? {} : { cloudAgent: task.cloudAgent }),
    ...(request.terms === undefined ? {} : { terms: request.terms }),
    ...(task.lineage === undefined ? {} : { lineage: task.lineage }),
    ...movingOf(task),
    ...outcomeOf(task, size),
    createdAt: iso(task.createdAt),
    updatedAt: iso(task.updatedAt)
  }
}

export const unchanged = (task: Task): TaskStatusView => ({
  id: task.id,
  status: task.status,
  revision: task.revision,
  unchanged: true
})

/** Events as a page shows them. */
export interface EventPage {
  readonly events: ReadonlyArray<TaskEvent>
  readonly omitted: boolean
  /** Up to which revision the page tells. */
  readonly revision: number
}

/** What happened since a revision the caller has; the log has a tool of its own. */
export const delta = (task: Task, page: EventPage, full: boolean): TaskStatusView => {
  const size = full ? (value: Json) => value : shrink
  return {
    id: task.id,
    status: task.status,
    revision: page.revision,
    ...(page.omitted ? { eventsOmitted: true } : {}),
    events: page.events
      .filter((event) => event.type !== "task.log")
      .map((event) => ({
        number: event.number,
        type: event.type,
        at: iso(event.at),
        ...(event.message === undefined ? {} : { message: full ? event.message : shrinkText(event.message) }),
        ...(event.payload === undefined ? {} : { payload: size(event.payload) })
      })),
    ...movingOf(task),
    ...outcomeOf(task, size)
  }
}

const movingOf = ({ usage, waitingUntil }: Task) => ({
  ...(waitingUntil === undefined ? {} : { waitingUntil: iso(waitingUntil) }),
  ...(usage === undefined ? {} : { usage })
})

export const summary = (task: Task): TaskSummary => {
  const instruction = task.request.input["instruction"] ?? task.request.input["task"]
  return {
    taskId: task.id,
    status: task.status,
    ...(task.request.runtime === undefined ? {} : { runtime: task.request.runtime }),
    provider: task.request.provider,
    backend: task.request.adapter,
    taskType: task.request.taskType,
    ...(typeof instruction === "string" ? { instruction: shrinkText(instruction, "get_task_status has it", 120) } : {}),
    revision: task.revision,
    createdAt: iso(task.createdAt),
    updatedAt: iso(task.updatedAt)
  }
}

export const result = (task: Task, artifacts: ReadonlyArray<Artifact>): TaskResultView => ({
  taskId: task.id,
  status: task.status,
  ...outcomeOf(task, (value) => value),
  artifacts: artifacts.map((artifact) => ({
    id: artifact.id,
    taskId: task.id,
    kind: artifact.kind,
    uri: artifact.uri,
    ...(artifact.contentType === undefined ? {} : { contentType: artifact.contentType }),
    ...(artifact.sizeBytes === undefined ? {} : { sizeBytes: artifact.sizeBytes }),
    createdAt: iso(artifact.createdAt)
  }))
})
