import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import type { Outcome, Task } from "../src/domain/Task.js"
import type { AdapterFailure } from "../src/services/Adapter.js"
import type { NewFault } from "./emulators/agentcore/Faults.js"
import { begin, call, cancelled, cleaned, draft, linesOf, watch } from "./support/AdapterDrive.js"
import {
  alive,
  arns,
  disturb,
  emulator,
  layer,
  request,
  runs,
  script,
  sessionIdOf,
  signature,
  stranger
} from "./support/AgentCoreWork.js"

const begun = (instruction: string, details: JsonObject = {}) => begin(layer, draft(script(instruction, details)))

const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.error.code)

const deliveries = ({ id }: Task, method?: string) =>
  emulator.ledgers.deliveries({ sessionId: sessionIdOf(id), ...(method === undefined ? {} : { method }) }).length

const calls = ({ id }: Task, op: string) =>
  emulator.ledgers.invocations.filter((entry) => entry.op === op && entry.sessionId === sessionIdOf(id)).length

const observed = (task: Task) => call(layer, (adapter) => adapter.observe(task))

/** As Drive does: what may be asked again is. */
const patiently = <A>(effect: Effect.Effect<A, AdapterFailure>) =>
  Effect.retry(effect, {
    while: ({ retryable }) => retryable,
    schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo("20 seconds"))
  })

const ended = Effect.fnUntraced(function* (task: Task) {
  const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
  yield* cleaned(layer, task, resources)
  assert.isFalse(alive(task.id), "no session is left")
})

describe.concurrent("credentials that expire under running work", () => {
  for (const kind of ["expired-credentials", "clock-skew"] as const) {
    it.live(`are named at each look, which may be repeated, and the work goes on (${kind})`, () =>
      Effect.gen(function* () {
        const { task } = yield* begun("echo done")
        yield* disturb(kind, task.id, { times: 2, match: { method: "poll" } })
        for (let look = 0; look < 2; look++) {
          const failure = yield* Effect.flip(observed(task))
          assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.credentials_expired", true])
        }
        assert.strictEqual(codeOf((yield* watch(layer, task)).outcome), "ok")
        assert.strictEqual(runs(task.id), 1)
        yield* ended(task)
      })
    )
  }

  it.live("keep a cancel and a cleanup from being confirmed, by name, until they are renewed", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begun("sleep 60")
      yield* disturb("expired-credentials", task.id, { op: "StopRuntimeSession", times: 2 })
      const cancelling = yield* Effect.flip(call(layer, (adapter) => adapter.cancel(task)))
      assert.deepEqual([cancelling.code, cancelling.retryable], ["aws_agentcore.cancel_failed", true])
      assert.match(cancelling.message, /expired/)
      const cleaning = yield* Effect.flip(call(layer, (adapter) => adapter.cleanup(task, resources)))
      assert.deepEqual([cleaning.code, cleaning.retryable], ["aws_agentcore.cleanup_failed", true])
      assert.isTrue(alive(task.id))
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      yield* ended(task)
    })
  )
})

describe.concurrent("a burst of throttling", () => {
  it.live("at the looks is told as such each time, and loses nothing", () =>
    Effect.gen(function* () {
      const { task } = yield* begun("echo one; echo two")
      yield* disturb("throttling", task.id, { times: 5, match: { method: "poll" } })
      for (let look = 0; look < 5; look++) {
        const failure = yield* Effect.flip(observed(task))
        assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.throttled", true])
      }
      const { outcome, entries } = yield* watch(layer, task)
      assert.strictEqual(codeOf(outcome), "ok")
      assert.deepEqual(linesOf(entries), ["one", "two"])
      yield* ended(task)
    })
  )

  it.live("at the stop is waited out", () =>
    Effect.gen(function* () {
      const { task } = yield* begun("sleep 60")
      yield* disturb("throttling", task.id, { op: "StopRuntimeSession", times: 4 })
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.isFalse(alive(task.id))
      assert.strictEqual(calls(task, "StopRuntimeSession"), 5)
      yield* ended(task)
    })
  )

  it.live("that does not end at the start is told as not delivered", () =>
    Effect.gen(function* () {
      const refused = (task: Task) =>
        Effect.gen(function* () {
          yield* disturb("throttling", task.id, { times: 60 })
          const failure = yield* Effect.flip(begin(layer, task))
          assert.deepEqual(
            [failure.code, failure.delivery, failure.retryable],
            ["aws_agentcore.throttled", "none", true]
          )
          assert.isAbove(calls(task, "InvokeAgentRuntime"), 4)
          assert.strictEqual(deliveries(task), 0)
        })
      const tasks = [draft(script("true")), draft(stranger({ say: "hello" }))]
      yield* Effect.forEach(tasks, refused, { concurrency: 2, discard: true })
    })
  )
})

describe.concurrent("a session that is just being made", () => {
  it.live("is waited for by a second start of the same task, which runs once", () =>
    Effect.gen(function* () {
      const task = draft(script("echo done"))
      yield* disturb("slow-start", task.id, { ms: 1500 })
      const [one, other] = yield* Effect.all([begin(layer, task), Effect.delay(begin(layer, task), "300 millis")], {
        concurrency: 2
      })
      const refused = emulator.ledgers.invocations.filter(
        ({ sessionId, status }) => sessionId === sessionIdOf(task.id) && status === 409
      )
      assert.isNotEmpty(refused)
      assert.strictEqual(one.task.providerRefs["boot"], other.task.providerRefs["boot"])
      assert.strictEqual(codeOf((yield* watch(layer, one.task)).outcome), "ok")
      assert.strictEqual(runs(task.id), 1)
      yield* ended(task)
    })
  )

  it.live("is ended for certain when its start was given up", () =>
    Effect.gen(function* () {
      const task = draft(script("sleep 60"))
      yield* disturb("slow-start", task.id, { ms: 2500 })
      const starting = yield* Effect.fork(begin(layer, task))
      yield* Effect.sleep("20 millis").pipe(Effect.repeat({ until: () => alive(task.id), times: 300 }))
      yield* Fiber.interrupt(starting)
      assert.strictEqual(yield* patiently(cancelled(layer, task)), "stopped")
      assert.isFalse(alive(task.id))
      assert.strictEqual(runs(task.id), 0)
      yield* ended(task)
    })
  )
})

describe.concurrent("a container that refuses with 424", () => {
  it.live("the greeting of our worker is told as not come up, and nothing was started", () =>
    Effect.gen(function* () {
      const task = draft(script("true"))
      yield* disturb("runtime-error", task.id)
      const failure = yield* Effect.flip(begin(layer, task))
      assert.deepEqual([failure.code, failure.delivery, failure.retryable], ["aws_agentcore.unreachable", "none", true])
      assert.include(failure.message, "Received error (500)")
      assert.strictEqual(deliveries(task, "start"), 0)
      yield* ended(task)
    })
  )

  it.live("the start of our worker is asked about, and runs once", () =>
    Effect.gen(function* () {
      const task = draft(script("echo done"))
      yield* disturb("runtime-error", task.id, { match: { method: "start" } })
      const { task: started } = yield* begin(layer, task)
      assert.strictEqual(codeOf((yield* watch(layer, started)).outcome), "ok")
      assert.deepEqual([runs(task.id), deliveries(task, "start")], [1, 1])
      yield* ended(task)
    })
  )

  it.live("an app that is not ours is failed and not asked again", () =>
    Effect.gen(function* () {
      const task = draft(stranger({ sign: signature("refuses-424"), status: 503 }))
      const failure = yield* Effect.flip(begin(layer, task))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.container_error", "done"])
      assert.deepEqual([runs("refuses-424"), deliveries(task)], [1, 1])
      yield* ended(task)
    })
  )
})

describe.concurrent("a machine that dies in the middle of its work", () => {
  it.live("is lost, and the last sign of life is the last event that came", () =>
    Effect.gen(function* () {
      const { task } = yield* begun("echo on; sleep 60")
      const seen = yield* observed(task).pipe(Effect.repeat({ until: ({ entries }) => entries.length > 0, times: 50 }))
      assert.deepEqual(linesOf(seen.entries), ["on"])
      const { cursor } = seen
      yield* Effect.promise(() => emulator.control.killSession(sessionIdOf(task.id)))
      const { outcome } = yield* patiently(watch(layer, { ...task, cursor }))
      if (outcome.ok) return assert.fail("the work is gone")
      const [, at] = /"at":(\d+)/.exec(JSON.stringify(cursor)) ?? []
      const lastHeartbeat = new Date(Number(at)).toISOString()
      assert.strictEqual(outcome.error.code, "worker.lost")
      assert.deepInclude(outcome.error.details, { lastHeartbeat })
      assert.include(outcome.error.message, `its last sign of life was ${lastHeartbeat}`)
      assert.isFalse(alive(task.id))
      yield* ended(task)
    })
  )
})

describe("a result of 20 MB", () => {
  it.live("with one wrong letter is refused by its hash, and then fetched whole", () =>
    Effect.gen(function* () {
      const megabytes = 20 * 1024 * 1024
      const { task } = yield* begun(
        `node -e 'process.stdout.write(JSON.stringify({type:"task.result",payload:"x".repeat(${megabytes})})+"\\n")'`
      )
      yield* disturb("corrupt", task.id, { nth: 3, afterBytes: 100_000, match: { method: "result" } })
      const failure = yield* Effect.flip(watch(layer, task))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.result_corrupt", true])
      assert.include(failure.message, "SHA-256")
      assert.strictEqual(deliveries(task, "result"), 6)
      const { outcome } = yield* watch(layer, task)
      if (!outcome.ok) return assert.fail(outcome.error.message)
      assert.isTrue(outcome.result === "x".repeat(megabytes))
      assert.strictEqual(runs(task.id), 1)
      yield* ended(task)
    })
  )
})

describe.concurrent("a stream that is cut", () => {
  const cut = (prompt: JsonObject, kind: NewFault["kind"], afterBytes: number) =>
    Effect.gen(function* () {
      const task = draft(stranger({ pause: 100, ...prompt }))
      yield* disturb(kind, task.id, { when: "after", afterBytes })
      const { task: started } = yield* begin(layer, task)
      const seen = yield* watch(layer, started)
      assert.strictEqual(deliveries(task), 1)
      yield* ended(task)
      return seen
    })
  const stream = { type: "text/event-stream", raw: ['data: "one"\n\n', 'data: {"two":2}\n\n'] }
  const first = 'data: "one"\n\n'.length

  it.live("cleanly between two events is a result with the note that nobody can tell", () =>
    Effect.gen(function* () {
      const { outcome, entries } = yield* cut(stream, "silent-fin", first)
      assert.deepEqual(outcome, { ok: true, result: "one" })
      assert.match(JSON.stringify(entries), /cannot be told whether it was whole/)
    })
  )

  it.live("cleanly or by a reset in the middle of a value is broken off, and what came is kept", () =>
    Effect.gen(function* () {
      for (const kind of ["silent-fin", "reset-mid-stream"] as const) {
        const { outcome, entries } = yield* cut(stream, kind, first + 9)
        assert.strictEqual(codeOf(outcome), "aws_agentcore.stream_broken", kind)
        assert.include(linesOf(entries).join(""), "one")
      }
    })
  )

  it.live("cleanly in the middle of a whole answer is broken off", () =>
    Effect.gen(function* () {
      const { outcome } = yield* cut({ raw: '{"ok":true,"output":"all of it"}' }, "silent-fin", 20)
      assert.strictEqual(codeOf(outcome), "aws_agentcore.stream_broken")
    })
  )

  it.live("under a command is broken off with what it said, and the command is not run again", () =>
    Effect.gen(function* () {
      for (const [kind, words] of [
        ["reset-mid-stream", /aborted|ECONNRESET/],
        ["silent-fin", /no exit code came|[Tt]runcated/]
      ] as const) {
        const command = ["/bin/sh", "-c", `echo began >> "${signature(kind)}"; echo out; sleep 0.3; echo more`]
        const task = draft(request({ runtimeArn: arns.stranger }, { command }, { taskType: "command.run" }))
        yield* disturb(kind, task.id, { op: "InvokeAgentRuntimeCommand", afterBytes: 300 })
        const { task: started } = yield* begin(layer, task)
        const { outcome, entries } = yield* watch(layer, started)
        if (outcome.ok) return assert.fail(`${kind} had no effect`)
        assert.strictEqual(outcome.error.code, "aws_agentcore.stream_broken")
        assert.match(outcome.error.message, words)
        assert.deepEqual(linesOf(entries), ["out"])
        assert.strictEqual(runs(kind), 1)
        yield* ended(task)
      }
    })
  )
})
