import type { SqlClient } from "@effect/sql/SqlClient"
import type { Statement } from "@effect/sql/Statement"
import { Array, Clock, Effect } from "effect"
import { rememberedDays } from "../domain/Expired.js"
import { cutOf, type LogPiece } from "../domain/LogCut.js"
import { dayMillis } from "../domain/RetentionConfig.js"
import type { Standing } from "../domain/Sweep.js"
import { TaskId } from "../domain/Task.js"
import type { Ended, Upkeep } from "../services/Upkeep.js"
import { storeFailed } from "./SqlFault.js"
import { decodeTasks, taskColumns } from "./StoreRows.js"

const failures = { SqlError: storeFailed, ParseError: storeFailed } as const

/** Tables whose rows belong to a task, in an order that breaks no reference. */
const ofTask = [
  "dependencies",
  "idempotency_keys",
  "quota_uses",
  "questions",
  "resources",
  "artifacts",
  "log_pieces",
  "events",
  "requests"
]

/** What a task's record holds in a database, in bytes of text; what a row costs besides is left out. */
const recordBytes = (sql: SqlClient) => sql`SELECT task, sum(bytes) AS bytes FROM (
    SELECT task, octet_length(text) AS bytes FROM log_pieces
    UNION ALL SELECT task, coalesce(octet_length(message), 0) + coalesce(octet_length(payload), 0) FROM events
    UNION ALL SELECT task, octet_length(request) FROM requests
    UNION ALL SELECT seq, coalesce(octet_length(outcome), 0) FROM tasks
  ) parts GROUP BY task`

/** The part of a query that picks settled tasks which may be deleted: nobody queued needs to know how they ended. */
const deletable = (sql: SqlClient, { before, listeningSince }: Ended): Statement<object> =>
  sql`t.settled = 1 AND t.status IN ('succeeded', 'failed', 'cancelled') AND t.updated_at < ${before}
    AND NOT EXISTS (SELECT 1 FROM listeners l
      WHERE l.heard_until >= ${listeningSince} AND l.heard_until < t.updated_at)
    AND NOT EXISTS (SELECT 1 FROM dependencies d JOIN tasks w ON w.seq = d.task
      WHERE d.needs = t.seq AND w.status = 'queued')`

interface Weighed {
  readonly id: string
  readonly bytes: number
}

const weight = ({ id, bytes }: Weighed) => ({ id: TaskId.make(id), bytes: Number(bytes) })

/** Keeps the database in order: findings, reservations, and what becomes of old records. */
export const upkeep = (sql: SqlClient): Upkeep => ({
  reserve: Effect.fn("store.reserve")(
    function* (name, owner, until) {
      const now = yield* Clock.currentTimeMillis
      const rows = yield* sql`INSERT INTO reservations ${sql.insert({ name, owner, until_at: until })}
        ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_at = excluded.until_at
        WHERE reservations.owner = excluded.owner OR reservations.until_at <= ${now} RETURNING name`
      return rows.length > 0
    },
    Effect.catchTag("SqlError", storeFailed)
  ),

  note: Effect.fn("store.note")(
    function* (keys) {
      const now = yield* Clock.currentTimeMillis
      return yield* sql.withTransaction(
        Effect.gen(function* () {
          const rows = yield* sql<{ finding: string; since: number }>`SELECT finding, since FROM sweep_findings`
          const wanted = new Set(keys)
          const known = new Map(rows.map(({ finding, since }) => [finding, Number(since)]))
          const over = [...known.keys()].filter((key) => !wanted.has(key))
          const fresh = [...wanted].filter((key) => !known.has(key))
          for (const some of Array.chunksOf(over, 1_000))
            yield* sql`DELETE FROM sweep_findings WHERE ${sql.in("finding", some)}`
          for (const some of Array.chunksOf(fresh, 1_000))
            yield* sql`INSERT INTO sweep_findings ${sql.insert(some.map((finding) => ({ finding, since: now })))}`
          return new Map([...known].filter(([key]) => wanted.has(key)))
        })
      )
    },
    Effect.catchTag("SqlError", storeFailed)
  ),

  loose: Effect.fn("store.loose")(function* (limit) {
    const rows = yield* sql<{ seq: number; owner: string | null; lease_until: number | null; due_at: number }>`
      SELECT ${taskColumns(sql)}, t.owner, t.due_at, o.lease_until FROM tasks t
      JOIN requests r ON r.task = t.seq LEFT JOIN owners o ON o.owner = t.owner
      WHERE t.settled = 0 ORDER BY t.updated_at, t.seq LIMIT ${limit}`
    const kept = yield* decodeTasks(rows)
    return kept.map(({ task }, index) => {
      const owner = rows[index]?.owner ?? undefined
      const leaseUntil = Number(rows[index]?.lease_until ?? 0)
      return { task, dueAt: Number(rows[index]?.due_at ?? 0), ...(owner === undefined ? {} : { owner, leaseUntil }) }
    })
  }, Effect.catchTags(failures)),

  standings: Effect.fn("store.standings")(
    function* (ids) {
      const found = yield* Effect.forEach(
        Array.chunksOf(ids, 1_000),
        Effect.fnUntraced(function* (some) {
          const tasks = yield* sql<{ id: string; settled: number; updated_at: number }>`SELECT id, settled, updated_at
            FROM tasks WHERE ${sql.in("id", some)}`
          const gone = yield* sql<{
            id: string
            deleted_at: number
            export: string | null
          }>`SELECT id, deleted_at, export
            FROM expired_tasks WHERE ${sql.in("id", some)}`
          const standings: Array<readonly [string, Standing]> = []
          for (const { id, deleted_at: since, export: file } of gone)
            standings.push([id, { is: "deleted", since: Number(since), exported: file !== null }])
          for (const { id, settled, updated_at: since } of tasks)
            standings.push([id, settled === 0 ? { is: "living" } : { is: "settled", since: Number(since) }])
          return standings
        })
      )
      return new Map(found.flat())
    },
    Effect.catchTag("SqlError", storeFailed)
  ),

  ended: Effect.fn("store.ended")(function* (query) {
    const rows = yield* sql`SELECT ${taskColumns(sql)} FROM tasks t JOIN requests r ON r.task = t.seq
      WHERE ${deletable(sql, query)} ORDER BY t.updated_at, t.seq LIMIT ${query.limit}`
    return (yield* decodeTasks(rows)).map(({ task }) => task)
  }, Effect.catchTags(failures)),

  longLogs: Effect.fn("store.longLogs")(
    function* ({ before, bytes, limit }) {
      // A UTF-16 unit has three bytes at most, so most logs need not be read to know that they are short.
      const rows = yield* sql<Weighed>`SELECT t.id, sum(octet_length(p.text)) AS bytes
        FROM tasks t JOIN log_pieces p ON p.task = t.seq
        WHERE t.settled = 1 AND t.status IN ('succeeded', 'failed', 'cancelled') AND t.updated_at < ${before}
          AND t.log_length > ${Math.floor(bytes / 3)}
        GROUP BY t.seq, t.id HAVING sum(octet_length(p.text)) > ${bytes} ORDER BY t.seq LIMIT ${limit}`
      return rows.map(weight)
    },
    Effect.catchTag("SqlError", storeFailed)
  ),

  weights: Effect.fn("store.weights")(
    function* (query) {
      const [sum] = yield* sql<{ total: number | null }>`SELECT sum(bytes) AS total FROM (${recordBytes(sql)}) weighed`
      const oldest =
        yield* sql<Weighed>`SELECT t.id, w.bytes FROM tasks t JOIN (${recordBytes(sql)}) w ON w.task = t.seq
        WHERE ${deletable(sql, query)} ORDER BY t.updated_at, t.seq LIMIT ${query.limit}`
      return { total: Number(sum?.total ?? 0), oldest: oldest.map(weight) }
    },
    Effect.catchTag("SqlError", storeFailed)
  ),

  cutLog: Effect.fn("store.cutLog")(
    function* (id, maxBytes) {
      const now = yield* Clock.currentTimeMillis
      return yield* sql.withTransaction(
        Effect.gen(function* () {
          const [task] = yield* sql<{ seq: number }>`SELECT seq FROM tasks WHERE id = ${id} AND settled = 1`
          if (task === undefined) return 0
          const rows = yield* sql<{ start: number; bytes: number }>`SELECT start, octet_length(text) AS bytes
            FROM log_pieces WHERE task = ${task.seq} ORDER BY start`
          const [whole] = yield* sql<{ length: number }>`SELECT log_length AS length FROM tasks WHERE seq = ${task.seq}`
          const pieces = rows.map(({ start, bytes }, index): LogPiece => {
            const end = Number(rows[index + 1]?.start ?? whole?.length ?? start)
            return { start: Number(start), length: end - Number(start), bytes: Number(bytes) }
          })
          const cut = cutOf(pieces, maxBytes, now)
          if (cut === undefined) return 0
          const { from, to, note } = cut
          const shift = to - from - note.length
          yield* sql`DELETE FROM log_pieces WHERE task = ${task.seq} AND start >= ${from} AND start < ${to}`
          // By way of the negative numbers, because a piece must not pass through another's place.
          yield* sql`UPDATE log_pieces SET start = -1 - (start - ${shift}) WHERE task = ${task.seq} AND start >= ${to}`
          yield* sql`UPDATE log_pieces SET start = -1 - start WHERE task = ${task.seq} AND start < 0`
          yield* sql`INSERT INTO log_pieces ${sql.insert({ task: task.seq, start: from, text: note })}`
          yield* sql`UPDATE tasks SET log_length = log_length - ${shift} WHERE seq = ${task.seq}`
          return cut.bytes
        })
      )
    },
    Effect.catchTag("SqlError", storeFailed)
  ),

  forget: Effect.fn("store.forget")(
    function* ({ id, revision, logLength }, exported) {
      const now = yield* Clock.currentTimeMillis
      return yield* sql.withTransaction(
        Effect.gen(function* () {
          const [task] = yield* sql<{ seq: number }>`SELECT seq FROM tasks WHERE id = ${id} AND settled = 1
            AND status IN ('succeeded', 'failed', 'cancelled')
            AND revision = ${revision} AND log_length = ${logLength}`
          if (task === undefined) return false
          yield* sql`INSERT INTO expired_tasks (id, alias, principal, status, ended_at, deleted_at, export)
            SELECT id, alias, principal, status, updated_at, ${now}, ${exported ?? null} FROM tasks WHERE seq = ${task.seq}`
          yield* sql`INSERT INTO spent_keys (key, fingerprint, id)
            SELECT key, fingerprint, ${id} FROM idempotency_keys WHERE task = ${task.seq}`
          for (const table of ofTask) yield* sql`DELETE FROM ${sql(table)} WHERE task = ${task.seq}`
          yield* sql`DELETE FROM dependencies WHERE needs = ${task.seq}`
          yield* sql`DELETE FROM tasks WHERE seq = ${task.seq}`
          const old = sql`SELECT id FROM expired_tasks WHERE deleted_at < ${now - rememberedDays * dayMillis}`
          yield* sql`DELETE FROM spent_keys WHERE id IN (${old})`
          yield* sql`DELETE FROM expired_tasks WHERE deleted_at < ${now - rememberedDays * dayMillis}`
          return true
        })
      )
    },
    Effect.catchTag("SqlError", storeFailed)
  )
})
