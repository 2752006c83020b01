import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import {
  core,
  eventTypes,
  find,
  logOf,
  reaches,
  type Runtime,
  settled,
  spawned,
  startProcess,
  until
} from "./fakes/CoreFixture.js"
import { answers, Fake, hangs, hangsAfter, type Operation, semantics } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"

/** One process is killed while the operation is under way, and another one goes on. */
const crashAt = Effect.fnUntraced(function* (operation: Operation, runtime: Runtime, how: "before" | "after") {
  const fake = yield* Fake
  if (how === "before") fake.next(operation, hangs)
  else fake.next(operation, hangsAfter)
  const first = yield* startProcess()
  const id = yield* spawned(runtime)
  yield* until(id, () => fake.calls.some((call) => call.operation === operation && call.end === "under way"))
  yield* first.kill
  assert.isTrue(fake.calls.some((call) => call.operation === operation && call.end === "interrupted"))
  yield* startProcess()
  return yield* settled(id)
})

describe("Drive, after a crash", () => {
  for (const operation of ["prepare", "provision", "observe", "finish", "cleanup"] as const) {
    for (const how of ["before", "after"] as const) {
      it.scoped(`ends well when the crash came ${how} ${operation} took effect`, () =>
        Effect.gen(function* () {
          const fake = yield* Fake
          const task = yield* crashAt(operation, "machine", how)
          assert.strictEqual(task.status, "succeeded")
          assert.strictEqual(fake.far.runs(task.id), 1)
          assert.deepStrictEqual(fake.far.leftovers, [])
          assert.strictEqual(yield* logOf(task.id), "first line\nlast line\n")
          const types = yield* eventTypes(task.id)
          assert.strictEqual(new Set(types).size, types.length, types.join(" "))
        }).pipe(Effect.provide(core()))
      )
    }
  }

  for (const how of ["before", "after"] as const) {
    it.scoped(`resends an idempotent start under the same token (${how} it arrived)`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        const task = yield* crashAt("start", "idempotent", how)
        assert.strictEqual(task.status, "succeeded")
        assert.strictEqual(fake.far.runs(task.id), 1)
        const [one, two, ...more] = fake.calls.filter((call) => call.operation === "start")
        assert.isDefined(one?.token)
        assert.strictEqual(one?.token, two?.token)
        assert.lengthOf(more, 0)
      }).pipe(Effect.provide(core()))
    )

    it.scoped(`asks the far side first where it can be asked (${how} it arrived)`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        const task = yield* crashAt("start", "probe", how)
        assert.strictEqual(task.status, "succeeded")
        assert.strictEqual(fake.far.runs(task.id), 1)
        assert.strictEqual(fake.called("start"), how === "before" ? 2 : 1)
        assert.strictEqual(fake.called("probe"), 1)
      }).pipe(Effect.provide(core()))
    )

    it.scoped(`says that nobody knows where a start may not be repeated (${how} it arrived)`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        const task = yield* crashAt("start", "once", how)
        assert.deepStrictEqual([task.status, task.error?.code], ["failed", "start.indeterminate"])
        assert.strictEqual(fake.called("start"), 1)
        assert.strictEqual(fake.far.runs(task.id), how === "before" ? 0 : 1)
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("says that nobody knows when the far side, asked after the crash, cannot say", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("probe", answers("cannot say"))
      const task = yield* crashAt("start", "probe", "after")
      assert.strictEqual(task.error?.code, "start.indeterminate")
      assert.strictEqual(fake.far.runs(task.id), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("asks again when the crash came while it was asking", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", hangsAfter)
      fake.next("probe", hangs)
      const id = yield* spawned("probe")
      for (const operation of ["start", "probe"] as const) {
        const process = yield* startProcess()
        yield* until(id, () => fake.called(operation) === 1)
        yield* process.kill
      }
      yield* startProcess()
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.deepStrictEqual([fake.called("start"), fake.called("probe"), fake.far.runs(id)], [1, 2, 1])
    }).pipe(Effect.provide(core()))
  )

  for (const start of semantics) {
    it.scoped(`finishes a cancel that the crash interrupted (${start})`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        const dispatch = yield* Dispatch
        fake.far.plan = { ...shortWork, ends: false }
        fake.next("cancel", hangs)
        const first = yield* startProcess()
        const id = yield* spawned(start)
        yield* reaches(id, "running")
        yield* Effect.forkScoped(dispatch.cancel(id))
        yield* until(id, () => fake.called("cancel") === 1)
        yield* first.kill
        yield* startProcess()
        assert.strictEqual((yield* settled(id)).status, "cancelled")
        assert.isFalse(fake.far.alive(id))
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("goes on with every unfinished task, however many died with their process", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const first = yield* startProcess()
      const ids = yield* Effect.replicateEffect(spawned("idempotent"), 20)
      yield* TestClock.adjust("50 millis")
      yield* first.kill
      for (const id of ids) assert.notInclude(["succeeded", "failed"], (yield* find(id)).status)
      yield* startProcess()
      for (const id of ids) {
        assert.strictEqual((yield* settled(id)).status, "succeeded")
        assert.strictEqual(fake.far.runs(id), 1)
      }
    }).pipe(Effect.provide(core()))
  )
})
