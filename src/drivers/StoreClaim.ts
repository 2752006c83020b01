import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { ParseResult } from "effect"
import { Effect } from "effect"
import type { TaskId } from "../domain/Task.js"
import type { ClaimRequest } from "../services/Store.js"
import { decodeRequests, decodeTasks, type Kept, taskColumns } from "./StoreRows.js"

type Reading<A> = Effect.Effect<A, SqlError | ParseResult.ParseError>

/**
 * The tasks a claim may take, in the order it takes them. Within one backend the oldest queued task decides: while it
 * finds no room, no younger one overtakes it.
 */
export const claimable = (sql: SqlClient, { owner, only, limit, capacity }: ClaimRequest, now: number) => {
  const living = sql`SELECT owner FROM owners WHERE lease_until > ${now}`
  const free = sql`t.due_at <= ${now} AND (t.owner IS NULL OR t.owner NOT IN (SELECT ${owner} UNION ALL ${living})) AND ${only === undefined ? sql`1 = 1` : sql`t.id = ${only}`}`

  // The sum keeps SQLite from walking all tasks in the order it is asked for instead of seeking the few under way.
  const underWay: Reading<ReadonlyArray<number>> = Effect.map(
    sql<{ seq: number }>`SELECT t.seq FROM tasks t
      WHERE t.settled = 0 AND t.status <> 'queued' AND ${free} ORDER BY t.seq + 0 LIMIT ${limit}`,
    (rows) => rows.map(({ seq }) => seq)
  )

  /** Steps from one name to the next, so that it costs the backends and not their tasks. */
  const backends = Effect.map(
    sql<{ backend: string }>`WITH RECURSIVE names (backend) AS (
      SELECT min(backend) FROM tasks WHERE settled = 0 AND status = 'queued'
      UNION ALL
      SELECT (SELECT min(t.backend) FROM tasks t WHERE t.settled = 0 AND t.status = 'queued' AND t.backend > names.backend)
      FROM names WHERE names.backend IS NOT NULL
    ) SELECT backend FROM names WHERE backend IS NOT NULL`,
    (rows) => rows.map(({ backend }) => backend)
  )

  const backendOf = (id: TaskId) =>
    Effect.map(
      sql<{ backend: string }>`SELECT backend FROM tasks WHERE settled = 0 AND status = 'queued' AND id = ${id}`,
      (rows) => rows.map(({ backend }) => backend)
    )

  const active = (backend: string) =>
    Effect.map(
      sql<{ count: number }>`SELECT
        (SELECT count(*) FROM tasks WHERE settled = 0 AND status <> 'queued' AND backend = ${backend}
          AND status NOT IN ('succeeded', 'failed', 'cancelled'))
        + (SELECT count(*) FROM owners o CROSS JOIN tasks t WHERE o.lease_until > ${now} AND t.owner = o.owner
          AND t.backend = ${backend} AND t.settled = 0 AND t.status = 'queued') AS count`,
      ([row]) => row?.count ?? 0
    )

  const oldest = (backend: string, after: number, most: number) =>
    Effect.flatMap(
      sql`SELECT t.seq, r.request FROM tasks t JOIN requests r ON r.task = t.seq
        WHERE t.settled = 0 AND t.status = 'queued' AND t.backend = ${backend} AND t.seq > ${after} AND ${free}
        ORDER BY t.seq LIMIT ${most}`,
      decodeRequests
    )

  const fitting = Effect.fnUntraced(function* (backend: string, room: number) {
    const taken: Array<number> = []
    let count = yield* active(backend)
    let batch = 1
    while (taken.length < room) {
      const rows = yield* oldest(backend, taken.at(-1) ?? 0, Math.min(batch, room - taken.length))
      const refused = rows.findIndex(({ request }, index) => count + index >= capacity(request))
      const fit = refused === -1 ? rows : rows.slice(0, refused)
      taken.push(...fit.map(({ seq }) => seq))
      count += fit.length
      if (refused !== -1 || rows.length < batch) break
      batch = Math.max(1, ...rows.map(({ request }) => capacity(request) - count))
    }
    return taken
  })

  return Effect.gen(function* () {
    if (limit <= 0) return []
    const begun = yield* underWay
    const room = limit - begun.length
    if (room === 0) return begun
    const names = yield* only === undefined ? backends : backendOf(only)
    const queued = yield* Effect.forEach(names, (backend) => fitting(backend, room))
    return [
      ...begun,
      ...queued
        .flat()
        .sort((a, b) => a - b)
        .slice(0, room)
    ]
  })
}

/** Gives tasks to an owner, each under a new epoch; leases that are over are forgotten meanwhile. */
export const take = (
  sql: SqlClient,
  owner: string,
  seqs: ReadonlyArray<number>,
  now: number
): Reading<ReadonlyArray<Kept>> =>
  Effect.gen(function* () {
    yield* sql`UPDATE tasks SET owner = ${owner}, epoch = epoch + 1 WHERE ${sql.in("seq", seqs)}`
    yield* sql`DELETE FROM owners WHERE lease_until <= ${now} AND owner <> ${owner}`
    const rows =
      yield* sql`SELECT ${taskColumns(sql)} FROM tasks t JOIN requests r ON r.task = t.seq WHERE ${sql.in("t.seq", seqs)}`
    const bySeq = new Map((yield* decodeTasks(rows)).map((kept) => [kept.seq, kept]))
    return seqs.flatMap((seq) => bySeq.get(seq) ?? [])
  })
