import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, TestClock } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import type { TaskId } from "../src/domain/Task.js"
import { Store } from "../src/services/Store.js"
import { core, eventTypes, find, logOf, reaches, settled, spawned, startProcess, until } from "./fakes/CoreFixture.js"
import { answers, dies, Fake, fails, type Operation, semantics, throws } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"
import type { Around } from "./fakes/StoreProxy.js"

const endless = { ...shortWork, ends: false }

/** Cancels while time goes on; returns what the caller is told. */
const cancelled = Effect.fnUntraced(function* (id: TaskId) {
  const dispatch = yield* Dispatch
  const asking = yield* Effect.fork(dispatch.cancel(id))
  yield* until(id, () => asking.unsafePoll() !== null)
  return yield* Fiber.join(asking)
})

describe("Drive, cancelling", () => {
  it.scoped("cancels a queued task at once and never touches its backend", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const dispatch = yield* Dispatch
      const id = yield* spawned("once")
      assert.deepStrictEqual(yield* dispatch.cancel(id), { status: "cancelled", providerRefs: {} })
      yield* startProcess()
      yield* TestClock.adjust("1 minute")
      const task = yield* find(id)
      assert.deepStrictEqual([task.status, task.settled], ["cancelled", true])
      assert.lengthOf(fake.calls, 0)
      assert.deepStrictEqual(yield* eventTypes(id), ["task.created", "task.cancelled"])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("also cancels the part that was accepted while a queued task was being cancelled", () => {
    let meanwhile: Effect.Effect<unknown> = Effect.void
    const racing: Around = (call, method) =>
      method !== "commit"
        ? call
        : Effect.suspend(() => {
            const first = meanwhile
            meanwhile = Effect.void
            return Effect.zipRight(first, call)
          })
    return Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const store = yield* Store
      const whole = yield* spawned("once")
      meanwhile = Effect.orDie(
        dispatch.spawn({ instruction: "a part", runtime: "once" }, { relatives: { parent: whole } })
      )
      assert.deepInclude(yield* dispatch.cancel(whole), { status: "cancelled" })
      yield* startProcess()
      assert.strictEqual((yield* settled(whole)).status, "cancelled")
      const [part] = (yield* store.list({ parent: whole, limit: 9 })).tasks
      const { id, status } = yield* settled(part?.id ?? assert.fail("no part"))
      assert.strictEqual(status, "cancelled")
      assert.isFalse((yield* Fake).far.alive(id))
    }).pipe(Effect.provide(core({ store: racing })))
  })

  it.scoped("stops running work, keeps what it had said, and is idempotent", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = endless
      yield* startProcess()
      const id = yield* spawned("idempotent")
      yield* until(id, (task) => task.logLength > 12)
      const view = yield* cancelled(id)
      assert.strictEqual(view.status, "cancelled")
      assert.isFalse(fake.far.alive(id))
      assert.strictEqual(yield* logOf(id), "first line\nlast line\n")
      assert.deepStrictEqual((yield* eventTypes(id)).slice(-2), ["task.cancelling", "task.cancelled"])
      assert.strictEqual((yield* cancelled(id)).status, "cancelled")
      assert.strictEqual(fake.called("cancel"), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("collects what the work said between the last look and its stop", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...endless, pollAfter: 3_600_000 }
      yield* startProcess()
      const id = yield* spawned("once")
      yield* until(id, (task) => task.logLength > 0)
      assert.strictEqual((yield* cancelled(id)).status, "cancelled")
      assert.strictEqual(yield* logOf(id), "first line\nlast line\n")
    }).pipe(Effect.provide(core()))
  )

  const underWay: ReadonlyArray<readonly [operation: Operation, status: string, runs: number]> = [
    ["provision", "provisioning", 0],
    ["start", "starting", 1]
  ]
  for (const [operation, status, runs] of underWay) {
    for (const runtime of operation === "start" ? [...semantics, "machine" as const] : (["machine"] as const)) {
      it.scoped(`is not undone by a ${operation} that was under way: the work ends stopped (${runtime})`, () =>
        Effect.gen(function* () {
          const fake = yield* Fake
          const dispatch = yield* Dispatch
          const gate = yield* Deferred.make<void>()
          fake.far.plan = endless
          fake.next(operation, (ordinary) => Effect.zipRight(Deferred.await(gate), ordinary))
          yield* startProcess()
          const id = yield* spawned(runtime)
          yield* until(id, () => fake.called(operation) === 1)
          assert.strictEqual((yield* find(id)).status, status)
          const asking = yield* Effect.fork(dispatch.cancel(id))
          yield* reaches(id, "cancelling")
          yield* Deferred.succeed(gate, undefined)
          yield* settled(id)
          assert.strictEqual((yield* Fiber.join(asking)).status, "cancelled")
          assert.strictEqual(fake.far.runs(id), runs)
          assert.isFalse(fake.far.alive(id))
          assert.deepStrictEqual(fake.far.leftovers, [])
          assert.notInclude(yield* eventTypes(id), "task.started")
        }).pipe(Effect.provide(core()))
      )
    }
  }

  it.scoped("does not wait for the next try of a start that was postponed", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("start", fails({ retryable: true }))
      yield* startProcess()
      const id = yield* spawned("once")
      yield* until(id, () => fake.called("start") === 3, 100)
      const asked = (yield* find(id)).updatedAt
      const view = yield* cancelled(id)
      assert.strictEqual(view.status, "cancelled")
      assert.isAtMost((yield* find(id)).updatedAt - asked, 600)
      assert.strictEqual(fake.called("start"), 3)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("interrupts a look at the work that would take long", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = endless
      fake.next("observe", () => Effect.never)
      yield* startProcess()
      const id = yield* spawned("once")
      yield* until(id, () => fake.called("observe") === 1)
      assert.strictEqual((yield* cancelled(id)).status, "cancelled")
      assert.isFalse(fake.far.alive(id))
    }).pipe(Effect.provide(core()))
  )

  it.scoped("keeps the result of work that had already finished", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const dispatch = yield* Dispatch
      fake.far.plan = endless
      yield* startProcess()
      const id = yield* spawned("probe")
      yield* until(id, (task) => task.logLength > 12)
      fake.far.end(id)
      const view = yield* cancelled(id)
      assert.deepStrictEqual([view.status, view.error?.code], ["failed", "task.terminal"])
      const result = yield* dispatch.result(id, {})
      assert.deepStrictEqual([result.status, result.result], ["succeeded", { answer: 42 }])
      assert.lengthOf(result.artifacts, 1)
      assert.deepStrictEqual((yield* eventTypes(id)).slice(-3), [
        "task.cancelling",
        "task.completing",
        "task.succeeded"
      ])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("is refused while the result is being stored, and the result is kept", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const dispatch = yield* Dispatch
      const gate = yield* Deferred.make<void>()
      fake.next("finish", () => Deferred.await(gate))
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "completing")
      const view = yield* dispatch.cancel(id)
      assert.deepStrictEqual([view.status, view.error?.code], ["failed", "task.terminal"])
      assert.strictEqual((yield* find(id)).status, "completing")
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* settled(id)).status, "succeeded")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("is refused after the end, says how it ended, and changes nothing", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const dispatch = yield* Dispatch
      yield* startProcess()
      const well = yield* settled(yield* spawned("once"))
      fake.next("start", fails({ code: "fake.quota" }))
      const badly = yield* settled(yield* spawned("once"))
      for (const task of [well, badly]) {
        const view = yield* dispatch.cancel(task.id)
        assert.deepStrictEqual([view.status, view.error?.code], ["failed", "task.terminal"])
        assert.include(view.error?.message ?? "", task.status)
        assert.deepStrictEqual(yield* find(task.id), task)
      }
      assert.deepStrictEqual(yield* dispatch.cancel("task_zzzzzzzzzzzzzzzzzzzzzzzzzz"), { status: "not_found" })
    }).pipe(Effect.provide(core()))
  )

  for (const [how, broken] of [
    ["fails", () => Effect.delay(fails({ message: "no permission" })(), "10 seconds")],
    ["dies", () => Effect.delay(dies(), "10 seconds")],
    ["throws", throws],
    ["never answers", () => Effect.never],
    ["never gets anywhere", () => Effect.succeed({ state: "stopping", pollAfter: 10_000 } as const)]
  ] as const) {
    it.scoped(`ends as failed, not as cancelling for ever, when stopping ${how} again and again`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        fake.far.plan = endless
        fake.always("cancel", broken)
        yield* startProcess({ lease: "1 hour", poll: "1 minute", limit: 1 })
        const id = yield* spawned("once")
        yield* reaches(id, "running")
        const view = yield* cancelled(id)
        assert.deepStrictEqual([view.status, view.error?.code], ["failed", "cancel.unconfirmed"])
        const task = yield* until(id, (seen) => seen.settled, 5_000)
        assert.deepStrictEqual([task.status, task.error?.code], ["failed", "adapter.cancel_failed"])
        assert.isAtLeast(fake.called("cancel"), 2)
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("is patient with a stop that fails now and then, also when looking at the work had failed for long", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("observe", () => Effect.delay(fails({ retryable: true })(), "1 minute"))
      fake.next("cancel", fails(), fails(), fails(), answers({ state: "stopping", pollAfter: 1_000 }))
      yield* startProcess({ lease: "1 hour", poll: "1 minute", limit: 1 })
      const id = yield* spawned("once")
      yield* until(id, () => fake.called("observe") === 7, 30_000)
      yield* cancelled(id)
      assert.strictEqual((yield* settled(id)).status, "cancelled")
      assert.isFalse(fake.far.alive(id))
    }).pipe(Effect.provide(core()))
  )

  it.scoped("asks once more after one request that hung for as long as its patience", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = endless
      fake.next("cancel", fails({ retryable: true }), fails({ retryable: true }), () => Effect.never)
      yield* startProcess({ lease: "1 hour", poll: "1 minute", limit: 1 })
      const id = yield* spawned("once")
      yield* reaches(id, "running")
      yield* cancelled(id)
      assert.strictEqual((yield* until(id, (seen) => seen.settled, 5_000)).status, "cancelled")
      assert.isFalse(fake.far.alive(id))
    }).pipe(Effect.provide(core()))
  )

  it.scoped("removes the machine of a cancelled task", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const store = yield* Store
      fake.far.plan = endless
      yield* startProcess()
      const id = yield* spawned("machine")
      yield* reaches(id, "running")
      assert.lengthOf(fake.far.leftovers, 1)
      assert.strictEqual((yield* cancelled(id)).status, "cancelled")
      yield* settled(id)
      assert.deepStrictEqual(fake.far.leftovers, [])
      assert.deepStrictEqual(
        (yield* store.resources(id)).map((resource) => resource.state),
        ["gone"]
      )
    }).pipe(Effect.provide(core()))
  )

  it.scoped("forgives a lost request however long the work has taken to stop", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const dispatch = yield* Dispatch
      fake.far.plan = endless
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "running")
      fake.always("cancel", answers({ state: "stopping", pollAfter: 10_000 }))
      yield* dispatch.cancel(id, 0)
      yield* TestClock.adjust("3 minutes")
      fake.next("cancel", fails({ retryable: true }))
      fake.always("cancel", (usual) => usual)
      assert.strictEqual((yield* settled(id)).status, "cancelled")
    }).pipe(Effect.provide(core()))
  )
})
