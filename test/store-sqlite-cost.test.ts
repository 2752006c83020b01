import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Sqlite from "../src/drivers/Sqlite.js"
import * as StoreSql from "../src/drivers/StoreSql.js"
import { Store } from "../src/services/Store.js"
import { planOf, recording } from "./support/RecordingSql.js"
import { accepted, apply } from "./support/SomeTask.js"
import { temporaryFolder } from "./support/StateFolder.js"

/** A store whose statements are written down. */
const observed = Effect.gen(function* () {
  const sql = yield* Effect.flatMap(temporaryFolder, (folder) =>
    Effect.flatMap(Layer.build(Sqlite.layer(folder)), (built) => SqlClient.pipe(Effect.provide(built)))
  )
  const { client, told } = yield* recording(sql)
  const store = yield* Effect.provide(
    Store,
    yield* Layer.build(Layer.provide(StoreSql.layerClient, Layer.succeed(SqlClient, client)))
  )
  return { sql: client, store, told }
})

/** Every table that grows with the work. */
const growing = /^SCAN (t|e|r|p|q|k|tasks|events|requests|log_pieces|artifacts|resources|idempotency_keys)\b/m

describe("what reading costs", () => {
  it.scoped("costs the page and not the log, near the end of 100 MB as of 1 MB", () =>
    Effect.gen(function* () {
      const { sql, store, told } = yield* observed
      const megabyte = "0123456789abcde\n".repeat(65_536)
      const costs: Array<{ readonly statements: number; readonly rows: number; readonly units: number }> = []
      for (const megabytes of [1, 100]) {
        const task = yield* Effect.provideService(accepted(), Store, store)
        for (let written = 0; written < megabytes; written += Math.min(megabytes, 10)) {
          const entries = Array.from({ length: Math.min(megabytes, 10) }, () => ({ log: megabyte }))
          yield* Effect.provideService(apply(task, { entries }), Store, store)
        }
        const length = megabytes * megabyte.length
        told.length = 0
        const page = yield* store.log(task.id, { cursor: length - 5_008, limit: 1_000 })
        assert.strictEqual(page.data, megabyte.slice(-5_008, -4_008))
        costs.push({
          statements: told.length,
          rows: told.reduce((sum, { rows }) => sum + rows, 0),
          units: told.reduce((sum, { units }) => sum + units, 0)
        })
        const plans = yield* Effect.forEach([...told], (statement) => planOf(sql, statement))
        assert.notMatch(plans.flat().join("\n"), growing)
      }
      assert.deepStrictEqual(
        costs.map(({ statements, rows }) => ({ statements, rows })),
        [
          { statements: 1, rows: 1 },
          { statements: 1, rows: 1 }
        ]
      )
      for (const { units } of costs) assert.isAtMost(units, 20_000)
    })
  )

  it.scoped("claims from 2,000 queued tasks without walking through them", () =>
    Effect.gen(function* () {
      const { sql, store, told } = yield* observed
      const queue = Effect.forEach(
        Array.from({ length: 2_000 }, (_, n) => n),
        (n) => accepted({ backend: `b${n % 4}` }),
        { discard: true }
      )
      const last = yield* Effect.provideService(
        sql.withTransaction(Effect.zipRight(queue, accepted({ backend: "b0" }))),
        Store,
        store
      )
      yield* store.renew("a", 60_000)
      told.length = 0
      assert.lengthOf(yield* store.claim({ owner: "a", limit: 64, capacity: () => 4 }), 16)
      assert.isAtMost(
        told.reduce((sum, { rows }) => sum + rows, 0),
        100
      )
      told.length = 0
      assert.deepStrictEqual(yield* store.claim({ owner: "a", limit: 48, capacity: () => 4 }), [])
      assert.isAtMost(
        told.reduce((sum, { rows }) => sum + rows, 0),
        12
      )
      assert.notMatch(told.map(({ text }) => text).join("\n"), /BEGIN|UPDATE|DELETE/)
      assert.deepStrictEqual(yield* store.wanted("a"), [])
      yield* store.events(last.id, { afterRevision: 0, limit: 10 })
      yield* store.release("a")
      const plans = yield* Effect.forEach([...told], (statement) => planOf(sql, statement))
      assert.isAbove(plans.length, 10)
      // What is under way is bounded by its limits, and the index holds nothing else.
      const unbounded = plans.flat().filter((step) => step !== "SCAN tasks USING COVERING INDEX tasks_under_way")
      assert.notMatch(unbounded.join("\n"), growing)
    })
  )
})
