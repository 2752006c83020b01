import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { TaskNotFound } from "../domain/DispatchError.js"
import { pageOf } from "../services/LogText.js"
import type { Store } from "../services/Store.js"
import { storeFailed } from "./SqlFault.js"
import { decodeArtifacts, decodeEvents, decodeQuestions, decodeResources } from "./StoreRows.js"

const failures = { SqlError: storeFailed, ParseError: storeFailed } as const

/** Reads what belongs to one task besides its own row. */
export const reading = (
  sql: SqlClient
): Pick<typeof Store.Service, "events" | "log" | "artifacts" | "resources" | "questions"> => {
  const events: (typeof Store.Service)["events"] = Effect.fn("store.events")(function* (
    id,
    { afterRevision, limit, newest = false }
  ) {
    const found = sql`FROM events e WHERE e.task = (SELECT seq FROM tasks WHERE id = ${id}) AND e.revision > ${afterRevision}`
    const columns = sql`SELECT e.number, e.revision, e.at, e.type, e.message, e.payload`
    const rows = newest
      ? yield* sql`${columns} ${found} ORDER BY e.revision DESC, e.number DESC LIMIT ${limit}`
      : yield* sql`${columns} ${found} ORDER BY e.revision, e.number LIMIT ${limit}`
    const decoded = yield* decodeEvents(rows)
    return newest ? decoded.toReversed() : decoded
  }, Effect.catchTags(failures))

  /** Seeks the piece that holds the cursor and reads on from there. */
  const log: (typeof Store.Service)["log"] = Effect.fn("store.log")(
    function* (id, page) {
      const cursor = Math.max(0, page.cursor)
      const pieces = yield* sql<{ start: number | null; text: string | null }>`SELECT p.start, p.text FROM tasks t
      LEFT JOIN log_pieces p ON p.task = t.seq AND p.start < ${cursor + Math.max(1, page.limit)}
        AND p.start >= (SELECT q.start FROM log_pieces q WHERE q.task = t.seq AND q.start <= ${cursor} ORDER BY q.start DESC LIMIT 1)
      WHERE t.id = ${id} ORDER BY p.start`
      const [head] = pieces
      if (head === undefined) return yield* new TaskNotFound({ id })
      return pageOf(pieces.map(({ text }) => text ?? "").join(""), head.start ?? 0, { cursor, limit: page.limit })
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const artifacts: (typeof Store.Service)["artifacts"] = Effect.fn("store.artifacts")(function* (id) {
    const rows =
      yield* sql`SELECT artifact FROM artifacts WHERE task = (SELECT seq FROM tasks WHERE id = ${id}) ORDER BY number`
    return (yield* decodeArtifacts(rows)).map(({ artifact }) => artifact)
  }, Effect.catchTags(failures))

  const resources: (typeof Store.Service)["resources"] = Effect.fn("store.resources")(function* (id) {
    const rows =
      yield* sql`SELECT key, kind, ref, state FROM resources WHERE task = (SELECT seq FROM tasks WHERE id = ${id}) ORDER BY key`
    return yield* decodeResources(rows)
  }, Effect.catchTags(failures))

  const questions: (typeof Store.Service)["questions"] = Effect.fn("store.questions")(function* (id) {
    const rows =
      yield* sql`SELECT question FROM questions WHERE task = (SELECT seq FROM tasks WHERE id = ${id}) ORDER BY asked_at, key`
    return (yield* decodeQuestions(rows)).map(({ question }) => question)
  }, Effect.catchTags(failures))

  return { events, log, artifacts, resources, questions }
}
