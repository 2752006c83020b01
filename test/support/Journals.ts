import { SqlClient } from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import { Effect } from "effect"

/** No task lacks an event it counts, has a revision without one, or has no request. */
export const wholeJournals = Effect.gen(function* () {
  const sql = yield* SqlClient
  const torn =
    yield* sql`SELECT t.id FROM tasks t WHERE t.event_count <> (SELECT count(*) FROM events e WHERE e.task = t.seq)
    OR t.revision <> (SELECT max(e.revision) FROM events e WHERE e.task = t.seq)
    OR NOT EXISTS (SELECT 1 FROM requests r WHERE r.task = t.seq)`
  assert.deepStrictEqual(torn, [])
})
