import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Task } from "../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, eventsOf, linesOf, watch } from "./support/AdapterDrive.js"
import { alive, disturb, emulator, layer, runs, script, sessionIdOf } from "./support/AgentCoreWork.js"

const begun = (instruction: string, details = {}) => begin(layer, draft(script(instruction, details)))

const machinesOf = ({ id }: Task) =>
  emulator.ledgers.billing().filter(({ sessionId }) => sessionId === sessionIdOf(id)).length

const killed = ({ id }: Task) => Effect.promise(() => emulator.control.killSession(sessionIdOf(id)))

const until = (holds: () => boolean) =>
  Effect.sleep("30 millis").pipe(Effect.repeat({ until: holds, times: 300 }), Effect.asVoid)

describe.concurrent("work on our worker", () => {
  it.live("whose machine is killed is lost, and the machine that the question brought up is stopped", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("echo on; sleep 60")
      yield* until(() => runs(task.id) === 1)
      yield* killed(task)
      const { outcome } = yield* watch(layer, task)
      if (outcome.ok) return assert.fail("the work is gone")
      assert.strictEqual(outcome.error.code, "worker.lost")
      assert.isFalse(alive(task.id))
      yield* call(layer, (adapter) => adapter.finish({ ...task, outcome }))
      yield* cleaned(layer, task, resources)
      assert.strictEqual(runs(task.id), 1)
      assert.isFalse(alive(task.id))
    })
  )

  it.live("is not asked about any more once its session must have ended", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("sleep 60", { maxLifetimeSeconds: 3600 })
      yield* cleaned(layer, task, resources)
      const bootedAt = Date.now() - 3_601_000
      const { outcome } = yield* watch(layer, { ...task, providerRefs: { ...task.providerRefs, bootedAt } })
      assert.isFalse(outcome.ok)
      assert.strictEqual(machinesOf(task), 1)
    })
  )

  it.live("is followed through throttling, broken answers and nonsense: each look that fails may be repeated", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("for i in 1 2 3 4; do echo line $i; sleep 0.2; done")
      const faults = [
        "throttling",
        "internal-error",
        "malformed-json",
        "reset",
        "silent-fin",
        "expired-credentials"
      ] as const
      for (const [index, kind] of faults.entries())
        yield* disturb(kind, task.id, {
          nth: index + 1,
          when: index % 2 === 0 ? "before" : "after",
          match: { method: "poll" }
        })
      const failures: Array<string> = []
      const patient = Effect.retry(
        Effect.suspend(() => watch(layer, task)),
        {
          times: 20,
          while: (failure) => {
            failures.push(`${failure.code} ${String(failure.retryable)}`)
            return failure.retryable
          }
        }
      )
      const { outcome, entries } = yield* patient
      assert.isTrue(outcome.ok)
      assert.isTrue(
        failures.every((failure) => failure.endsWith("true")),
        failures.join("; ")
      )
      assert.isNotEmpty(failures)
      assert.deepEqual(
        linesOf(entries).filter((line) => line.startsWith("line")),
        ["line 1", "line 2", "line 3", "line 4"]
      )
      assert.strictEqual(runs(task.id), 1)
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("brings a result of 20 MB whole", () =>
    Effect.gen(function* () {
      const made = `node -e 'process.stdout.write(JSON.stringify({type:"task.result",payload:{big:"x".repeat(20*1024*1024)}})+"\\n")'`
      const { task, resources } = yield* begun(made)
      const { outcome } = yield* watch(layer, task)
      if (!outcome.ok) return assert.fail(outcome.error.message)
      assert.strictEqual(JSON.stringify(outcome.result).length, 20 * 1024 * 1024 + 10)
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("is ended by the worker at its deadline", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("sleep 60", { deadlineSeconds: 1 })
      const { outcome } = yield* watch(layer, task)
      if (outcome.ok) return assert.fail("it was to end")
      assert.strictEqual(outcome.error.code, "aws_agentcore.expired")
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("runs allowed commands in the session", () =>
    Effect.gen(function* () {
      const asked = {
        ...script("", {}),
        taskType: "command.run" as const,
        input: { command: ["/bin/echo", "it's", '"here"'] }
      }
      const { task, resources } = yield* begin(layer, draft(asked))
      const { outcome, entries } = yield* watch(layer, task)
      assert.isTrue(outcome.ok, JSON.stringify(outcome))
      assert.deepEqual(linesOf(entries), ['it\'s "here"'])
      yield* cleaned(layer, task, resources)
    })
  )
})

describe.concurrent("a cancel", () => {
  it.live("collects the last words, ends the machine, and is not undone by a look", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("echo one; echo two; sleep 60")
      yield* until(() => runs(task.id) === 1)
      yield* Effect.sleep("300 millis")
      const progress = yield* call(layer, (adapter) => adapter.cancel(task))
      if (progress.state !== "stopped") return assert.fail(progress.state)
      assert.isTrue(progress.drained)
      assert.deepEqual(linesOf(progress.entries ?? []), ["one", "two"])
      assert.isFalse(alive(task.id))
      assert.strictEqual(machinesOf(task), 1)
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("does not believe a single answer that there is no such session", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("sleep 60")
      yield* disturb("not-found", task.id, { op: "StopRuntimeSession" })
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.isFalse(alive(task.id))
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("holds although the stop is throttled, fails after its effect, or breaks", () =>
    Effect.gen(function* () {
      for (const [kind, when] of [
        ["throttling", "before"],
        ["internal-error", "after"],
        ["reset", "after"],
        ["retryable-conflict", "before"]
      ] as const) {
        const { task, resources } = yield* begun("sleep 60")
        yield* disturb(kind, task.id, { op: "StopRuntimeSession", when })
        assert.strictEqual(yield* cancelled(layer, task), "stopped")
        assert.isFalse(alive(task.id), kind)
        yield* cleaned(layer, task, resources)
      }
    })
  )

  it.live("that cannot be confirmed says so and may be repeated", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("sleep 60")
      yield* disturb("access-denied", task.id, { op: "StopRuntimeSession" })
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.cancel(task)))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.cancel_failed", true])
      assert.isTrue(alive(task.id))
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      yield* cleaned(layer, task, resources)
      assert.isFalse(alive(task.id))
    })
  )

  it.live("of work whose machine is gone leaves none behind", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("sleep 60")
      yield* killed(task)
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.isFalse(alive(task.id))
      yield* cleaned(layer, task, resources)
    })
  )
})

describe.concurrent("cleaning up", () => {
  it.live("fails by name while the session cannot be ended, and ends it the next time", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("echo done")
      yield* watch(layer, task)
      yield* disturb("access-denied", task.id, { op: "StopRuntimeSession" })
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.cleanup(task, resources)))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.cleanup_failed", true])
      yield* cleaned(layer, task, resources)
      assert.isFalse(alive(task.id))
    })
  )
})

describe("what a task tells", () => {
  it.live("begins with its session and goes on with its own events", () =>
    Effect.gen(function* () {
      const task = draft(script("echo done"))
      const { entries = [], providerRefs = {} } = yield* call(layer, (adapter) => adapter.start(task))
      assert.deepEqual(eventsOf(entries), ["session.created"])
      assert.strictEqual(providerRefs["sessionId"], sessionIdOf(task.id))
      assert.strictEqual(sessionIdOf(task.id).length, 35)
      const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
      yield* cleaned(layer, task, resources)
    })
  )
})
