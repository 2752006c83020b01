import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, type Scope, TestClock } from "effect"
import type { StoreFailed } from "../src/domain/DispatchError.js"
import * as Sqlite from "../src/drivers/Sqlite.js"
import * as StoreSql from "../src/drivers/StoreSql.js"
import { Store } from "../src/services/Store.js"
import { storeContract } from "./contracts/StoreContract.js"
import { accepted, apply, current } from "./support/SomeTask.js"
import { opened, stateFolder, storeAnywhere, storeAt } from "./support/StateFolder.js"

storeContract("SQLite", storeAnywhere)

/** Store and its client on one folder, so that a test can disturb the connection. */
const disturbed = <A, E>(body: Effect.Effect<A, E, Store | SqlClient | Scope.Scope>) =>
  Effect.flatMap(stateFolder, (folder) =>
    Effect.provide(body, Layer.provideMerge(StoreSql.layerClient, Sqlite.layer(folder)))
  )

describe("the database file", () => {
  it.scopedLive("keeps everything over a restart", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const before = yield* Effect.gen(function* () {
        const store = yield* Store
        const first = yield* accepted({ metadata: { a: [1, null] } })
        yield* apply(first, {
          transition: "start",
          entries: [{ log: "🧪 text" }, { type: "task.progress", payload: null }]
        })
        yield* apply(first, {
          artifacts: [{ uri: "u", kind: "k" }],
          resources: [{ key: "a", kind: "k", ref: { x: 1 }, state: "created" }],
          cursor: null
        })
        return yield* everything(store, first.id)
      }).pipe(Effect.provide(storeAt(folder)))
      const after = yield* Effect.flatMap(Store, (store) => everything(store, before.task.id)).pipe(
        Effect.provide(storeAt(folder))
      )
      assert.deepStrictEqual(after, before)
    })
  )

  it.scopedLive("takes commits from two connections at once without a lost update or a busy error", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const stores = yield* Effect.all([opened(folder), opened(folder)], { concurrency: 2 })
      const task = yield* Effect.provideService(accepted(), Store, stores[0])
      const increment = (store: typeof Store.Service): Effect.Effect<void, StoreFailed> =>
        Effect.flatMap(Effect.orDie(store.find(task.id)), (found) =>
          store.commit(found, {
            providerRefs: { count: Number(found.providerRefs["count"] ?? 0) + 1 },
            entries: [{ type: "task.progress" }]
          })
        ).pipe(
          Effect.catchTag("TaskChanged", () => increment(store)),
          Effect.asVoid
        )
      yield* Effect.forEach(
        stores.flatMap((store) => [store, store]),
        (store) => Effect.replicateEffect(Effect.zipLeft(increment(store), Effect.yieldNow()), 50),
        { concurrency: "unbounded" }
      )
      const kept = yield* stores[1].find(task.id)
      assert.deepStrictEqual([kept.providerRefs["count"], kept.revision], [200, 201])
      const events = yield* stores[1].events(task.id, { afterRevision: 0, limit: 1_000 })
      assert.deepStrictEqual(
        events.map(({ number }) => number),
        Array.from({ length: 201 }, (_, index) => index + 1)
      )
    })
  )

  it.scopedLive("wakes those who wait for a change that another connection makes", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const [here, there] = yield* Effect.all([opened(folder), opened(folder)])
      const task = yield* Effect.provideService(accepted(), Store, here)
      const waiting = yield* Effect.fork(here.changed(task.id, task.revision))
      yield* there.commit(task, { entries: [{ log: "not visible" }] })
      const started = yield* there.commit(task, { transition: "start" })
      assert.deepStrictEqual(yield* Fiber.join(waiting), started)
    })
  )

  it.scopedLive("lets the process go on while another connection is writing, and waits", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const store = yield* opened(folder)
      const other = yield* Effect.provide(SqlClient, yield* Layer.build(Sqlite.layer(folder)))
      const task = yield* Effect.provideService(accepted(), Store, store)
      let ticks = 0
      const holding = yield* Effect.fork(
        other.withTransaction(
          Effect.repeatN(
            Effect.zipRight(
              Effect.sleep("10 millis"),
              Effect.sync(() => ticks++)
            ),
            30
          )
        )
      )
      yield* Effect.sleep("20 millis")
      const started = yield* store.commit(task, { transition: "start" })
      yield* Fiber.join(holding)
      assert.strictEqual(started.status, "starting")
      assert.strictEqual(ticks, 31)
    })
  )

  it.scoped("says that it is busy when another connection does not stop writing, and works again afterwards", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const store = yield* opened(folder)
      const other = yield* Effect.provide(SqlClient, yield* Layer.build(Sqlite.layer(folder)))
      const task = yield* Effect.provideService(accepted(), Store, store)
      const holding = yield* Effect.fork(other.withTransaction(Effect.never))
      yield* Effect.yieldNow()
      const waiting = yield* Effect.fork(Effect.flip(store.commit(task, { transition: "start" })))
      yield* TestClock.adjust("20 seconds")
      const error = yield* Fiber.join(waiting)
      assert.deepInclude(error, { _tag: "StoreFailed", fault: "busy" })
      assert.deepStrictEqual(yield* store.find(task.id), task)
      yield* Fiber.interrupt(holding)
      assert.strictEqual((yield* store.commit(task, { transition: "start" })).status, "starting")
    })
  )

  it.scopedLive("gives up a transaction that is interrupted, and the next one goes through", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const task = yield* accepted()
        const open = yield* Effect.fork(
          sql.withTransaction(Effect.zipRight(sql`UPDATE tasks SET status = 'running'`, Effect.never))
        )
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(open)
        assert.deepStrictEqual(yield* current(task), task)
        assert.strictEqual((yield* apply(task, { transition: "start" })).status, "starting")
      })
    )
  )

  it.scopedLive("gives up a transaction whose commit is refused, and the next one goes through", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const task = yield* accepted()
        const orphan = Effect.all([
          sql`PRAGMA defer_foreign_keys = ON`,
          sql`INSERT INTO requests (task, request) VALUES (99, '')`
        ])
        assert.strictEqual((yield* Effect.flip(sql.withTransaction(orphan)))._tag, "SqlError")
        assert.lengthOf(yield* sql`SELECT * FROM requests WHERE task = 99`, 0)
        assert.strictEqual((yield* apply(task, { transition: "start" })).status, "starting")
      })
    )
  )

  it.scopedLive("syncs every commit to the disk", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`, [{ journal_mode: "wal" }])
        assert.deepStrictEqual(yield* sql`PRAGMA synchronous`, [{ synchronous: 2 }])
      })
    )
  )

  it.scopedLive("reports a full disk, keeps what was there and goes on when there is room", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const task = yield* accepted()
        const [pages] = yield* sql<{ page_count: number }>`PRAGMA page_count`
        yield* sql.unsafe(`PRAGMA max_page_count = ${pages?.page_count ?? 0}`)
        const change = { entries: [{ type: "task.progress", message: "x" } as const, { log: "x".repeat(1_000_000) }] }
        const error = yield* Effect.flip(apply(task, change))
        assert.deepInclude(error, { _tag: "StoreFailed", fault: "full" })
        assert.include(error.message, "disk is full")
        assert.deepStrictEqual(yield* current(task), task)
        yield* sql`PRAGMA max_page_count = 100000`
        assert.strictEqual((yield* apply(task, change)).logLength, 1_000_000)
      })
    )
  )

  it.scopedLive("reports a database it cannot write to, and still reads it", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const task = yield* accepted()
        yield* sql`PRAGMA query_only = ON`
        const error = yield* Effect.flip(apply(task, { transition: "start" }))
        assert.deepInclude(error, { _tag: "StoreFailed", fault: "read_only" })
        assert.deepStrictEqual(yield* current(task), task)
      })
    )
  )

  it.scopedLive("reports a row that does not read as what was written, and leaves the others readable", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const [broken, whole] = [yield* accepted(), yield* accepted()]
        yield* sql`UPDATE tasks SET provider_refs = '{"half' WHERE id = ${broken.id}`
        assert.deepInclude(yield* Effect.flip(current(broken)), { _tag: "StoreFailed", fault: "corrupt" })
        assert.deepStrictEqual(yield* current(whole), whole)
      })
    )
  )
})

const everything = Effect.fnUntraced(function* (store: typeof Store.Service, id: Parameters<typeof store.find>[0]) {
  return {
    task: yield* store.find(id),
    events: yield* store.events(id, { afterRevision: 0, limit: 100 }),
    log: yield* store.log(id, { cursor: 0, limit: 100 }),
    artifacts: yield* store.artifacts(id),
    resources: yield* store.resources(id)
  }
})
