import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Answers } from "../src/dispatch/Answers.js"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import type { Json } from "../src/domain/Json.js"
import type { Answer } from "../src/domain/TaskQuestion.js"
import type { Observation } from "../src/services/Adapter.js"
import { Store } from "../src/services/Store.js"
import { core, eventTypes, find, reaches, settled, spawned, startProcess } from "./fakes/CoreFixture.js"
import { Fake, fails } from "./fakes/FakeAdapter.js"

const asking = (message: string, payload?: Json) =>
  ({ type: "task.input_required", message, ...(payload === undefined ? {} : { payload }) }) as const

/** Work that asks at once and then goes on until the test ends it. */
const asks = (...questions: ReadonlyArray<ReturnType<typeof asking>>) =>
  Effect.map(Fake, ({ far }) => {
    far.plan = { ...far.plan, chunks: [questions], pollAfter: 1_000, ends: false }
    return far
  })

const accept = (content: NonNullable<Answer["content"]>): Answer => ({ action: "accept", content })
const answer = (id: string, answers: Readonly<Record<string, Answer>>) =>
  Effect.flatMap(Answers, (service) => service.answer(id, answers))

describe("a task whose agent asks", () => {
  it.scoped("waits for the answer, gives it to the agent once, and goes on", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const far = yield* asks(asking("Which branch?", { key: "branch", choices: ["main", "next"] }))
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "input_required")
      const dispatch = yield* Dispatch
      const { questions } = yield* dispatch.status(id, {})
      assert.deepStrictEqual(
        questions?.map(({ fields, key, question }) => [key, question, fields]),
        [["branch", "Which branch?", [{ id: "answer", type: "string", choices: ["main", "next"] }]]]
      )
      assert.deepStrictEqual(yield* answer(id, { branch: accept({ answer: "next" }) }), {
        taskId: id,
        accepted: ["branch"],
        ignored: [],
        open: []
      })
      yield* reaches(id, "running")
      assert.deepStrictEqual(fake.answered, [{ key: "branch", answer: accept({ answer: "next" }) }])
      far.end(id)
      yield* settled(id)
      assert.deepStrictEqual((yield* eventTypes(id)).slice(3), [
        "task.input_required",
        "task.answered",
        "task.resumed",
        "task.completing",
        "task.succeeded"
      ])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("takes the first answer of two that come at once, and tells the second that it came too late", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* asks(asking("Sure?", { key: "sure" }))
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "input_required")
      const views = yield* Effect.all(
        ["yes", "no"].map((word) => answer(id, { sure: accept({ answer: word }) })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(views.map(({ accepted }) => accepted.length).toSorted(), [0, 1])
      yield* reaches(id, "running")
      assert.strictEqual(fake.answered.length, 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("refuses an answer of the wrong kind with its field, and takes nothing of what came with it", () =>
    Effect.gen(function* () {
      yield* asks(
        asking("How many?", { key: "count", fields: [{ id: "n", type: "integer" }] }),
        asking("Where?", { key: "where", choices: ["here", "there"] })
      )
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "input_required")
      const wrong: ReadonlyArray<readonly [Readonly<Record<string, Answer>>, string]> = [
        [{ where: accept({ answer: "here" }), count: accept({ n: 1.5 }) }, "answers.count.n"],
        [{ count: accept({ n: "1" }) }, "answers.count.n"],
        [{ count: accept({}) }, "answers.count.n"],
        [{ where: accept({ answer: "nowhere" }) }, "answers.where.answer"],
        [{ where: accept({ constructor: "here" }) }, "answers.where.answer"]
      ]
      for (const [given, path] of wrong) {
        const refused = yield* Effect.flip(answer(id, given))
        assert.strictEqual(refused._tag === "InvalidInput" ? refused.path : refused._tag, path)
      }
      const { open, ignored } = yield* answer(id, {
        nobody: accept({ answer: "asked" }),
        __proto__: { action: "cancel" }
      })
      assert.deepStrictEqual([open, ignored], [["count", "where"], ["nobody"]])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("stays parked until every question has its answer; a declined one is an answer", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* asks(asking("One?", { key: "same" }), asking("Two?", { key: "same" }), asking("Three?"))
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "input_required")
      const { open } = yield* answer(id, { same: { action: "decline" } })
      assert.deepStrictEqual(open, ["same.2", "question-3"])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* find(id)).status, "input_required")
      yield* answer(id, { "same.2": accept({ answer: "b" }), "question-3": accept({ answer: "c" }) })
      yield* reaches(id, "running")
      assert.deepStrictEqual(
        fake.answered.map(({ key, answer: { action } }) => [key, action]),
        [
          ["same", "decline"],
          ["same", "accept"],
          ["question-3", "accept"]
        ]
      )
    }).pipe(Effect.provide(core()))
  )

  it.scoped("gets the defaults when its time is over, or hears that nobody answered where there is none", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* asks(
        asking("Go on?", { key: "go", default: true, expiresSeconds: 60 }),
        asking("Why?", { key: "why", expiresSeconds: 90 })
      )
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "input_required")
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(fake.answered, [])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(fake.answered, [{ key: "go", answer: accept({ answer: true }) }])
      yield* TestClock.adjust("30 seconds")
      yield* reaches(id, "running")
      assert.deepStrictEqual(fake.answered.at(1), { key: "why", answer: { action: "cancel" } })
      assert.deepStrictEqual((yield* answer(id, { go: accept({ answer: false }) })).ignored, ["go"])
      const questions = yield* Effect.flatMap(Store, (store) => store.questions(id))
      assert.deepStrictEqual(
        questions.map(({ answeredBy }) => answeredBy),
        ["default", "default"]
      )
    }).pipe(Effect.provide(core()))
  )

  it.scoped(
    "is answered by another process than the one that drives it, also after a crash before the answer arrived",
    () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        yield* asks(asking("Which?", { key: "which" }))
        const first = yield* startProcess()
        const id = yield* spawned("once")
        yield* reaches(id, "input_required")
        yield* first.kill
        yield* answer(id, { which: accept({ answer: "this" }) })
        yield* startProcess()
        yield* reaches(id, "running")
        assert.deepStrictEqual(fake.answered, [{ key: "which", answer: accept({ answer: "this" }) }])
      }).pipe(Effect.provide(core()))
  )

  it.scoped("is given its answer again while its backend cannot be reached, and goes on when it never can", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* asks(asking("Which?", { key: "which" }))
      fake.next("answer", fails({ retryable: true }), fails({ retryable: true }))
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "input_required")
      yield* answer(id, { which: accept({ answer: "this" }) })
      yield* reaches(id, "running")
      assert.deepStrictEqual([fake.called("answer"), fake.answered.length], [3, 1])
      const second = yield* spawned("once")
      fake.always("answer", fails({ code: "fake.deaf", message: "it hears nothing" }))
      yield* reaches(second, "input_required")
      yield* answer(second, { which: accept({ answer: "that" }) })
      yield* reaches(second, "running")
      const events = yield* Effect.flatMap(Store, (store) => store.events(second, { afterRevision: 0, limit: 50 }))
      assert.include(events.map(({ message }) => message).join("\n"), "it hears nothing")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("may end by itself, be cancelled, and takes no answer afterwards", () =>
    Effect.gen(function* () {
      const far = yield* asks(asking("Which?", { key: "which" }))
      yield* startProcess()
      const dispatch = yield* Dispatch
      const [ends, stops] = [yield* spawned("once"), yield* spawned("once")]
      yield* reaches(ends, "input_required")
      yield* reaches(stops, "input_required")
      far.end(ends)
      assert.strictEqual((yield* settled(ends)).status, "succeeded")
      yield* Effect.fork(dispatch.cancel(stops))
      assert.strictEqual((yield* settled(stops)).status, "cancelled")
      for (const id of [ends, stops])
        assert.deepStrictEqual((yield* answer(id, { which: accept({ answer: "late" }) })).ignored, ["which"])
    }).pipe(Effect.provide(core()))
  )
})

describe("a task whose agent goes on without us", () => {
  it.scoped("is parked no more: what it asked is closed, and what it asks next is asked", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* asks(asking("Which?", { key: "which" }))
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "input_required")
      const goesOn = (...entries: Observation["entries"]) =>
        fake.next("observe", (ordinary) => Effect.map(ordinary, (seen) => ({ ...seen, entries, goesOn: true })))
      goesOn(asking("And now?", { key: "now" }))
      const { questions } = yield* Effect.flatMap(Dispatch, (dispatch) => dispatch.status(id, {})).pipe(
        Effect.zipLeft(TestClock.adjust("1 seconds")),
        Effect.repeat({ until: ({ questions: open }) => open?.[0]?.key === "now" })
      )
      assert.strictEqual(questions?.length, 1)
      assert.deepStrictEqual((yield* answer(id, { which: accept({ answer: "late" }) })).ignored, ["which"])
      goesOn()
      yield* TestClock.adjust("2 seconds")
      yield* reaches(id, "running")
      assert.deepStrictEqual(fake.answered, [])
      const closed = yield* Effect.flatMap(Store, (store) => store.questions(id))
      assert.isTrue(closed.every(({ answeredBy }) => answeredBy === "agent"))
    }).pipe(Effect.provide(core()))
  )
})
