import { chown, mkdir, readdir, readFile, stat, truncate, writeFile, chmod } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Scope, TestClock } from "effect"
import type { StoreFailed } from "../src/domain/DispatchError.js"
import * as Sqlite from "../src/drivers/Sqlite.js"
import * as StoreSql from "../src/drivers/StoreSql.js"
import { Store } from "../src/services/Store.js"
import { storeContract } from "./contracts/StoreContract.js"
import { accepted, apply, current } from "./support/SomeTask.js"
import { storeAnywhere, storeAt, temporaryFolder } from "./support/StateFolder.js"

storeContract("SQLite", storeAnywhere)

const stateFolder = Effect.map(temporaryFolder, (folder) => join(folder, "state"))

/** Opens the store of a folder for the length of the scope. */
const opened = (folder: string) => Effect.flatMap(Layer.build(storeAt(folder)), (built) => Effect.provide(Store, built))

const refusal = (folder: string): Effect.Effect<StoreFailed, typeof Store.Service> => Effect.scoped(Effect.flip(opened(folder)))

const contents = (folder: string) =>
  Effect.promise(async () => Promise.all((await readdir(folder)).sort().map(async (name) => [name, await readFile(join(folder, name), "base64")])))

const modeOf = (path: string) => Effect.map(Effect.promise(() => stat(path)), ({ mode }) => mode & 0o777)

/** Store and its client on one folder, so that a test can disturb the connection. */
const disturbed = <A, E>(body: Effect.Effect<A, E, Store | SqlClient | Scope.Scope>) =>
  Effect.flatMap(stateFolder, (folder) => Effect.provide(body, Layer.provideMerge(StoreSql.layerClient, Sqlite.layer(folder))))

describe("the database file", () => {
  it.scopedLive("keeps everything over a restart", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const before = yield* Effect.gen(function* () {
        const store = yield* Store
        const first = yield* accepted({ metadata: { a: [1, null] } })
        yield* apply(first, { transition: "start", entries: [{ log: "🧪 text" }, { type: "task.progress", payload: null }] })
        yield* apply(first, { artifacts: [{ uri: "u", kind: "k" }], resources: [{ key: "a", kind: "k", ref: { x: 1 }, state: "created" }], cursor: null })
        return yield* everything(store, first.id)
      }).pipe(Effect.provide(storeAt(folder)))
      const after = yield* Effect.flatMap(Store, (store) => everything(store, before.task.id)).pipe(Effect.provide(storeAt(folder)))
      assert.deepStrictEqual(after, before)
    }))

  it.scopedLive("takes commits from two connections at once without a lost update or a busy error", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const stores = yield* Effect.all([opened(folder), opened(folder)], { concurrency: 2 })
      const task = yield* Effect.provideService(accepted(), Store, stores[0])
      const increment = (store: typeof Store.Service): Effect.Effect<void, StoreFailed> =>
        Effect.flatMap(Effect.orDie(store.find(task.id)), (found) =>
          store.commit(found, { providerRefs: { count: Number(found.providerRefs["count"] ?? 0) + 1 }, entries: [{ type: "task.progress" }] })
        ).pipe(Effect.catchTag("TaskChanged", () => increment(store)), Effect.asVoid)
      yield* Effect.forEach(
        stores.flatMap((store) => [store, store]),
        (store) => Effect.replicateEffect(Effect.zipLeft(increment(store), Effect.yieldNow()), 50),
        { concurrency: "unbounded" }
      )
      const kept = yield* stores[1].find(task.id)
      assert.deepStrictEqual([kept.providerRefs["count"], kept.revision], [200, 201])
      const events = yield* stores[1].events(task.id, { afterRevision: 0, limit: 1_000 })
      assert.deepStrictEqual(events.map(({ number }) => number), Array.from({ length: 201 }, (_, index) => index + 1))
    }))

  it.scopedLive("wakes those who wait for a change that another connection makes", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const [here, there] = yield* Effect.all([opened(folder), opened(folder)])
      const task = yield* Effect.provideService(accepted(), Store, here)
      const waiting = yield* Effect.fork(here.changed(task.id, task.revision))
      yield* there.commit(task, { entries: [{ log: "not visible" }] })
      const started = yield* there.commit(task, { transition: "start" })
      assert.deepStrictEqual(yield* Fiber.join(waiting), started)
    }))

  it.scopedLive("lets the process go on while another connection is writing, and waits", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      const store = yield* opened(folder)
      const other = yield* Effect.provide(SqlClient, yield* Layer.build(Sqlite.layer(folder)))
      const task = yield* Effect.provideService(accepted(), Store, store)
      let ticks = 0
      const holding = yield* Effect.fork(other.withTransaction(Effect.repeatN(Effect.zipRight(Effect.sleep("10 millis"), Effect.sync(() => ticks++)), 30)))
      yield* Effect.sleep("20 millis")
      const started = yield* store.commit(task, { transition: "start" })
      yield* Fiber.join(holding)
      assert.strictEqual(started.status, "starting")
      assert.strictEqual(ticks, 31)
    }))

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
    }))

  it.scopedLive("gives up a transaction that is interrupted, and the next one goes through", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const task = yield* accepted()
        const open = yield* Effect.fork(sql.withTransaction(Effect.zipRight(sql`UPDATE tasks SET status = 'running'`, Effect.never)))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(open)
        assert.deepStrictEqual(yield* current(task), task)
        assert.strictEqual((yield* apply(task, { transition: "start" })).status, "starting")
      })
    ))

  it.scopedLive("gives up a transaction whose commit is refused, and the next one goes through", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const task = yield* accepted()
        const orphan = Effect.all([sql`PRAGMA defer_foreign_keys = ON`, sql`INSERT INTO requests (task, request) VALUES (99, '')`])
        assert.strictEqual((yield* Effect.flip(sql.withTransaction(orphan)))._tag, "SqlError")
        assert.lengthOf(yield* sql`SELECT * FROM requests WHERE task = 99`, 0)
        assert.strictEqual((yield* apply(task, { transition: "start" })).status, "starting")
      })
    ))

  it.scopedLive("syncs every commit to the disk", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        assert.deepStrictEqual(yield* sql`PRAGMA journal_mode`, [{ journal_mode: "wal" }])
        assert.deepStrictEqual(yield* sql`PRAGMA synchronous`, [{ synchronous: 2 }])
      })
    ))

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
    ))

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
    ))

  it.scopedLive("reports a row that does not read as what was written, and leaves the others readable", () =>
    disturbed(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const [broken, whole] = [yield* accepted(), yield* accepted()]
        yield* sql`UPDATE tasks SET provider_refs = '{"half' WHERE id = ${broken.id}`
        assert.deepInclude(yield* Effect.flip(current(broken)), { _tag: "StoreFailed", fault: "corrupt" })
        assert.deepStrictEqual(yield* current(whole), whole)
      })
    ))
})

describe("a database that cannot be used", () => {
  const newer = Effect.flatMap(SqlClient, (sql) =>
    Effect.all([
      sql`CREATE TABLE IF NOT EXISTS effect_sql_migrations (migration_id integer PRIMARY KEY NOT NULL, created_at datetime, name VARCHAR(255) NOT NULL)`,
      sql`INSERT INTO effect_sql_migrations (migration_id, name) VALUES (999, 'from the future')`
    ])
  )

  it.scopedLive("is left byte for byte as it is when a newer version wrote it", () =>
    Effect.gen(function* () {
      const [used, foreign] = [yield* stateFolder, yield* stateFolder]
      yield* Effect.provide(accepted(), storeAt(used))
      for (const folder of [used, foreign]) {
        yield* Effect.provide(newer, Sqlite.layer(folder))
        const before = yield* contents(folder)
        const error = yield* refusal(folder)
        assert.strictEqual(error.fault, "newer")
        assert.include(error.message, "999")
        assert.deepStrictEqual(yield* contents(folder), before)
      }
    }))

  it.scopedLive("is left byte for byte as it is when it is damaged", () =>
    Effect.gen(function* () {
      const damages: ReadonlyArray<(file: string) => Promise<void>> = [
        (file) => writeFile(file, "this has never been a database\n".repeat(100)),
        (file) => truncate(file, 5_000),
        async (file) => writeFile(file, (await readFile(file)).fill(0xff, 100, 4_096))
      ]
      for (const damage of damages) {
        const folder = yield* stateFolder
        yield* Effect.provide(accepted(), storeAt(folder))
        yield* Effect.promise(() => damage(join(folder, "agentdispatch.db")))
        const before = yield* contents(folder)
        const error = yield* refusal(folder)
        assert.strictEqual(error.fault, "corrupt", error.message)
        assert.deepStrictEqual(yield* contents(folder), before)
      }
    }))
})

describe("the state folder", () => {
  it.scopedLive("is private, with its files, whatever the umask", () =>
    Effect.gen(function* () {
      for (const umask of [0o000, 0o777]) {
        const folder = yield* stateFolder
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.acquireRelease(Effect.sync(() => process.umask(umask)), (usual) => Effect.sync(() => process.umask(usual)))
            yield* Effect.provideService(accepted(), Store, yield* opened(folder))
            assert.strictEqual(yield* modeOf(folder), 0o700)
            const names = (yield* contents(folder)).map(([name]) => name ?? "")
            assert.deepStrictEqual(names, ["agentdispatch.db", "agentdispatch.db-shm", "agentdispatch.db-wal"])
            for (const name of names) assert.strictEqual(yield* modeOf(join(folder, name)), 0o600, name)
          })
        )
      }
    }))

  it.scopedLive("is closed to others when it was open, with the database in it", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      yield* Effect.provide(accepted(), storeAt(folder))
      const file = join(folder, "agentdispatch.db")
      yield* Effect.promise(() => Promise.all([chmod(folder, 0o755), chmod(file, 0o644)]))
      yield* Effect.provide(accepted(), storeAt(folder))
      assert.deepStrictEqual([yield* modeOf(folder), yield* modeOf(file)], [0o700, 0o600])
    }))

  it.scopedLive("is refused, and left as it is, when it belongs to somebody else", () =>
    Effect.gen(function* () {
      const own = yield* stateFolder
      const folder = process.getuid?.() === 0 ? own : "/"
      if (folder === own) yield* Effect.promise(() => mkdir(own, { mode: 0o755 }).then(() => chown(own, 12_345, 12_345)))
      const before = yield* Effect.promise(() => stat(folder))
      assert.strictEqual((yield* refusal(folder)).fault, "not_private")
      const after = yield* Effect.promise(() => stat(folder))
      assert.deepStrictEqual([after.mode, after.uid], [before.mode, before.uid])
      if (folder === own) assert.deepStrictEqual(yield* contents(folder), [])
    }))

  it.scopedLive("is said to be unusable when its path leads through a file", () =>
    Effect.gen(function* () {
      const file = yield* stateFolder
      yield* Effect.promise(() => writeFile(file, "a file"))
      for (const folder of [file, join(file, "below")]) {
        const error = yield* refusal(folder)
        assert.strictEqual(error.fault, "read_only", error.message)
        assert.include(error.message, "set stateDir")
      }
    }))

  it.scopedLive.skipIf(process.getuid?.() === 0)("is said to be read-only when it is (root may write everywhere, so not as root)", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      yield* Effect.promise(() => mkdir(folder, { mode: 0o500 }))
      assert.strictEqual((yield* refusal(folder)).fault, "read_only")
      assert.strictEqual(yield* modeOf(folder), 0o500)
    }))
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
