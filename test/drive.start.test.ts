import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import type { Task } from "../src/domain/Task.js"
import { core, eventTypes, find, settled, spawned, startProcess, until } from "./fakes/CoreFixture.js"
import { answers, dies, failsAfter, Fake, fails, ordinary, semantics, throws } from "./fakes/FakeAdapter.js"

const unreachable = fails({ code: "fake.unreachable", retryable: true, delivery: "none" })
const lostAnswer = failsAfter({ code: "fake.timeout", retryable: true })
const lostQuestion = fails({ code: "fake.timeout", retryable: true, delivery: "unknown" })

const tokens = (fake: typeof Fake.Service) =>
  fake.calls.filter((call) => call.operation === "start").map((call) => call.token)
const isIndeterminate = ({ error, status }: Task) => status === "failed" && error?.code === "start.indeterminate"

describe("Drive, starting", () => {
  for (const start of semantics) {
    it.scoped(`tries a start that never arrived again, later and under a new token (${start})`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        fake.next("start", unreachable, unreachable)
        yield* startProcess()
        const id = yield* spawned(start)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual([fake.called("start"), (yield* find(id)).status], [1, "starting"])
        assert.strictEqual((yield* settled(id)).status, "succeeded")
        assert.strictEqual(new Set(tokens(fake)).size, 3)
        assert.strictEqual(fake.far.runs(id), 1)
        assert.strictEqual((yield* find(id)).attempt, 3)
        assert.strictEqual((yield* eventTypes(id)).filter((type) => type === "task.starting").length, 3)
      }).pipe(Effect.provide(core()))
    )

    it.scoped(`fails with the backend's code when a start may not be repeated (${start})`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        fake.next("start", fails({ code: "fake.quota", message: "no places left" }))
        yield* startProcess()
        const task = yield* settled(yield* spawned(start))
        assert.deepStrictEqual(
          [task.status, task.error?.code, task.error?.message],
          ["failed", "fake.quota", "no places left"]
        )
        assert.strictEqual(fake.called("start"), 1)
      }).pipe(Effect.provide(core()))
    )

    it.scoped(`gives up after some tries that never arrived, with the last one's code (${start})`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        fake.always("start", unreachable)
        yield* startProcess()
        const task = yield* settled(yield* spawned(start))
        assert.deepStrictEqual([task.status, task.error?.code], ["failed", "fake.unreachable"])
        assert.strictEqual(fake.called("start"), 4)
      }).pipe(Effect.provide(core()))
    )

    it.scoped(`does not start again what the far side took and failed (${start})`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        fake.next("start", fails({ code: "fake.crashed", retryable: true, delivery: "done" }))
        yield* startProcess()
        const task = yield* settled(yield* spawned(start))
        assert.deepStrictEqual([task.status, task.error?.code], ["failed", "fake.crashed"])
        assert.strictEqual(fake.called("start"), 1)
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("sends an idempotent start again under the same token when the answer was lost", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", lostAnswer, lostQuestion)
      yield* startProcess()
      const id = yield* spawned("idempotent")
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(fake.called("start"), 3)
      assert.strictEqual(new Set(tokens(fake)).size, 1)
      assert.strictEqual(fake.far.runs(id), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("keeps the token when a resend does not arrive, because the first one may have", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", lostAnswer, unreachable, unreachable)
      yield* startProcess()
      const id = yield* spawned("idempotent")
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(new Set(tokens(fake)).size, 1)
      assert.strictEqual(fake.far.runs(id), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("does not call a resend's refusal the end of work that may run since the first one", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", lostAnswer, fails({ code: "fake.quota" }))
      yield* startProcess()
      const task = yield* settled(yield* spawned("idempotent"))
      assert.isTrue(isIndeterminate(task), task.error?.code)
      assert.deepStrictEqual(task.error?.details, { attempt: 1, cause: "fake.quota" })
    }).pipe(Effect.provide(core()))
  )

  it.scoped("stops resending after a minute and says that nobody knows", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("start", lostQuestion)
      yield* startProcess()
      const id = yield* spawned("idempotent")
      const task = yield* until(id, (seen) => seen.settled, 5_000)
      assert.isTrue(isIndeterminate(task), task.error?.code)
      assert.strictEqual(new Set(tokens(fake)).size, 1)
      assert.isAtMost(task.updatedAt - task.createdAt, 65_000)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("asks before it starts again: work that is there is observed, not repeated", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", lostAnswer)
      yield* startProcess()
      const id = yield* spawned("probe")
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.deepStrictEqual([fake.called("start"), fake.called("probe"), fake.far.runs(id)], [1, 1, 1])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("asks before it starts again: work that never came is started under a new token, after a pause", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", lostQuestion)
      yield* startProcess()
      const id = yield* spawned("probe")
      yield* TestClock.adjust(0)
      assert.strictEqual(fake.called("start"), 1)
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(new Set(tokens(fake)).size, 2)
      assert.strictEqual(fake.far.runs(id), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("does not start for ever what never arrives", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("start", lostQuestion)
      yield* startProcess()
      const task = yield* settled(yield* spawned("probe"))
      assert.deepStrictEqual([task.status, task.error?.code], ["failed", "fake.timeout"])
      assert.strictEqual(fake.called("start"), 4)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("says that nobody knows when the far side cannot say, and does not start again", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", lostAnswer)
      fake.next("probe", answers("cannot say"))
      yield* startProcess()
      const id = yield* spawned("probe")
      assert.isTrue(isIndeterminate(yield* settled(id)))
      assert.deepStrictEqual([fake.called("start"), fake.far.runs(id)], [1, 1])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("goes on asking for a while when the question itself fails", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", lostAnswer)
      fake.next("probe", unreachable, unreachable, ordinary)
      yield* startProcess()
      const id = yield* spawned("probe")
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.deepStrictEqual([fake.called("probe"), fake.far.runs(id)], [3, 1])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("never sends a start twice that may not be sent twice", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      for (const lost of [lostAnswer, lostQuestion]) {
        fake.next("start", lost)
        yield* startProcess()
        const task = yield* settled(yield* spawned("once"))
        assert.isTrue(isIndeterminate(task), task.error?.code)
        assert.deepStrictEqual(task.error?.details, { attempt: 1, cause: "fake.timeout" })
        assert.strictEqual(fake.calls.filter((call) => call.operation === "start" && call.task === task.id).length, 1)
      }
    }).pipe(Effect.provide(core()))
  )

  it.scoped("ends a task whose start breaks down, with the break-down as the cause, and starts nothing again", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      for (const broken of [dies, throws]) {
        for (const start of semantics) {
          fake.next("start", broken)
          const before = fake.called("start")
          const task = yield* settled(yield* spawned(start))
          const expected = start === "probe" ? "adapter.defect" : "start.indeterminate"
          assert.deepStrictEqual([task.status, task.error?.code], ["failed", expected], start)
          if (start !== "probe") assert.deepStrictEqual(task.error?.details, { attempt: 1, cause: "adapter.defect" })
          assert.strictEqual(fake.called("start") - before, 1)
          assert.strictEqual(fake.far.runs(task.id), 0)
        }
      }
      assert.strictEqual((yield* settled(yield* spawned("once"))).status, "succeeded")
    }).pipe(Effect.provide(core()))
  )
})
