import type { SqlClient } from "@effect/sql/SqlClient"
import { Array, Effect, Option } from "effect"
import { TaskId } from "../domain/Task.js"
import type { Store } from "../services/Store.js"
import { timeOf } from "./SqlDialect.js"
import { storeFailed } from "./SqlFault.js"
import { decodeTasks, taskColumns } from "./StoreRows.js"

/** What tells callers of tasks that changed while they did not look. */
export const news = (
  sql: SqlClient
): Pick<typeof Store.Service, "agreed" | "revisions" | "finished" | "heard" | "hear" | "timeThere"> => {
  const revisions: (typeof Store.Service)["revisions"] = Effect.fn("store.revisions")(
    function* (ids) {
      const chunks = yield* Effect.forEach(
        Array.chunksOf(ids, 1_000),
        (some) => sql<{ id: string; revision: number }>`SELECT id, revision FROM tasks WHERE ${sql.in("id", some)}`
      )
      return new Map(chunks.flat().map(({ id, revision }) => [TaskId.make(id), revision]))
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const finished: (typeof Store.Service)["finished"] = Effect.fn("store.finished")(
    function* ({ after, principal, limit }) {
      const rows = yield* sql`SELECT ${taskColumns(sql)} FROM tasks t JOIN requests r ON r.task = t.seq
      WHERE t.status IN ('succeeded', 'failed', 'cancelled') AND t.updated_at > ${after}
        AND ${principal === undefined ? sql`1 = 1` : sql`t.principal = ${principal}`}
      ORDER BY t.updated_at, t.seq LIMIT ${limit}`
      return (yield* decodeTasks(rows)).map(({ task }) => task)
    },
    Effect.catchTags({ SqlError: storeFailed, ParseError: storeFailed })
  )

  const heard = Effect.fn("store.heard")(
    function* (listener: string) {
      const [row] = yield* sql<{
        until: number
      }>`SELECT heard_until AS "until" FROM listeners WHERE listener = ${listener}`
      return Option.map(Option.fromNullable(row), ({ until }) => until)
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const hear = Effect.fn("store.hear")(
    function* (listener: string, until: number) {
      yield* sql`INSERT INTO listeners (listener, heard_until) VALUES (${listener}, ${until})
      ON CONFLICT (listener) DO UPDATE SET heard_until = excluded.heard_until WHERE excluded.heard_until > listeners.heard_until`
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const agreed = Effect.fn("store.agreed")(
    function* (name: string, offered: string) {
      const look = sql<{ value: string }>`SELECT value FROM agreements WHERE name = ${name}`
      const [known] = yield* look
      if (known !== undefined) return known.value
      yield* sql`INSERT INTO agreements (name, value) VALUES (${name}, ${offered}) ON CONFLICT (name) DO NOTHING`
      const [first] = yield* look
      return first?.value ?? offered
    },
    Effect.catchTag("SqlError", storeFailed)
  )

  const timeThere = timeOf(sql).pipe(Effect.catchTag("SqlError", storeFailed), Effect.withSpan("store.timeThere"))

  return { agreed, revisions, finished, heard, hear, timeThere }
}
