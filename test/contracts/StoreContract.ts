import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Layer, TestClock } from "effect"
import { TaskId } from "../../src/domain/Task.js"
import { Store } from "../../src/services/Store.js"
import { accepted, advanced, apply, current, nextId, someRequest } from "../support/SomeTask.js"
import { storeAdmissionContract } from "./StoreAdmissionContract.js"
import { storeChangeContract } from "./StoreChangeContract.js"
import { storeClaimContract } from "./StoreClaimContract.js"
import { storeHostContract } from "./StoreHostContract.js"
import { storeTurnContract } from "./StoreTurnContract.js"
import { storeLifecycleContract } from "./StoreLifecycleContract.js"
import { storeLogContract } from "./StoreLogContract.js"
import { storeQuotaContract } from "./StoreQuotaContract.js"
import { storeUpkeepContract } from "./StoreUpkeepContract.js"

const unknownId = TaskId.make(`task_${"z".repeat(26)}`)

/** What every store does; each test gets a store of its own. */
export const storeContract = (name: string, layer: Layer.Layer<Store, unknown>) => {
  storeAdmissionContract(name, layer)
  storeChangeContract(name, layer)
  storeLifecycleContract(name, layer)
  storeLogContract(name, layer)
  storeClaimContract(name, layer)
  storeHostContract(name, layer)
  storeTurnContract(name, layer)
  storeQuotaContract(name, layer)
  storeUpkeepContract(name, layer)

  describe(`Store (${name})`, () => {
    const check = <E>(claim: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claim, () => Effect.provide(body(), layer))

    check("accepts a task as queued, untouched, with one event", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(5_000)
        const store = yield* Store
        const id = yield* nextId
        const request = someRequest({
          runtime: "desk-agent",
          metadata: { ticket: 7 },
          input: { instruction: "naïve 🧪\u0000", __proto__: null }
        })
        const { task, existed } = yield* store.create({ id, request, cloudAgent: { session: "s" } })
        assert.isFalse(existed)
        assert.deepStrictEqual(task, {
          id,
          status: "queued",
          revision: 1,
          epoch: 0,
          request,
          attempt: 0,
          providerRefs: {},
          cloudAgent: { session: "s" },
          logLength: 0,
          settled: false,
          createdAt: 5_000,
          updatedAt: 5_000
        })
        assert.deepStrictEqual(yield* store.find(id), task)
        assert.deepStrictEqual(yield* store.events(id, { afterRevision: 0, limit: 10 }), [
          { type: "task.created", number: 1, at: 5_000, revision: 1 }
        ])
      })
    )

    check("returns the same task, as it is now, for the same idempotency key and fingerprint", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const idempotency = { key: "nightly", fingerprint: "a" }
        const { task } = yield* store.create({ id: yield* nextId, request: someRequest(), idempotency })
        const started = yield* apply(task, { transition: "start" })
        const again = yield* store.create({ id: yield* nextId, request: someRequest(), idempotency })
        assert.deepStrictEqual(again, { task: started, existed: true })
        const { tasks } = yield* store.list({ limit: 10 })
        assert.lengthOf(tasks, 1)
      })
    )

    check("makes one task of creations that run at once with one key", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const answers = yield* Effect.forEach(
          Array.from({ length: 20 }),
          () =>
            Effect.flatMap(nextId, (id) =>
              store.create({ id, request: someRequest(), idempotency: { key: "k", fingerprint: "f" } })
            ),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(answers.map(({ task }) => task.id)).size, 1)
        assert.lengthOf(
          answers.filter(({ existed }) => !existed),
          1
        )
      })
    )

    check("refuses an idempotency key that came with another request, naming the task that has it", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const { task } = yield* store.create({
          id: yield* nextId,
          request: someRequest(),
          idempotency: { key: "k", fingerprint: "a" }
        })
        const error = yield* Effect.flip(
          store.create({ id: yield* nextId, request: someRequest(), idempotency: { key: "k", fingerprint: "b" } })
        )
        assert.strictEqual(error._tag, "IdempotencyConflict")
        assert.include(error.message, task.id)
        assert.lengthOf((yield* store.list({ limit: 10 })).tasks, 1)
      })
    )

    check("refuses a second task under an id that is taken and keeps the first", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* accepted()
        const error = yield* Effect.flip(store.create({ id: task.id, request: someRequest({ backend: "other" }) }))
        assert.strictEqual(error._tag, "StoreFailed")
        assert.deepStrictEqual(yield* current(task), task)
      })
    )

    check("says that a task is unknown", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const errors = yield* Effect.all([
          Effect.flip(store.find(unknownId)),
          Effect.flip(store.log(unknownId, { cursor: 0, limit: 1 })),
          Effect.flip(store.changed(unknownId, 0))
        ])
        assert.deepStrictEqual(
          errors.map(({ _tag }) => _tag),
          ["TaskNotFound", "TaskNotFound", "TaskNotFound"]
        )
        const refused = yield* Effect.flip(store.commit({ id: unknownId, revision: 1, epoch: 0 }, { settled: true }))
        assert.strictEqual(refused._tag, "TaskChanged")
        assert.deepStrictEqual(yield* store.events(unknownId, { afterRevision: 0, limit: 1 }), [])
        assert.deepStrictEqual(yield* store.artifacts(unknownId), [])
        assert.deepStrictEqual(yield* store.resources(unknownId), [])
      })
    )

    check("lists newest first, page by page, without a gap when tasks arrive in between", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const made = yield* Effect.replicateEffect(accepted(), 5)
        const first = yield* store.list({ limit: 2 })
        yield* accepted()
        const second = yield* store.list({ limit: 2, before: first.next })
        const third = yield* store.list({ limit: 2, before: second.next })
        assert.isUndefined(third.next)
        assert.deepStrictEqual(
          [first, second, third].flatMap(({ tasks }) => tasks),
          [...made].reverse()
        )
      })
    )

    check("names no next page when the last one is exactly full", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* Effect.replicateEffect(accepted(), 2)
        assert.isUndefined((yield* store.list({ limit: 2 })).next)
      })
    )

    check("filters by status, runtime and provider together", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const wanted = yield* accepted({ runtime: "a", provider: "p" })
        yield* accepted({ runtime: "a", provider: "q" })
        yield* accepted({ runtime: "b", provider: "p" })
        yield* accepted({ provider: "p" })
        const started = yield* apply(yield* accepted({ runtime: "a", provider: "p" }), { transition: "start" })
        const list = (query: Partial<Parameters<typeof store.list>[0]>) =>
          Effect.map(store.list({ limit: 10, runtime: "a", provider: "p", ...query }), ({ tasks }) =>
            tasks.map(({ id }) => id)
          )
        assert.deepStrictEqual(yield* list({ statuses: ["queued"] }), [wanted.id])
        assert.deepStrictEqual(yield* list({ statuses: ["queued", "starting"] }), [started.id, wanted.id])
        assert.deepStrictEqual(yield* list({}), [started.id, wanted.id])
        assert.deepStrictEqual(yield* list({ statuses: [] }), [])
      })
    )

    check("lists one principal's tasks alone, page by page", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const createFor = (principal: string | undefined) =>
          Effect.flatMap(nextId, (id) =>
            Effect.map(store.create({ id, request: someRequest(), principal }), ({ task }) => task.id)
          )
        const [first, , second] = yield* Effect.forEach(
          ["principal:a", "principal:b", "principal:a", undefined],
          createFor
        )
        const list = (principal: string, before?: number) => store.list({ limit: 1, principal, before })
        const newest = yield* list("principal:a")
        const older = yield* list("principal:a", newest.next)
        assert.deepStrictEqual(
          [newest, older].map(({ tasks }) => tasks.map(({ id }) => id)),
          [[second], [first]]
        )
        assert.isUndefined(older.next)
        assert.deepStrictEqual(yield* list("principal:"), { tasks: [] })
      })
    )

    check("answers at once when the task already is above the revision", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* advanced({ transition: "start" })
        assert.deepStrictEqual(yield* store.changed(task.id, 1), task)
      })
    )

    check("wakes everyone who waits when the revision grows, and not for log text", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* accepted()
        const other = yield* accepted()
        const woken = yield* Deferred.make<void>()
        const wait = Effect.zipLeft(store.changed(task.id, task.revision), Deferred.succeed(woken, undefined))
        const waiting = yield* Effect.fork(Effect.all([wait, wait], { concurrency: 2 }))
        yield* Effect.yieldNow()
        yield* apply(task, { entries: [{ log: "text" }] })
        yield* apply(other, { transition: "start" })
        yield* TestClock.adjust("1 second")
        assert.isFalse(yield* Deferred.isDone(woken))
        const started = yield* apply(task, { transition: "start" })
        assert.deepStrictEqual(yield* Fiber.join(waiting), [started, started])
      })
    )

    check("forgets a waiter that was interrupted", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* accepted()
        const waiting = yield* Effect.fork(store.changed(task.id, task.revision))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(waiting)
        const started = yield* apply(task, { transition: "start" })
        assert.deepStrictEqual(yield* store.changed(task.id, task.revision), started)
      })
    )
  })
}
