import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Answers } from "../src/dispatch/Answers.js"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import { Fanout } from "../src/dispatch/Fanout.js"
import type { SpawnCall } from "../src/domain/Routing.js"
import { Store } from "../src/services/Store.js"
import { core, find, idOf, reaches, settled, spawned, startProcess, until } from "./fakes/CoreFixture.js"
import { Fake, fails } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"

const endless = { ...shortWork, chunks: [], ends: false }

const call = (given: Partial<SpawnCall> = {}): SpawnCall => ({ instruction: "do it", runtime: "once", ...given })

const withTerms = (terms: NonNullable<SpawnCall["terms"]>, given: Partial<SpawnCall> = {}) =>
  Effect.flatMap(Dispatch, (dispatch) =>
    Effect.map(dispatch.spawn(call({ ...given, terms }), {}), (handle) => idOf(handle.taskId))
  )

describe("the terms of a task", () => {
  it.scoped("fails a task that waited longer in the queue than its terms allow, without starting it", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = endless
      yield* startProcess()
      yield* reaches(yield* spawned("narrow"), "running")
      yield* reaches(yield* spawned("narrow"), "running")
      const late = yield* withTerms({ queueSeconds: 30 }, { runtime: "narrow" })
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual((yield* find(late)).status, "queued")
      const task = yield* settled(late)
      assert.deepStrictEqual([task.status, task.error?.code], ["failed", "queue.expired"])
      assert.strictEqual(fake.far.runs(late), 0)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("stops work that ran longer than its terms allow, and fails it only when nothing runs any more", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...endless, pollAfter: 3_600_000 }
      yield* startProcess()
      const id = yield* withTerms({ runSeconds: 60 })
      const { startedAt = 0 } = yield* reaches(id, "running")
      const task = yield* settled(id)
      assert.deepStrictEqual([task.status, task.error?.code, fake.far.alive(id)], ["failed", "run.expired", false])
      assert.isAtMost(task.updatedAt - startedAt, 61_000)
      assert.isAtLeast(task.updatedAt - startedAt, 60_000)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("ends a start that takes longer than its terms allow, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("provision", fails({ retryable: true, retryAfter: 3_600_000 }))
      yield* startProcess()
      const id = yield* withTerms({ startSeconds: 20 }, { runtime: "machine" })
      const { admittedAt = 0 } = yield* reaches(id, "provisioning")
      const task = yield* settled(id)
      assert.deepStrictEqual([task.status, task.error?.code], ["failed", "start.expired"])
      assert.isAtMost(task.updatedAt - admittedAt, 22_000)
      assert.deepStrictEqual(fake.far.leftovers, [])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("keeps work that had finished when its time was over", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...endless, pollAfter: 3_600_000 }
      yield* startProcess()
      const id = yield* withTerms({ runSeconds: 60 })
      yield* reaches(id, "running")
      fake.far.end(id)
      assert.strictEqual((yield* settled(id)).status, "succeeded")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("goes on with a deadline where another process left it", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...endless, pollAfter: 3_600_000 }
      const first = yield* startProcess()
      const id = yield* withTerms({ runSeconds: 100 })
      const { startedAt = 0 } = yield* reaches(id, "running")
      yield* TestClock.adjust("50 seconds")
      yield* first.kill
      yield* startProcess()
      const task = yield* settled(id)
      assert.strictEqual(task.error?.code, "run.expired")
      assert.isAtMost(task.updatedAt - startedAt, 106_000)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("waits as long as a rate limit says, telling until when, and does not count it as an attempt", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const limited = fails({ code: "fake.limited", retryable: true, retryAfter: 60_000 })
      fake.next("start", limited)
      yield* startProcess()
      const id = yield* withTerms({ priority: 1 })
      const waiting = yield* until(id, (task) => task.waitingUntil !== undefined)
      const { waitingUntil = 0 } = waiting
      assert.isAtLeast(waitingUntil, 60_000)
      const dispatch = yield* Dispatch
      assert.strictEqual((yield* dispatch.status(id, {})).waitingUntil, new Date(waitingUntil).toISOString())
      yield* TestClock.setTime(waitingUntil - 1_000)
      assert.strictEqual(fake.called("start"), 1)
      const task = yield* until(id, (seen) => seen.settled, 1_000)
      assert.deepStrictEqual([task.status, task.waitingUntil, fake.far.runs(id)], ["succeeded", undefined, 1])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("refuses terms that are none, naming the field", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const refusal = (terms: SpawnCall["terms"]) =>
        Effect.map(Effect.flip(dispatch.spawn(call({ terms }), {})), ({ message }) => message)
      assert.include(yield* refusal({ runSeconds: 0 }), "terms.runSeconds")
      assert.include(yield* refusal({ budget: { costUsd: -1 } }), "terms.budget.costUsd")
      assert.include(yield* refusal({ prioritty: 1 }), "terms.prioritty")
    }).pipe(Effect.provide(core()))
  )
})

describe("the budget of a task", () => {
  const question = (id: string) =>
    Effect.flatMap(Dispatch, (dispatch) => Effect.map(dispatch.status(id, {}), ({ questions = [] }) => questions[0]))
  const decide = (id: string, key: string, decision: string) =>
    Effect.flatMap(Answers, (answers) => answers.answer(id, { [key]: { action: "accept", content: { decision } } }))

  it.scoped("asks at four fifths while the work goes on, and stops it at the end", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...endless, pollAfter: 1_000 }
      yield* startProcess()
      const id = yield* withTerms({ budget: { runSeconds: 100 } })
      const { startedAt = 0 } = yield* reaches(id, "running")
      const asked = yield* reaches(id, "input_required")
      assert.isAtMost(asked.updatedAt - startedAt, 82_000)
      assert.isTrue(fake.far.alive(id))
      assert.include((yield* question(id))?.question, "budget of 100 s")
      const task = yield* settled(id)
      assert.deepStrictEqual([task.status, task.error?.code, fake.far.alive(id)], ["failed", "budget.exhausted", false])
      assert.isAtLeast(task.updatedAt - startedAt, 100_000)
      assert.deepStrictEqual(fake.answered, [])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("doubles when told so and asks again near the new end, or stops at once", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...endless, pollAfter: 1_000 }
      yield* startProcess()
      const id = yield* withTerms({ budget: { runSeconds: 100 } })
      const { startedAt = 0 } = yield* reaches(id, "running")
      yield* reaches(id, "input_required")
      yield* decide(id, "budget", "double the budget")
      yield* reaches(id, "running")
      const asked = yield* reaches(id, "input_required")
      assert.isAtLeast(asked.updatedAt - startedAt, 160_000)
      yield* decide(id, (yield* question(id))?.key ?? "", "stop")
      const task = yield* settled(id)
      assert.deepStrictEqual([task.status, task.error?.code, fake.far.alive(id)], ["failed", "budget.stopped", false])
      assert.isBelow(task.updatedAt - startedAt, 200_000)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("counts the cost that the work reports", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const usage = (costUsd: number) => [{ type: "task.usage" as const, payload: { costUsd } }]
      fake.far.plan = { ...endless, chunks: [usage(0.5), usage(1.7), usage(2.1)], pollAfter: 10_000 }
      yield* startProcess()
      const id = yield* withTerms({ budget: { costUsd: 2 } })
      yield* reaches(id, "input_required")
      assert.include((yield* question(id))?.question, "1.7 of its budget of 2 US dollars")
      const task = yield* settled(id)
      assert.deepStrictEqual([task.error?.code, task.usage?.costUsd], ["budget.exhausted", 2.1])
    }).pipe(Effect.provide(core()))
  )
})

describe("tasks that hang together", () => {
  const item = (key: string, ...dependsOn: ReadonlyArray<string>) => ({ key, dependsOn, call: call() })

  it.scoped("start only after what they depend on succeeded, and fail when it did not", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = endless
      yield* startProcess()
      const fanout = yield* Fanout
      const { group, tasks } = yield* fanout.spawn({
        items: [item("ship", "build"), item("build"), item("notes", "ship"), item("other")]
      })
      const id = (key: string) => idOf(tasks.find((task) => task.key === key)?.taskId ?? "")
      assert.deepStrictEqual(
        tasks.map(({ key }) => key),
        ["ship", "build", "notes", "other"]
      )
      yield* reaches(id("build"), "running")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* find(id("ship"))).status, "queued")
      fake.far.end(id("build"))
      yield* reaches(id("ship"), "running")
      const dispatch = yield* Dispatch
      const cancelling = yield* Effect.fork(dispatch.cancel(id("ship")))
      const lost = yield* settled(id("notes"))
      yield* Fiber.join(cancelling)
      assert.deepStrictEqual([lost.status, lost.error?.code], ["failed", "dependency.failed"])
      assert.strictEqual(fake.far.runs(id("notes")), 0)
      assert.deepStrictEqual((yield* fanout.view(group)).counts, { cancelled: 1, succeeded: 1, failed: 1, running: 1 })
    }).pipe(Effect.provide(core()))
  )

  it.scoped("are one group again when the call is repeated under its key, and nothing runs twice", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      const fanout = yield* Fanout
      const items = [item("a"), item("b", "a")]
      const first = yield* fanout.spawn({ items, idempotencyKey: "nightly" })
      const [, second] = first.tasks
      yield* settled(idOf(second?.taskId ?? ""))
      const again = yield* fanout.spawn({ items: [...items, item("c", "b")], idempotencyKey: "nightly" })
      assert.strictEqual(again.group, first.group)
      assert.deepStrictEqual(
        again.tasks.slice(0, 2).map(({ taskId }) => taskId),
        first.tasks.map(({ taskId }) => taskId)
      )
      const [, , third] = again.tasks
      yield* settled(idOf(third?.taskId ?? ""))
      for (const { taskId } of again.tasks) assert.strictEqual(fake.far.runs(idOf(taskId)), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("are accepted all or none", () =>
    Effect.gen(function* () {
      const fanout = yield* Fanout
      const store = yield* Store
      const refused = yield* Effect.flip(
        fanout.spawn({ items: [item("a"), { key: "b", dependsOn: [], call: { runtime: "no such profile" } }] })
      )
      assert.include(refused.message, "items: b: instruction")
      yield* fanout.spawn({ items: [item("a")], idempotencyKey: "k" })
      const other = { key: "a", dependsOn: [], call: call({ instruction: "something else" }) }
      const conflict = yield* Effect.flip(fanout.spawn({ items: [item("z"), other], idempotencyKey: "k" }))
      assert.strictEqual(conflict._tag, "IdempotencyConflict")
      assert.lengthOf((yield* store.list({ limit: 10 })).tasks, 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("end with the task they are parts of, down to the last", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = endless
      yield* startProcess()
      const dispatch = yield* Dispatch
      const part = (parent: string, runtime = "once") =>
        Effect.map(dispatch.spawn(call({ runtime }), { relatives: { parent } }), ({ taskId }) => idOf(taskId))
      const root = yield* spawned("once")
      const child = yield* part(root)
      const grandchild = yield* part(child)
      const queued = yield* part(root, "narrow")
      yield* reaches(grandchild, "running")
      const cancelling = yield* Effect.fork(dispatch.cancel(root))
      for (const id of [root, child, grandchild, queued]) {
        assert.strictEqual((yield* settled(id)).status, "cancelled")
        assert.isFalse(fake.far.alive(id))
      }
      yield* Fiber.join(cancelling)
      const late = yield* Effect.flip(dispatch.spawn(call(), { relatives: { parent: root } }))
      assert.include(late.message, "is cancelled")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("keep to the limits of the config, over all processes", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = endless
      yield* startProcess()
      yield* startProcess()
      const fanout = yield* Fanout
      const { tasks } = yield* fanout.spawn({ items: Array.from({ length: 5 }, (_, n) => item(`${n}`)) })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(fake.far.crowd("once"), 2)
      const dispatch = yield* Dispatch
      const last = yield* dispatch.status(tasks.at(-1)?.taskId ?? "", {})
      assert.strictEqual(last.queue?.ahead, 2)
      for (const { taskId } of tasks) {
        yield* reaches(idOf(taskId), "running")
        fake.far.end(idOf(taskId))
        yield* settled(idOf(taskId))
      }
      assert.strictEqual(fake.far.crowd("once"), 2)
    }).pipe(Effect.provide(core({ config: { concurrency: { runtimes: { once: 2 } } } })))
  )
})
