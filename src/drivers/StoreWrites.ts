import type { SqlClient } from "@effect/sql/SqlClient"
import { Array, Effect } from "effect"
import { isTerminal } from "../domain/Lifecycle.js"
import type { Addition } from "../services/Journal.js"
import { piecesOf } from "../services/LogText.js"
import type { Change, NewTask } from "../services/Store.js"
import { settleDependents } from "./StoreLineage.js"
import { andTell } from "./SqlDialect.js"
import {
  artifactRow,
  eventRow,
  fixedColumns,
  type Kept,
  largeColumns,
  movingColumns,
  questionRow,
  requestText,
  resourceRow
} from "./StoreRows.js"

/** Keeps a statement's parameters far below what SQLite (32,766) and PostgreSQL (65,535) take. */
const rowsAtOnce = 1_000

const insertAll = (sql: SqlClient, table: string, rows: ReadonlyArray<Record<string, string | number | null>>) =>
  Effect.forEach(Array.chunksOf(rows, rowsAtOnce), (some) => sql`INSERT INTO ${sql(table)} ${sql.insert(some)}`, {
    discard: true
  })

export const insertTask = Effect.fnUntraced(function* (
  sql: SqlClient,
  { task, events }: Addition,
  idempotency: NewTask["idempotency"]
) {
  const columns = {
    ...fixedColumns(task),
    ...movingColumns(task),
    ...largeColumns.providerRefs(task),
    ...largeColumns.cloudAgent(task),
    epoch: task.epoch,
    due_at: 0,
    event_count: events.length,
    artifact_count: 0
  }
  const [row] = yield* sql<{ seq: number }>`INSERT INTO tasks ${sql.insert(columns)} RETURNING seq`
  if (row === undefined) return yield* Effect.dieMessage("an inserted row has a number")
  yield* sql`INSERT INTO requests ${sql.insert({ task: row.seq, request: requestText(task) })}`
  yield* insertAll(
    sql,
    "events",
    events.map((event) => eventRow(row.seq, event))
  )
  if (idempotency === undefined) return
  yield* sql`INSERT INTO idempotency_keys ${sql.insert({ ...idempotency, task: row.seq })}`
})

/** Writes what a change came to, inside the transaction that read the task. */
export const writeAddition = Effect.fnUntraced(function* (
  sql: SqlClient,
  before: Kept,
  addition: Addition,
  change: Change
) {
  const { task, events, log, artifacts } = addition
  const { seq, eventCount, artifactCount } = before
  const columns = {
    ...movingColumns(task),
    event_count: eventCount + events.length,
    artifact_count: artifactCount + artifacts.length,
    ...(change.dueAt === undefined ? {} : { due_at: change.dueAt }),
    ...(change.providerRefs === undefined ? {} : largeColumns.providerRefs(task)),
    ...(change.cloudAgent === undefined ? {} : largeColumns.cloudAgent(task)),
    ...(change.outcome === undefined ? {} : largeColumns.outcome(task)),
    ...(change.error === undefined ? {} : largeColumns.error(task)),
    ...(change.stopping === undefined ? {} : largeColumns.stopping(task)),
    ...(change.usage === undefined ? {} : largeColumns.usage(task))
  }
  const telling = task.revision === before.task.revision ? sql.literal("") : andTell(sql)
  yield* sql`UPDATE tasks SET ${sql.update(columns)} WHERE seq = ${seq} ${telling}`
  if (isTerminal(task.status) && !isTerminal(before.task.status)) yield* settleDependents(sql, seq, task)
  yield* insertAll(
    sql,
    "events",
    events.map((event) => eventRow(seq, event))
  )
  yield* insertAll(
    sql,
    "log_pieces",
    piecesOf(log, before.task.logLength).map((piece) => ({ task: seq, ...piece }))
  )
  yield* insertAll(
    sql,
    "artifacts",
    artifacts.map((artifact, index) => artifactRow(seq, artifactCount + index + 1, artifact))
  )
  yield* Effect.forEach(
    change.resources ?? [],
    (resource) => sql`INSERT INTO resources ${sql.insert(resourceRow(seq, resource))}
      ON CONFLICT (task, key) DO UPDATE SET kind = excluded.kind, ref = excluded.ref, state = excluded.state`,
    { discard: true }
  )
  yield* Effect.forEach(
    change.questions ?? [],
    (question) => sql`INSERT INTO questions ${sql.insert(questionRow(seq, question))} ON CONFLICT (task, key)
      DO UPDATE SET answered = excluded.answered, delivered = excluded.delivered, question = excluded.question`,
    { discard: true }
  )
})
