import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Store } from "../src/services/Store.js"
import { core, eventTypes, find, reaches, settled, spawned, startProcess, until } from "./fakes/CoreFixture.js"
import { nextId, someRequest } from "./support/SomeTask.js"
import { answers, dies, Fake, fails, throws } from "./fakes/FakeAdapter.js"

describe("Drive, cleaning up", () => {
  for (const [how, broken] of [
    ["fails", fails({ code: "fake.cleanup_failed" })],
    ["dies", dies],
    ["throws", throws]
  ] as const) {
    it.scoped(`leaves a succeeded task succeeded when it ${how}, and tries again until all is gone`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        fake.next("cleanup", broken, broken, broken)
        yield* startProcess()
        const id = yield* spawned("machine")
        const ended = yield* reaches(id, "succeeded")
        yield* until(id, () => fake.called("cleanup") === 3)
        assert.lengthOf(fake.far.leftovers, 1)
        const unsettled = yield* find(id)
        assert.deepStrictEqual([unsettled.status, unsettled.settled], ["succeeded", false])
        const task = yield* settled(id)
        assert.deepStrictEqual([task.status, task.outcome, task.error], ["succeeded", ended.outcome, undefined])
        assert.deepStrictEqual(fake.far.leftovers, [])
        assert.strictEqual(fake.called("cleanup"), 4)
        assert.strictEqual((yield* eventTypes(id)).at(-1), "task.succeeded")
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("asks again as long as the far side has not confirmed that all is gone", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const going = { key: "machine", kind: "machine", ref: { name: "going" }, state: "created" } as const
      fake.next("cleanup", answers([going]), answers([]))
      yield* startProcess()
      const id = yield* spawned("machine")
      yield* settled(id)
      assert.strictEqual(fake.called("cleanup"), 3)
      assert.deepStrictEqual(fake.far.leftovers, [])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("pauses between two tries", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("cleanup", fails())
      yield* startProcess()
      const id = yield* spawned("machine")
      yield* reaches(id, "succeeded")
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(fake.called("cleanup"), 10)
      assert.isAtLeast(fake.called("cleanup"), 4)
    }).pipe(Effect.provide(core()))
  )

  for (const operation of ["provision", "start", "observe"] as const) {
    it.scoped(`removes what a task that failed in ${operation} had or may have made`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        const store = yield* Store
        fake.next(operation, (ordinary) => Effect.zipRight(ordinary, fails({ code: "fake.broken" })()))
        yield* startProcess()
        const task = yield* settled(yield* spawned("machine"))
        assert.deepStrictEqual([task.status, task.error?.code], ["failed", "fake.broken"])
        assert.deepStrictEqual(fake.far.leftovers, [])
        assert.deepStrictEqual(
          (yield* store.resources(task.id)).map((resource) => resource.state),
          ["gone"]
        )
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("does nothing where nothing was made", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      yield* settled(yield* spawned("once"))
      assert.strictEqual(fake.called("cleanup"), 0)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("keeps a result whose storing the far side could not be told", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      for (const broken of [fails(), dies, throws]) {
        fake.next("finish", broken)
        const task = yield* settled(yield* spawned("once"))
        assert.deepStrictEqual([task.status, task.outcome], ["succeeded", { ok: true, result: { answer: 42 } }])
      }
    }).pipe(Effect.provide(core()))
  )

  it.scoped("fails a task whose adapter is not built in, and leaves one that had ended as it is", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const request = someRequest({ adapter: "taken-out" })
      const { task } = yield* store.create({ id: yield* nextId, request })
      const made = { key: "machine", kind: "machine", ref: {}, state: "created" } as const
      const begun = yield* store.create({ id: yield* nextId, request })
      const ended = yield* store.commit(begun.task, { transition: "fail", resources: [made] })
      yield* startProcess()
      const failed = yield* settled(task.id)
      assert.deepStrictEqual([failed.status, failed.error?.code], ["failed", "adapter.not_found"])
      assert.strictEqual((yield* settled(yield* spawned("once"))).status, "succeeded")
      yield* TestClock.adjust("1 minute")
      const kept = yield* find(ended.id)
      assert.deepStrictEqual([kept.status, kept.settled, kept.revision], ["failed", false, ended.revision])
    }).pipe(Effect.provide(core()))
  )
})
