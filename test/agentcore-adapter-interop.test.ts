import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import type { Task } from "../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, eventsOf, linesOf, watch } from "./support/AdapterDrive.js"
import { alive, arns, emulator, layer, request, runs, sessionIdOf, signature } from "./support/AgentCoreWork.js"

/** Work for an app on AWS's own TypeScript server, which signs under a name and does what its context says. */
const asked = (name: string, instruction: string, context: JsonObject = {}) =>
  draft(
    request(
      { runtimeArn: arns.official, worker: "prompt" },
      { instruction, context: { ...context, sign: signature(name) } }
    )
  )

const deliveries = ({ id }: Task) =>
  emulator.ledgers
    .deliveries({ sessionId: sessionIdOf(id), op: "InvokeAgentRuntime" })
    .map(({ attempt, deliveries: times }) => `try ${String(attempt)}, ${times} time`)

/** Sent once by the wire's ledger and by the app's own, and nothing is paid for any more. */
const settled = Effect.fnUntraced(function* (task: Task, name: string) {
  const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
  yield* cleaned(layer, task, resources)
  assert.deepEqual(deliveries(task), ["try 1, 1 time"])
  assert.strictEqual(runs(name), 1)
  assert.isFalse(alive(task.id))
})

afterAll(() => assert.deepEqual(emulator.ledgers.live(), []))

describe.concurrent("the official bedrock-agentcore app behind the adapter", () => {
  it.live("gets the instruction as its prompt, and its JSON is the result as it is", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, asked("official-json", "hello"))
      const { outcome } = yield* watch(layer, task)
      assert.deepEqual(outcome, {
        ok: true,
        result: { output: "you said: hello", sessionId: sessionIdOf(task.id) }
      })
      yield* settled(task, "official-json")
    })
  )

  it.live("streams its events as progress, and the last is the result", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, asked("official-stream", "one two three", { stream: true }))
      const { outcome, entries } = yield* watch(layer, task)
      assert.deepEqual(outcome, { ok: true, result: { text: "three" } })
      assert.deepEqual(
        entries.flatMap((entry) => ("payload" in entry ? [entry.payload] : [])),
        [{ text: "one" }, { text: "two" }, { text: "three" }]
      )
      // Its stream has no end marker of its own, and that is told.
      assert.deepEqual(eventsOf(entries), ["task.progress", "task.progress", "task.progress", "task.progress"])
      assert.match(JSON.stringify(entries.at(-1)), /cannot be told whether it was whole/)
      yield* settled(task, "official-stream")
    })
  )

  it.live("whose handler throws has failed, and is not asked again", () =>
    Effect.gen(function* () {
      const task = asked("official-fails", "hello", { fail: true })
      const failure = yield* Effect.flip(begin(layer, task))
      assert.deepEqual(
        [failure.code, failure.delivery, failure.retryable],
        ["aws_agentcore.container_error", "done", false]
      )
      assert.include(failure.message, "Received error (500)")
      yield* settled(task, "official-fails")
    })
  )

  it.live("whose stream throws has failed with its own words, and what it said is kept", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, asked("official-breaks", "one two", { stream: true, fail: true }))
      const { outcome, entries } = yield* watch(layer, task)
      if (outcome.ok) return assert.fail("it was to fail")
      assert.strictEqual(outcome.error.code, "aws_agentcore.worker_failed")
      assert.include(outcome.error.message, "as asked")
      assert.include(JSON.stringify(entries), '{"text":"two"}')
      yield* settled(task, "official-breaks")
    })
  )

  it.live("that refuses a large request before it reads it has failed, and is not asked again", () =>
    Effect.gen(function* () {
      const task = asked("official-large", "x".repeat(2 * 1024 * 1024))
      const failure = yield* Effect.flip(begin(layer, task))
      assert.strictEqual(failure.code, "aws_agentcore.container_error")
      assert.include(failure.message, "Received error (")
      const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
      yield* cleaned(layer, task, resources)
      assert.deepEqual([deliveries(task).length, runs("official-large"), alive(task.id)], [1, 0, false])
    })
  )

  it.live("is ended by a cancel while it streams, with what it said", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, asked("official-cancel", "one two", { stream: true, wait: 60_000 }))
      const { entries } = yield* call(layer, (adapter) => adapter.observe(task)).pipe(
        Effect.delay("30 millis"),
        Effect.repeat({ until: (seen) => seen.entries.length > 0, times: 200 })
      )
      assert.include(JSON.stringify(entries), '{"text":"one"}')
      assert.isEmpty(linesOf(entries))
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.isFalse(alive(task.id))
      yield* settled(task, "official-cancel")
    })
  )

  it.live("is ended by a cancel before its first byte", () =>
    Effect.gen(function* () {
      const task = asked("official-quiet", "hello", { wait: 60_000 })
      const starting = yield* Effect.fork(begin(layer, task))
      yield* Effect.sleep("30 millis").pipe(Effect.repeat({ until: () => runs("official-quiet") === 1, times: 300 }))
      yield* Fiber.interrupt(starting)
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.isFalse(alive(task.id))
      yield* settled(task, "official-quiet")
    })
  )
})
