import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, TestClock } from "effect"
import { Awaiting } from "../src/dispatch/Awaiting.js"
import { core, reaches, spawned, startProcess, until } from "./fakes/CoreFixture.js"
import { Fake } from "./fakes/FakeAdapter.js"

describe("waiting for tasks", () => {
  it.scoped("ends with the first that ends, with the last, with a question, and with the time, which is no error", () =>
    Effect.gen(function* () {
      const { far } = yield* Fake
      far.plan = { ...far.plan, chunks: [], pollAfter: 1_000, ends: false }
      yield* startProcess()
      const awaiting = yield* Awaiting
      const ids = [yield* spawned("once"), yield* spawned("once")]
      for (const id of ids) yield* reaches(id, "running")
      const heard: Array<number> = []
      const waiting = (mode: "any" | "all", seconds: number) =>
        Effect.fork(awaiting.wait(ids, mode, seconds, (ended) => Effect.sync(() => void heard.push(ended))))
      const passing = <A, E>(fiber: Effect.Effect<A, E>) =>
        Effect.zipLeft(Effect.fork(fiber), TestClock.adjust("20 seconds"))

      const short = yield* waiting("any", 5)
      yield* TestClock.adjust("6 seconds")
      assert.isFalse((yield* short.await.pipe(Effect.flatten)).done)
      const [any, all] = [yield* waiting("any", 600), yield* waiting("all", 600)]
      yield* TestClock.adjust("1 seconds")
      far.end(ids[0] ?? assert.fail())
      yield* until(ids[0] ?? assert.fail(), ({ settled: done }) => done)
      yield* TestClock.adjust("1 seconds")
      const first = yield* any.await.pipe(Effect.flatten)
      assert.isTrue(first.done)
      assert.deepStrictEqual(
        first.tasks.map(({ status }) => status),
        ["succeeded"]
      )
      assert.strictEqual(first.unfinished, 1)
      far.end(ids[1] ?? assert.fail())
      yield* until(ids[1] ?? assert.fail(), ({ settled: done }) => done)
      yield* TestClock.adjust("1 seconds")
      const last = yield* all.await.pipe(Effect.flatten)
      assert.isTrue(last.done)
      assert.isAbove(heard.length, 1)
      const asked = yield* Effect.map(Fake, ({ far: agent }) => {
        const question = { type: "task.input_required", message: "Which?", payload: { key: "which" } } as const
        agent.plan = { ...agent.plan, chunks: [[question]], pollAfter: 1_000, ends: false }
        return agent
      })
      const parked = yield* spawned("once")
      const one = yield* passing(awaiting.wait([parked], "all", 600, () => Effect.void))
      const view = yield* one.await.pipe(Effect.flatten)
      assert.isFalse(view.done)
      assert.deepStrictEqual(
        view.tasks[0]?.questions?.map(({ key }) => key),
        ["which"]
      )
      asked.end(parked)
    }).pipe(Effect.provide(core()))
  )

  it.effect("does not hold up the end of everything while somebody still waits", () =>
    Effect.gen(function* () {
      const awaiting = yield* Awaiting
      yield* Effect.fork(awaiting.wait([yield* spawned("once")], "all", 600, () => Effect.void))
      yield* TestClock.adjust("2 seconds")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("refuses what names no task, with the field", () =>
    Effect.gen(function* () {
      const awaiting = yield* Awaiting
      for (const [ids, tag] of [
        [[], "InvalidInput"],
        [Array.from({ length: 51 }, () => "task_00000000000000000000000000"), "InvalidInput"],
        [["task_zzzzzzzzzzzzzzzzzzzzzzzzzz"], "TaskNotFound"]
      ] as const) {
        const refused = yield* Effect.either(awaiting.find(ids))
        assert.strictEqual(Either.isLeft(refused) ? refused.left._tag : "found", tag)
      }
    }).pipe(Effect.provide(core()))
  )
})
