import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { ParseResult } from "effect"
import { Effect } from "effect"
import {
  admit,
  type Counts,
  countsOf,
  type Line,
  readLine,
  roomOf,
  takenOf,
  type Waiting
} from "../domain/Admission.js"
import type { ClaimRequest } from "../services/Store.js"
import type { TaskId } from "../domain/Task.js"
import { decodeIds, decodeRequests, decodeTasks, type Kept, taskColumns } from "./StoreRows.js"

type Reading<A> = Effect.Effect<A, SqlError | ParseResult.ParseError>

/** A task that could be claimed. */
interface Candidate {
  readonly seq: number
  readonly id: TaskId
}

/** The numbers of the tasks a claim may take, in the order it takes them. */
export const claimable = (
  sql: SqlClient,
  { owner, only, limit, host, mine = () => true, capacity, most = () => undefined }: ClaimRequest,
  now: number
) => {
  const living = sql`SELECT owner FROM owners WHERE lease_until > ${now}`
  const free = sql`t.due_at <= ${now} AND (t.owner IS NULL OR (t.owner <> ${owner} AND t.owner NOT IN (${living}))) AND ${only === undefined ? sql`1 = 1` : sql`t.id = ${only}`}`

  const here = host === undefined ? sql`1 = 1` : sql`(t.host IS NULL OR t.host = ${host})`

  // The sum keeps SQLite from walking all tasks in the order it is asked for instead of seeking the few under way.
  const underWay: Reading<ReadonlyArray<Candidate>> = Effect.flatMap(
    sql`SELECT t.seq, t.id FROM tasks t
      WHERE t.settled = 0 AND t.status <> 'queued' AND ${free} AND ${here} ORDER BY t.seq + 0 LIMIT ${limit}`,
    decodeIds
  )

  /** Queued tasks that need no room, because all that is left for them is to fail. */
  const failing = (room: number): Reading<ReadonlyArray<Candidate>> =>
    Effect.flatMap(
      sql`SELECT t.seq, t.id FROM tasks t
        WHERE t.settled = 0 AND t.status = 'queued' AND t.expires_at <= ${now} AND ${free} ORDER BY t.seq + 0 LIMIT ${room}`,
      decodeIds
    )

  /** Steps from one line to the next, so that it costs the lines and not their tasks. */
  const lines: Reading<ReadonlyArray<string>> = Effect.map(
    only === undefined
      ? sql<{ line: string }>`WITH RECURSIVE lines (line) AS (
          SELECT min(line) FROM tasks WHERE settled = 0 AND status = 'queued' AND blocked = 0
          UNION ALL
          SELECT (SELECT min(t.line) FROM tasks t
            WHERE t.settled = 0 AND t.status = 'queued' AND t.blocked = 0 AND t.line > lines.line)
          FROM lines WHERE lines.line IS NOT NULL
        ) SELECT line FROM lines WHERE line IS NOT NULL`
      : sql<{ line: string }>`SELECT line FROM tasks
          WHERE settled = 0 AND status = 'queued' AND blocked = 0 AND id = ${only}`,
    (rows) => rows.map(({ line }) => line)
  )

  const counts: Reading<Counts> = Effect.map(
    sql<{ line: string; tasks: number }>`SELECT line, count(*) AS tasks FROM tasks
        WHERE settled = 0 AND status <> 'queued' AND status NOT IN ('succeeded', 'failed', 'cancelled') GROUP BY line
      UNION ALL
      SELECT t.line, count(*) AS tasks FROM owners o CROSS JOIN tasks t WHERE o.lease_until > ${now} AND t.owner = o.owner
        AND t.settled = 0 AND t.status = 'queued' GROUP BY t.line`,
    (rows) => countsOf(rows.map(({ line, tasks }) => [readLine(line), Number(tasks)]))
  )

  const waiting = (line: string, after: number, room: number): Reading<ReadonlyArray<Waiting<Candidate>>> =>
    Effect.map(
      Effect.flatMap(
        sql`SELECT t.seq, t.id, r.request FROM tasks t JOIN requests r ON r.task = t.seq
          WHERE t.settled = 0 AND t.status = 'queued' AND t.blocked = 0 AND t.line = ${line} AND t.seq > ${after} AND ${free} AND ${here}
          ORDER BY t.seq LIMIT ${room}`,
        decodeRequests
      ),
      (rows) => rows.map(({ id, request, seq }) => ({ seq, request, task: { seq, id } }))
    )

  const queued = Effect.fnUntraced(function* (room: number) {
    const texts = yield* lines
    if (texts.length === 0) return []
    const before = yield* counts
    const open = yield* Effect.forEach(texts, (text) => {
      const line = readLine(text)
      const places = Math.min(room, roomOf(line, before, most))
      return places < 1
        ? Effect.succeed([])
        : Effect.map(placed(text, line, places, before), (found) => [{ line, waiting: found }])
    })
    return admit(open.flat(), before, { most, capacity }, room)
  })

  /** What a line's tasks say of their backend's room tells how many more are worth reading. */
  const placed = Effect.fnUntraced(function* (text: string, line: Line, places: number, before: Counts) {
    const found: Array<Waiting<Candidate>> = []
    let batch = 1
    while (found.length < places) {
      const rows = yield* waiting(text, found.at(-1)?.seq ?? 0, Math.min(batch, places - found.length))
      const rooms = rows.map(({ request }) => capacity(request) - takenOf(before, line, request) - found.length)
      found.push(...rows)
      if (rows.length < batch || rooms.some((room, index) => room <= index)) break
      batch = Math.max(1, ...rooms.map((room) => room - rows.length))
    }
    return found
  })

  const candidates = Effect.gen(function* () {
    const begun = yield* underWay
    if (begun.length === limit) return begun
    const ending = yield* failing(limit - begun.length)
    const before = [...begun, ...ending]
    const room = limit - before.length
    const admitted = room === 0 ? [] : yield* queued(room)
    return [...before, ...admitted.filter(({ seq }) => ending.every((one) => one.seq !== seq))]
  })

  return limit <= 0
    ? Effect.succeed([])
    : Effect.map(candidates, (found) => found.flatMap(({ id, seq }) => (mine(id) ? [seq] : [])))
}

/**
 * Gives tasks to an owner, each under a new epoch; leases that are over are forgotten meanwhile. What a silent owner had
 * claimed and not begun was not counted, so it must not begin it any more.
 */
export const take = (
  sql: SqlClient,
  owner: string,
  seqs: ReadonlyArray<number>,
  now: number
): Reading<ReadonlyArray<Kept>> =>
  Effect.gen(function* () {
    yield* sql`UPDATE tasks SET owner = ${owner}, epoch = epoch + 1 WHERE ${sql.in("seq", seqs)}`
    const silent = sql`lease_until <= ${now} AND owner <> ${owner}`
    yield* sql`UPDATE tasks SET owner = NULL, epoch = epoch + 1
      WHERE settled = 0 AND status = 'queued' AND owner IN (SELECT owner FROM owners WHERE ${silent})`
    yield* sql`DELETE FROM owners WHERE ${silent}`
    const rows =
      yield* sql`SELECT ${taskColumns(sql)} FROM tasks t JOIN requests r ON r.task = t.seq WHERE ${sql.in("t.seq", seqs)}`
    const bySeq = new Map((yield* decodeTasks(rows)).map((kept) => [kept.seq, kept]))
    return seqs.flatMap((seq) => bySeq.get(seq) ?? [])
  })
