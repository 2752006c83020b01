import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, TestClock } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import type { Task } from "../src/domain/Task.js"
import type { NewFault } from "./emulators/agentcore/Faults.js"
import { begin, call, draft } from "./support/AdapterDrive.js"
import {
  alive,
  arns,
  disturb,
  emulator,
  layer,
  liar,
  request,
  runs,
  script,
  sessionIdOf,
  signature,
  stranger
} from "./support/AgentCoreWork.js"
import { hurried, really } from "./support/HurriedClock.js"

const entriesOf = ({ id }: Task) =>
  emulator.ledgers.invocations.filter(({ sessionId }) => sessionId === sessionIdOf(id))

const starts = ({ id }: Task) => emulator.ledgers.deliveries({ sessionId: sessionIdOf(id), method: "start" }).length

/** Waits until a call has met the silence; beyond the container, if that is where it begins. */
const struck = (task: Task, kind: NewFault["kind"], when: NewFault["when"]) =>
  really(`${kind} strikes`, () =>
    entriesOf(task).some(({ delivered, fault }) => fault === kind && (when === "before" || delivered))
  )

/** Begins work whose call meets a silence, and answers once it has met it. */
const silenced = (task: Task, kind: "hang" | "stall", fault: Partial<NewFault> = {}) =>
  Effect.gen(function* () {
    yield* disturb(kind, task.id, fault)
    const fiber = yield* Effect.fork(begin(layer, task))
    yield* struck(task, kind, fault.when)
    return fiber
  })

const observed = (task: Task) =>
  Effect.flatMap(Effect.fork(call(layer, (adapter) => adapter.observe(task))), (fiber) => hurried(fiber))

/** Looks until the work has ended. */
const outcomeOf = (task: Task) =>
  Effect.gen(function* () {
    for (let [look, current] = [0, task]; look < 100; look++) {
      const { cursor, outcome } = yield* observed(current)
      if (outcome !== undefined) return outcome
      current = { ...current, cursor }
      yield* TestClock.adjust("100 millis")
    }
    return assert.fail("the work did not end")
  })

const ended = Effect.fnUntraced(function* (task: Task) {
  const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
  const cleaning = yield* Effect.fork(call(layer, (adapter) => adapter.cleanup(task, resources)))
  const left = yield* hurried(cleaning)
  assert.isTrue(left.every(({ state }) => state === "gone"))
  assert.isFalse(alive(task.id), "no session is left")
})

describe("a start of our worker that meets silence", () => {
  const rows: ReadonlyArray<readonly [string, "hang" | "stall", Partial<NewFault>, number]> = [
    ["the request went nowhere", "hang", { when: "before" }, 1],
    ["the worker has it", "hang", { when: "after" }, 1],
    ["headers came and no byte after them", "stall", { afterBytes: 0 }, 1],
    ["the answer came and no end of it", "stall", {}, 1]
  ]
  for (const [what, kind, fault, sent] of rows) {
    it.effect(`is asked about after 60 seconds, and runs once: ${what}`, () =>
      Effect.gen(function* () {
        const task = draft(script("echo done"))
        const fiber = yield* silenced(task, kind, { ...fault, match: { method: "start" } })
        yield* TestClock.adjust("59 seconds")
        assert.isTrue(Option.isNone(yield* fiber.poll))
        assert.isFalse(entriesOf(task).some(({ method }) => method === "poll"))
        yield* TestClock.adjust("1 second")
        const { task: begun } = yield* hurried(fiber)
        assert.isTrue((yield* outcomeOf(begun)).ok)
        assert.deepEqual([starts(task), runs(task.id)], [sent, 1])
        yield* really("the silent call was given up", () =>
          entriesOf(task).some(({ clientGone }) => clientGone === true)
        )
        yield* ended(begun)
      })
    )
  }

  it.effect("at the greeting is told as not come up after 150 seconds, and nothing was started", () =>
    Effect.gen(function* () {
      const task = draft(script("true"))
      const fiber = yield* silenced(task, "hang", { when: "before", match: { method: "hello" } })
      yield* TestClock.adjust("149 seconds")
      assert.isTrue(Option.isNone(yield* fiber.poll))
      yield* TestClock.adjust("1 second")
      const failure = yield* Effect.flip(hurried(fiber))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.unreachable", "none"])
      assert.strictEqual(starts(task), 0)
      yield* ended(task)
    })
  )

  it.effect("is given up when the worker takes nothing of what it is sent, with how it answered", () =>
    Effect.gen(function* () {
      const task = draft(script("true", { runtimeArn: liar({ DEAF: "1", LIE: "text", LIE_AT: "start" }) }))
      const fiber = yield* Effect.fork(begin(layer, task))
      const failure = yield* Effect.flip(hurried(fiber, "500 millis"))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.answer_invalid", "unknown"])
      assert.isAtLeast(starts(task), 2)
      assert.isAtMost(starts(task), 125)
      yield* ended(task)
    })
  )
})

describe("a look at our worker that meets silence", () => {
  it.effect("is told after 45 seconds as unanswered, and may be repeated", () =>
    Effect.gen(function* () {
      const task = draft(script("echo done"))
      const { task: begun } = yield* hurried(yield* Effect.fork(begin(layer, task)))
      yield* disturb("hang", task.id, { when: "after", match: { method: "poll" } })
      const fiber = yield* Effect.fork(call(layer, (adapter) => adapter.observe(begun)))
      yield* struck(task, "hang", "after")
      yield* TestClock.adjust("45 seconds")
      const failure = yield* Effect.flip(hurried(fiber))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.unanswered", true])
      assert.isTrue((yield* outcomeOf(begun)).ok)
      yield* ended(begun)
    })
  )
})

describe("an app that is not ours and stays silent", () => {
  const prompts: ReadonlyArray<readonly [string, "hang" | "stall", Partial<NewFault>]> = [
    ["before any byte", "hang", { when: "after" }],
    ["after its headers", "stall", { afterBytes: 0 }]
  ]
  for (const [what, kind, fault] of prompts) {
    it.effect(`counts as working, and is ended after 15 minutes, sent once: ${what}`, () =>
      Effect.gen(function* () {
        const name = `silent-${kind}`
        const task = draft(stranger({ sign: signature(name), say: "hello" }))
        const fiber = yield* silenced(task, kind, fault)
        yield* TestClock.adjust("45 seconds")
        const { task: begun } = yield* hurried(fiber)
        assert.isUndefined((yield* observed(begun)).outcome)
        yield* TestClock.adjust("15 minutes")
        const outcome = yield* outcomeOf(begun)
        if (outcome.ok) return assert.fail("nothing came")
        assert.strictEqual(outcome.error.code, "aws_agentcore.expired")
        assert.deepEqual([runs(name), entriesOf(task).length], [1, 1])
        yield* ended(begun)
      })
    )
  }

  for (const [a2aVersion, runtimeArn] of [
    ["0.3", arns.a2a03],
    ["1.0", arns.a2a1]
  ] as const) {
    it.effect(`is indeterminate as an A2A server, and sent the message once (v${a2aVersion})`, () =>
      Effect.gen(function* () {
        const task = draft(request({ runtimeArn, a2aVersion }, { instruction: "hello" }, { protocol: "a2a" }))
        const fiber = yield* silenced(task, "hang", { when: "after" })
        yield* TestClock.adjust("45 seconds")
        const { task: begun } = yield* hurried(fiber)
        yield* TestClock.adjust("15 minutes")
        const outcome = yield* outcomeOf(begun)
        if (outcome.ok) return assert.fail("nothing came")
        assert.strictEqual(outcome.error.code, "start.indeterminate")
        assert.deepInclude(outcome.error.details, { causeCode: "aws_agentcore.unanswered" })
        assert.strictEqual(entriesOf(task).length, 1)
        yield* ended(begun)
      })
    )
  }
})

describe("a command whose answer falls silent", () => {
  const command = (input: JsonObject) =>
    draft(request({ runtimeArn: arns.stranger, deadlineSeconds: 5 }, input, { taskType: "command.run" }))

  for (const kind of ["hang", "stall"] as const) {
    it.effect(`is ended some time after its own timeout (${kind})`, () =>
      Effect.gen(function* () {
        const task = command({ command: ["/bin/echo", "out"] })
        const op = "InvokeAgentRuntimeCommand"
        const fiber = yield* silenced(task, kind, { op, when: "after" })
        yield* TestClock.adjust("45 seconds")
        const { task: begun } = yield* hurried(fiber)
        assert.isUndefined((yield* observed(begun)).outcome)
        yield* TestClock.adjust("2 minutes")
        const outcome = yield* outcomeOf(begun)
        if (outcome.ok) return assert.fail("no exit code came")
        assert.strictEqual(outcome.error.code, "aws_agentcore.expired")
        assert.strictEqual(entriesOf(task).filter((entry) => entry.op === op).length, 1)
        yield* ended(begun)
      })
    )
  }
})

describe("a stop that is not answered", () => {
  it.effect("is told after 20 seconds as not confirmed, by a cancel and by a cleanup, until one is", () =>
    Effect.gen(function* () {
      const task = draft(stranger({ type: "text/event-stream", raw: ['data: "one"\n\n'], hold: true }))
      const { task: begun, resources } = yield* hurried(yield* Effect.fork(begin(layer, task)))
      const asks = [
        ["aws_agentcore.cancel_failed", Effect.asVoid(call(layer, (adapter) => adapter.cancel(begun)))],
        ["aws_agentcore.cleanup_failed", Effect.asVoid(call(layer, (adapter) => adapter.cleanup(begun, resources)))]
      ] as const
      for (const [code, ask] of asks) {
        yield* disturb("hang", task.id, { op: "StopRuntimeSession" })
        const before = entriesOf(task).length
        const fiber = yield* Effect.fork(ask)
        yield* really("the stop hangs", () => entriesOf(task).length > before)
        yield* TestClock.adjust("19 seconds")
        assert.isTrue(Option.isNone(yield* fiber.poll))
        yield* TestClock.adjust("1 second")
        const failure = yield* Effect.flip(hurried(fiber))
        assert.deepEqual([failure.code, failure.retryable], [code, true])
        assert.match(failure.message, /not answered in time/)
        assert.isTrue(alive(task.id))
      }
      const { state } = yield* hurried(yield* Effect.fork(call(layer, (adapter) => adapter.cancel(begun))))
      assert.strictEqual(state, "stopped")
      assert.isFalse(alive(task.id))
      yield* ended(begun)
    })
  )
})
