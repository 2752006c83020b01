import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option, Schema } from "effect"
import { parentProblem } from "../domain/Admission.js"
import { InvalidInput } from "../domain/DispatchError.js"
import { isTerminal, TaskStatus } from "../domain/Lifecycle.js"
import { type Task, TaskId } from "../domain/Task.js"
import type { NewTask } from "../services/Store.js"
import { forShare } from "./SqlDialect.js"
import { decodeRows } from "./StoreRows.js"

const decodeDependencies = decodeRows(Schema.Struct({ id: TaskId, status: TaskStatus }))

/** How many of the last tasks of a backend tell how long the next ones take. */
const lately = 20

/** Refuses a parent that is unknown, ended or ending; belongs in the transaction that then creates the task. */
export const checkParent = Effect.fnUntraced(function* (sql: SqlClient, { lineage }: NewTask) {
  if (lineage?.parent === undefined) return
  const [row] = yield* sql`SELECT n.id, n.status FROM tasks n
    WHERE n.id = ${lineage.parent} ${forShare(sql)}`
  const [parent] = yield* decodeDependencies(row === undefined ? [] : [row])
  const problem = parentProblem(lineage.parent, parent?.status)
  if (problem !== undefined) return yield* new InvalidInput({ path: "parent_task_id", problem })
})

/** Remembers what new tasks wait for, and which of them can only fail. */
export const writeDependencies = Effect.fnUntraced(function* (sql: SqlClient, { id, lineage }: NewTask) {
  // One that ends meanwhile would not see that this one waits for it.
  for (const needs of lineage?.dependsOn ?? []) {
    yield* sql`SELECT n.id FROM tasks n WHERE n.id = ${needs} ${forShare(sql)}`
    yield* sql`INSERT INTO dependencies (task, needs)
      SELECT t.seq, n.seq FROM tasks t CROSS JOIN tasks n WHERE t.id = ${id} AND n.id = ${needs} ON CONFLICT DO NOTHING`
  }
  const found = yield* dependencies(sql, id)
  const missing = (lineage?.dependsOn ?? []).find((needs) => !found.some((dependency) => dependency.id === needs))
  if (missing !== undefined) {
    return yield* new InvalidInput({ path: "depends_on", problem: `there is no task "${missing}"` })
  }
  const open = found.filter(({ status }) => status !== "succeeded")
  if (open.length === 0) return
  yield* sql`UPDATE tasks SET blocked = ${open.length} WHERE id = ${id}`
  if (open.some(({ status }) => isTerminal(status))) yield* sql`UPDATE tasks SET expires_at = 0 WHERE id = ${id}`
})

/** Lets go, or dooms, what waited for a task that has just ended. */
export const settleDependents = (sql: SqlClient, seq: number, { status }: Task) => {
  const dependents = sql`SELECT task FROM dependencies WHERE needs = ${seq}`
  return status === "succeeded"
    ? sql`UPDATE tasks SET blocked = blocked - 1 WHERE blocked > 0 AND seq IN (${dependents})`
    : sql`UPDATE tasks SET expires_at = 0 WHERE status = 'queued' AND seq IN (${dependents})`
}

export const dependencies = Effect.fnUntraced(function* (sql: SqlClient, id: TaskId) {
  return yield* decodeDependencies(
    yield* sql`SELECT n.id, n.status FROM dependencies d JOIN tasks t ON t.seq = d.task JOIN tasks n ON n.seq = d.needs
      WHERE t.id = ${id} ORDER BY n.seq`
  )
})

export const queue = Effect.fnUntraced(function* (sql: SqlClient, id: TaskId) {
  const [own] = yield* sql<{
    seq: number
    backend: string
    priority: number
    host: string | null
  }>`SELECT seq, backend, priority, host FROM tasks WHERE id = ${id} AND status = 'queued'`
  if (own === undefined) return Option.none()
  const { backend, host, priority, seq } = own
  const alike = sql`backend = ${backend} AND host IS NOT DISTINCT FROM ${host}`
  const [before] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM tasks WHERE settled = 0
    AND status = 'queued' AND ${alike} AND (priority > ${priority} OR (priority = ${priority} AND seq < ${seq}))`
  const [running] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM tasks WHERE settled = 0
    AND status <> 'queued' AND ${alike} AND status NOT IN ('succeeded', 'failed', 'cancelled')`
  const last = yield* sql<{ took: number }>`SELECT updated_at - admitted_at AS took FROM tasks
    WHERE status IN ('succeeded', 'failed', 'cancelled') AND ${alike} AND admitted_at IS NOT NULL
    ORDER BY updated_at DESC LIMIT ${lately}`
  return Option.some({
    ahead: Number(before?.count ?? 0),
    underWay: Number(running?.count ?? 0),
    lately: last.map(({ took }) => Number(took))
  })
})
