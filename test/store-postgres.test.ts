import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Schedule } from "effect"
import type { StoreFailed, TaskNotFound } from "../src/domain/DispatchError.js"
import type { TaskId } from "../src/domain/Task.js"
import { Store } from "../src/services/Store.js"
import { storeContract } from "./contracts/StoreContract.js"
import { storeProcessesContract } from "./contracts/StoreProcessesContract.js"
import { wholeJournals } from "./support/Journals.js"
import { lossyWire } from "./support/LossyWire.js"
import { cluster, isElsewhere } from "./support/Postgres.js"
import { clientAt, openedAtUrl, storeAtUrl } from "./support/PostgresStore.js"
import { accepted, nextId, someRequest } from "./support/SomeTask.js"

const { database, emptied, start, stop } = cluster()

storeContract("PostgreSQL", Layer.unwrapScoped(Effect.map(emptied, storeAtUrl)))

storeProcessesContract("PostgreSQL", {
  place: database,
  store: storeAtUrl,
  intact: (url) => Effect.provide(wholeJournals, clientAt(url))
})

type Opened = typeof Store.Service

/** Counts one up, whoever else does; what it returns was told to have been written. */
const countUp = (store: Opened, id: TaskId): Effect.Effect<number, StoreFailed | TaskNotFound> =>
  Effect.gen(function* () {
    const task = yield* store.find(id)
    const count = Number(task.providerRefs["count"] ?? 0) + 1
    yield* store.commit(task, { providerRefs: { count }, entries: [{ log: "x" }, { type: "task.progress" }] })
    return count
  }).pipe(Effect.catchTag("TaskChanged", () => countUp(store, id)))

/** Ends the connections of a database but the one that says so. */
const terminate = (url: string) =>
  Effect.flatMap(
    SqlClient,
    (sql) => sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`
  ).pipe(Effect.provide(clientAt(url)))

const acceptedIn = (store: Opened) => Effect.provideService(accepted(), Store, store)

describe("the database of a team", () => {
  it.scopedLive("takes every text that SQLite takes, and finds it again", () =>
    Effect.gen(function* () {
      const store = yield* openedAtUrl(yield* emptied)
      const odd = "a\u0000b\uD800c\uFDD0d🧪"
      const id = yield* nextId
      const { task } = yield* store.create({
        id,
        request: someRequest({ input: { instruction: odd } }),
        alias: odd,
        principal: odd,
        idempotency: { key: odd, fingerprint: odd }
      })
      assert.strictEqual(yield* store.resolve(odd), id)
      assert.deepStrictEqual(yield* store.find(id), task)
      assert.strictEqual((yield* store.find(id)).principal, odd)
      assert.lengthOf((yield* store.list({ limit: 9, principal: odd })).tasks, 1)
      assert.strictEqual((yield* Effect.flip(store.resolve(`${odd}\u0000`)))._tag, "TaskNotFound")
      assert.strictEqual(yield* store.agreed(odd, odd), odd)
    })
  )

  it.scopedLive("counts every commit once though its connections are killed all the time", () =>
    Effect.gen(function* () {
      const url = yield* emptied
      const [here, there] = yield* Effect.all([openedAtUrl(url), openedAtUrl(url)])
      const task = yield* acceptedIn(here)
      const killing = yield* Effect.forkScoped(Effect.repeat(terminate(url), Schedule.spaced("60 millis")))
      const counts = yield* Effect.forEach(
        [here, here, there, there],
        (store) => Effect.replicateEffect(countUp(store, task.id), 10),
        { concurrency: "unbounded" }
      )
      yield* Fiber.interrupt(killing)
      assert.deepStrictEqual(
        counts.flat().sort((a, b) => a - b),
        Array.from({ length: 40 }, (_, index) => index + 1)
      )
      const kept = yield* here.find(task.id)
      assert.deepStrictEqual([kept.providerRefs["count"], kept.revision, kept.logLength], [40, 41, 40])
      yield* Effect.provide(wholeJournals, clientAt(url))
    })
  )

  it.scopedLive("knows that a commit was done whose answer was lost, and does one again that was not", () =>
    Effect.gen(function* () {
      const url = new URL(yield* emptied)
      const wire = yield* lossyWire(Number(url.port))
      url.port = String(wire.port)
      const store = yield* openedAtUrl(url.href)
      const task = yield* acceptedIn(store)
      wire.cutAfter("COMMIT")
      assert.strictEqual(yield* countUp(store, task.id), 1)
      wire.cutAfter("UPDATE tasks")
      assert.strictEqual(yield* countUp(store, task.id), 2)
      wire.cutAfter("COMMIT")
      const another = yield* acceptedIn(store)
      assert.strictEqual(wire.cuts(), 3)
      assert.strictEqual((yield* store.find(task.id)).revision, 3)
      assert.strictEqual((yield* store.find(another.id)).revision, 1)
      assert.lengthOf((yield* store.list({ limit: 9 })).tasks, 2)
    })
  )

  it.scopedLive("is told of changes by other processes, also after the listening connection was lost", () =>
    Effect.gen(function* () {
      const url = yield* emptied
      const [here, there] = yield* Effect.all([openedAtUrl(url), openedAtUrl(url)])
      const task = yield* acceptedIn(here)
      const listeners = Effect.flatMap(
        SqlClient,
        (sql) => sql`SELECT pid FROM pg_stat_activity WHERE datname = current_database()
          AND (query LIKE 'LISTEN%' OR query = 'SELECT 1') AND state = 'idle'`
      ).pipe(Effect.provide(clientAt(url)))
      const heardAfter = Effect.gen(function* () {
        const { revision } = yield* here.find(task.id)
        const waiting = yield* Effect.fork(here.changed(task.id, revision))
        yield* Effect.sleep("50 millis")
        yield* countUp(there, task.id)
        const [took, seen] = yield* Effect.timed(Fiber.join(waiting))
        assert.strictEqual(seen.revision, revision + 1)
        return Duration.toMillis(took)
      })
      // The first wait begins to listen.
      yield* heardAfter
      yield* Effect.repeat(listeners, { until: (found) => found.length > 0 })
      const sum = (all: ReadonlyArray<number>) => all.reduce((a, b) => a + b, 0)
      // Looking alone takes up to a second each.
      assert.isBelow(sum(yield* Effect.replicateEffect(heardAfter, 8)), 4_000)
      yield* terminate(url)
      yield* Effect.repeat(heardAfter, { times: 3 })
      yield* Effect.sleep("1500 millis")
      assert.isBelow(sum(yield* Effect.replicateEffect(heardAfter, 8)), 4_000)
    })
  )

  it.scopedLive.skipIf(isElsewhere)(
    "says what to mend when the server is gone, never the password, and goes on when it is back",
    () =>
      Effect.gen(function* () {
        const url = yield* emptied
        const store = yield* openedAtUrl(url)
        const task = yield* acceptedIn(store)
        yield* stop
        const error = yield* Effect.flip(Effect.scoped(Layer.build(storeAtUrl(url))))
        assert.deepInclude(error, { _tag: "StoreFailed", fault: "unreachable" })
        assert.include(error.message, "AGENTDISPATCH_DATABASE_URL")
        assert.include(error.message, new URL(url).host)
        assert.notInclude(JSON.stringify(error), new URL(url).password)
        const waiting = yield* Effect.fork(countUp(store, task.id))
        yield* start
        assert.strictEqual(yield* Fiber.join(waiting), 1)
        const wrong = new URL(url)
        wrong.password = "wrong-word"
        const refused = yield* Effect.flip(Effect.scoped(Layer.build(storeAtUrl(wrong.href))))
        assert.deepInclude(refused, { _tag: "StoreFailed", fault: "refused" })
        assert.notInclude(JSON.stringify(refused), "wrong-word")
      })
  )
})
