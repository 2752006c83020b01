import { statSync } from "node:fs"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import * as Sqlite from "../src/drivers/Sqlite.js"
import { Store } from "../src/services/Store.js"
import { accepted, apply } from "./support/SomeTask.js"
import { opened, stateFolder } from "./support/StateFolder.js"

const million = 1_000_000
const text = "x".repeat(2 * million)

/** Ten times two megabytes of log, by several connections in turn. */
const write = (stores: ReadonlyArray<typeof Store.Service>) =>
  Effect.forEach(Array.from({ length: 10 }), (_, round) =>
    Effect.gen(function* () {
      const task = yield* accepted()
      yield* apply(task, { entries: [{ log: text }] })
    }).pipe(Effect.provideService(Store, stores[round % stores.length] ?? assert.fail("no store")))
  )

describe("the WAL", () => {
  it.scoped("grows by no more than is written while somebody reads an old state, and is short again afterwards", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const stores = [yield* opened(folder), yield* opened(folder), yield* opened(folder)]
      const length = () => statSync(join(folder, "agentdispatch.db-wal")).size
      yield* write(stores)
      assert.isBelow(length(), 16 * million, "without a reader it begins anew now and then")

      const reader = yield* Effect.provide(SqlClient, yield* Layer.build(Sqlite.layer(folder)))
      yield* reader.unsafe("BEGIN")
      const [before] = yield* reader<{ count: number }>`SELECT count(*) AS count FROM tasks`
      yield* write(stores)
      yield* write(stores)
      const held = length()
      assert.isAbove(held, 32 * million)
      assert.isBelow(held, 70 * million)
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([length(), (yield* reader`SELECT count(*) AS count FROM tasks`)[0]], [held, before])

      yield* reader.unsafe("COMMIT")
      yield* TestClock.adjust("20 seconds")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(
        Effect.repeat({ until: () => length() < 9 * million, times: 2_000 })
      )
      assert.isBelow(length(), 9 * million)
      const [after] = yield* reader<{ count: number }>`SELECT count(*) AS count FROM tasks`
      assert.strictEqual(after?.count, 30)
    })
  )
})
