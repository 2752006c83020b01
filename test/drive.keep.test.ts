import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import type { Resource } from "../src/domain/Task.js"
import { Store } from "../src/services/Store.js"
import { core, find, reaches, settled, spawned, startProcess } from "./fakes/CoreFixture.js"
import { answers, Fake } from "./fakes/FakeAdapter.js"

const second = 1_000

const left = (key: string, ref: JsonObject): Resource => ({ key, kind: "machine", ref, state: "created" })
const kept = (key: string, keepUntil: number) => left(key, { keepUntil })

/** Lets time pass up to this moment, at which the clock then stands. */
const clockAt = (millis: number) => Effect.zipRight(TestClock.setTime(millis), TestClock.adjust(0))

describe("Drive, with a resource that is kept on purpose", () => {
  it.scoped("asks for it again only when its time has come, and settles the task then", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const store = yield* Store
      fake.next("cleanup", answers([kept("machine", 60 * second)]))
      yield* startProcess()
      const id = yield* spawned("machine")
      const ended = yield* reaches(id, "succeeded")
      for (const moment of [10 * second, 30 * second, 60 * second - 1]) {
        yield* clockAt(moment)
        const { status, settled: done } = yield* find(id)
        assert.deepStrictEqual([status, done, fake.called("cleanup")], ["succeeded", false, 1])
        assert.lengthOf(fake.far.leftovers, 1)
      }
      assert.deepStrictEqual(
        (yield* store.resources(id)).map(({ ref, state }) => [ref["keepUntil"], state]),
        [[60 * second, "created"]]
      )
      yield* clockAt(61 * second)
      const task = yield* find(id)
      assert.deepStrictEqual([task.status, task.settled, task.outcome], ["succeeded", true, ended.outcome])
      assert.strictEqual(fake.called("cleanup"), 2)
      assert.deepStrictEqual(fake.far.leftovers, [])
      yield* clockAt(90 * second)
      assert.strictEqual(fake.called("cleanup"), 2)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("keeps to the time in another process, after the first was killed", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("cleanup", answers([kept("machine", 60 * second)]))
      const first = yield* startProcess()
      const id = yield* spawned("machine")
      yield* reaches(id, "succeeded")
      yield* clockAt(10 * second)
      yield* first.kill
      yield* startProcess()
      yield* clockAt(60 * second - 1)
      assert.deepStrictEqual([(yield* find(id)).settled, fake.called("cleanup")], [false, 1])
      yield* clockAt(61 * second)
      assert.deepStrictEqual([(yield* find(id)).settled, fake.called("cleanup")], [true, 2])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("moves with a later time that the far side gives when it is asked", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("cleanup", answers([kept("machine", 30 * second)]), answers([kept("machine", 60 * second)]))
      yield* startProcess()
      const id = yield* spawned("machine")
      yield* clockAt(60 * second - 1)
      assert.deepStrictEqual([(yield* find(id)).settled, fake.called("cleanup")], [false, 2])
      yield* clockAt(61 * second)
      assert.deepStrictEqual([(yield* find(id)).settled, fake.called("cleanup")], [true, 3])
    }).pipe(Effect.provide(core()))
  )

  for (const [what, disk, asks] of [
    ["at the first of two times", kept("disk", 30 * second), 30 * second],
    ["soon while something else should have gone already", left("disk", {}), 0],
    ["at the time of the only one that is left", { ...left("disk", {}), state: "gone" }, 60 * second]
  ] as const) {
    it.scoped(`asks again ${what}`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        fake.next("provision", (ordinary) =>
          Effect.map(ordinary, (made) => ({ ...made, resources: [...(made.resources ?? []), left("disk", {})] }))
        )
        fake.next("cleanup", answers([kept("machine", 60 * second), disk]))
        yield* startProcess()
        const id = yield* spawned("machine")
        yield* reaches(id, "succeeded")
        yield* clockAt(Math.max(second, asks - 1))
        assert.deepStrictEqual([(yield* find(id)).settled, fake.called("cleanup")], [false, 1])
        yield* clockAt(asks + 10 * second)
        assert.deepStrictEqual([(yield* find(id)).settled, fake.called("cleanup")], [true, 2])
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("pauses as usual where the time has passed and the far side keeps it still", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("cleanup", answers([kept("machine", 1)]))
      yield* startProcess()
      const id = yield* spawned("machine")
      yield* reaches(id, "succeeded")
      yield* clockAt(60 * second)
      assert.isAtLeast(fake.called("cleanup"), 4)
      assert.isAtMost(fake.called("cleanup"), 10)
      fake.always("cleanup", (ordinary) => ordinary)
      assert.isTrue((yield* settled(id)).settled)
    }).pipe(Effect.provide(core()))
  )
})
