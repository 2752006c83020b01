import type { SqlClient } from "@effect/sql/SqlClient"
import type { Row } from "@effect/sql/SqlConnection"
import { Effect, Record, Schema } from "effect"
import { Json, JsonObject } from "../domain/Json.js"
import { lineOf, queueEnd } from "../domain/Admission.js"
import { Artifact, Lineage, Outcome, Resource, RoutedRequest, Task, TaskError, TaskId } from "../domain/Task.js"
import { TaskEvent } from "../domain/TaskEvent.js"
import { isOpen, TaskQuestion } from "../domain/TaskQuestion.js"
import { Usage } from "../domain/Terms.js"
import type { Journal } from "../services/Journal.js"

const TaskRow = Schema.Struct({
  ...Task.fields,
  request: Schema.parseJson(RoutedRequest),
  providerRefs: Schema.parseJson(JsonObject),
  cloudAgent: Schema.optional(Schema.parseJson(JsonObject)),
  cursor: Schema.optional(Schema.parseJson(Json)),
  outcome: Schema.optional(Schema.parseJson(Outcome)),
  error: Schema.optional(Schema.parseJson(TaskError)),
  lineage: Schema.optional(Schema.parseJson(Lineage)),
  stopping: Schema.optional(Schema.parseJson(TaskError)),
  usage: Schema.optional(Schema.parseJson(Usage)),
  settled: Schema.transformLiterals([0, false], [1, true]),
  seq: Schema.Int,
  eventCount: Schema.Int,
  artifactCount: Schema.Int
})

/** A task's row: its journal and its number in this database. */
export interface Kept extends Journal {
  readonly seq: number
}

/** The columns a task is read from, of `tasks t` joined with `requests r`. */
export const taskColumns = (sql: SqlClient) =>
  sql.literal(`t.seq, t.id, t.status, t.settled, t.revision, t.epoch, t.attempt, t.cursor, t.error, t.outcome,
    t.principal, t.alias, t.host, r.request,
    t.start_token AS "startToken", t.log_length AS "logLength", t.event_count AS "eventCount",
    t.artifact_count AS "artifactCount", t.created_at AS "createdAt", t.updated_at AS "updatedAt",
    t.provider_refs AS "providerRefs", t.cloud_agent AS "cloudAgent", t.lineage, t.stopping, t.usage,
    t.admitted_at AS "admittedAt", t.started_at AS "startedAt", t.waiting_until AS "waitingUntil"`)

/** Rows as values; a NULL is an absent member, which a JSON `null` in a column is not. */
export const decodeRows = <A, I>(row: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknown(Schema.Array(row))
  return (rows: ReadonlyArray<Row>) => decode(rows.map(Record.filter((value) => value !== null)))
}

const decodeTaskRows = decodeRows(TaskRow)

export const decodeTasks = (rows: ReadonlyArray<Row>) =>
  Effect.map(decodeTaskRows(rows), (decoded) => decoded.map(keptOf))

const keptOf = ({ seq, eventCount, artifactCount, ...task }: typeof TaskRow.Type): Kept => ({
  seq,
  eventCount,
  artifactCount,
  task
})

const Numbered = Schema.Struct({ seq: Schema.Int, id: TaskId })
export const decodeIds = decodeRows(Numbered)
export const decodeRequests = decodeRows(
  Schema.Struct({ ...Numbered.fields, request: Schema.parseJson(RoutedRequest) })
)

export const decodeEvents = decodeRows(
  Schema.Struct({ ...TaskEvent.fields, payload: Schema.optional(Schema.parseJson(Json)) })
)

export const decodeArtifacts = decodeRows(Schema.Struct({ artifact: Schema.parseJson(Artifact) }))

export const decodeResources = decodeRows(Schema.Struct({ ...Resource.fields, ref: Schema.parseJson(JsonObject) }))

export const decodeQuestions = decodeRows(Schema.Struct({ question: Schema.parseJson(TaskQuestion) }))

/** Values of our own types always have a text, so one that has none is a defect. */
const encode = {
  json: Schema.encodeSync(Schema.parseJson(Json)),
  request: Schema.encodeSync(Schema.parseJson(RoutedRequest)),
  outcome: Schema.encodeSync(Schema.parseJson(Outcome)),
  error: Schema.encodeSync(Schema.parseJson(TaskError)),
  lineage: Schema.encodeSync(Schema.parseJson(Lineage)),
  usage: Schema.encodeSync(Schema.parseJson(Usage)),
  artifact: Schema.encodeSync(Schema.parseJson(Artifact)),
  question: Schema.encodeSync(Schema.parseJson(TaskQuestion))
}

const orNull = <A>(value: A | undefined, encoded: (value: A) => string): string | null =>
  value === undefined ? null : encoded(value)

/** The columns of a new task that never change. */
export const fixedColumns = (task: Task) => ({
  id: task.id,
  created_at: task.createdAt,
  provider: task.request.provider,
  runtime: task.request.runtime ?? null,
  backend: task.request.backend,
  principal: task.principal ?? null,
  alias: task.alias ?? null,
  host: task.host ?? null,
  lineage: orNull(task.lineage, encode.lineage),
  grp: task.lineage?.group ?? null,
  parent: task.lineage?.parent ?? null,
  line: lineOf(task),
  priority: task.request.terms?.priority ?? 0,
  expires_at: queueEnd(task) ?? null
})

export const requestText = ({ request }: Task): string => encode.request(request)

/** The small columns that most changes touch. */
export const movingColumns = (task: Task) => ({
  status: task.status,
  settled: task.settled ? 1 : 0,
  revision: task.revision,
  attempt: task.attempt,
  start_token: task.startToken ?? null,
  log_length: task.logLength,
  updated_at: task.updatedAt,
  admitted_at: task.admittedAt ?? null,
  started_at: task.startedAt ?? null,
  waiting_until: task.waitingUntil ?? null,
  cursor: orNull(task.cursor, encode.json)
})

/** The columns that can be large, apart so that they are written only when they change. */
export const largeColumns = {
  providerRefs: (task: Task) => ({ provider_refs: encode.json(task.providerRefs) }),
  cloudAgent: (task: Task) => ({ cloud_agent: orNull(task.cloudAgent, encode.json) }),
  outcome: (task: Task) => ({ outcome: orNull(task.outcome, encode.outcome) }),
  error: (task: Task) => ({ error: orNull(task.error, encode.error) }),
  stopping: (task: Task) => ({ stopping: orNull(task.stopping, encode.error) }),
  usage: (task: Task) => ({ usage: orNull(task.usage, encode.usage) })
}

export const eventRow = (seq: number, event: TaskEvent) => ({
  task: seq,
  number: event.number,
  revision: event.revision,
  at: event.at,
  type: event.type,
  message: event.message ?? null,
  payload: orNull(event.payload, encode.json)
})

export const artifactRow = (seq: number, number: number, artifact: Artifact) => ({
  task: seq,
  number,
  artifact: encode.artifact(artifact)
})

export const resourceRow = (seq: number, { key, kind, ref, state }: Resource) => ({
  task: seq,
  key,
  kind,
  ref: encode.json(ref),
  state
})

export const questionRow = (seq: number, question: TaskQuestion) => ({
  task: seq,
  key: question.key,
  asked_at: question.askedAt,
  answered: isOpen(question) ? 0 : 1,
  delivered: question.delivered ? 1 : 0,
  question: encode.question(question)
})
