import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { forget } from "../adapters/aws-agentcore/Talks.js"
import type { JsonObject } from "../src/domain/Json.js"
import type { Outcome, Task } from "../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, eventsOf, watch } from "./support/AdapterDrive.js"
import { alive, arns, disturb, emulator, layer, request, runs, sessionIdOf, signs } from "./support/AgentCoreWork.js"

const asked = (runtimeArn: string, instruction: string, details: JsonObject = {}) =>
  draft(request({ runtimeArn, ...details }, { instruction }, { protocol: "a2a" }))

const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.error.code)

const sends = ({ id }: Task) =>
  emulator.ledgers
    .deliveries({ sessionId: sessionIdOf(id) })
    .filter(({ method }) => method === "message/send" || method === "SendMessage").length

const v1 = { a2aVersion: "1.0" }
const peers: ReadonlyArray<readonly [string, (text: string) => Task]> = [
  ["a server of v0.3", (text) => asked(arns.a2a03, text)],
  ["a server of v1.0", (text) => asked(arns.a2a1, text, v1)]
]

for (const [name, ask] of peers) {
  describe.concurrent(`A2A with ${name}`, () => {
    it.live("sends the instruction once and follows the agent's task to its end", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begin(layer, ask("sleep 700"))
        assert.isString(task.providerRefs["a2aTaskId"])
        const { outcome, entries } = yield* watch(layer, task)
        if (!outcome.ok) return assert.fail(outcome.error.message)
        assert.deepInclude(outcome.result, { text: "you said: sleep 700" })
        assert.include(eventsOf(entries), "task.progress")
        assert.strictEqual(sends(task), 1)
        yield* cleaned(layer, task, resources)
        assert.isFalse(alive(task.id))
      })
    )

    it.live("cancels the agent's task and ends its session", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begin(layer, ask("sleep 60000"))
        assert.strictEqual(yield* cancelled(layer, task), "stopped")
        assert.isFalse(alive(task.id))
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("keeps what was finished before a cancel", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begin(layer, ask("hello"))
        yield* watch(layer, task)
        assert.strictEqual(yield* cancelled(layer, task), "finished")
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("is lost when another machine answers, which is stopped", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begin(layer, ask("sleep 60000"))
        yield* Effect.promise(() => emulator.control.killSession(sessionIdOf(task.id)))
        const { outcome } = yield* watch(layer, task)
        assert.strictEqual(codeOf(outcome), "worker.lost")
        assert.isFalse(alive(task.id))
        yield* cleaned(layer, task, resources)
        assert.strictEqual(sends(task), 1)
      })
    )

    it.live("is never sent again after a broken answer", () =>
      Effect.gen(function* () {
        const task = ask("hello")
        yield* disturb("reset", task.id, { when: "after" })
        const failure = yield* Effect.flip(begin(layer, task))
        assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.unanswered", "unknown"])
        const known = yield* call(layer, (adapter) => adapter.probe(task))
        assert.strictEqual(known, name.includes("1.0") ? "has it" : "cannot say")
        assert.strictEqual(sends(task), 1)
        yield* Effect.flatMap(
          call(layer, (adapter) => adapter.prepare(task)),
          ({ resources = [] }) => cleaned(layer, task, resources)
        )
        assert.isFalse(alive(task.id))
      })
    )
  })
}

describe("A2A after a crash of ours", () => {
  it.live("finds v1.0 work by the context we chose, before and after its id was noted", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, asked(arns.a2a1, "sleep 700", v1))
      forget(task.startToken)
      const bare = { ...task, providerRefs: {} }
      assert.strictEqual(yield* call(layer, (adapter) => adapter.probe(bare)), "has it")
      assert.strictEqual(codeOf((yield* watch(layer, bare)).outcome), "ok")
      assert.strictEqual(sends(task), 1)
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("goes on with v0.3 work whose id was noted, and gives up without it", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, asked(arns.a2a03, "sleep 700"))
      forget(task.startToken)
      assert.strictEqual(codeOf((yield* watch(layer, task)).outcome), "ok")
      assert.strictEqual(codeOf((yield* watch(layer, { ...task, providerRefs: {} })).outcome), "start.indeterminate")
      assert.isFalse(alive(task.id))
      yield* cleaned(layer, task, resources)
    })
  )
})

describe("A2A v1.0 behind a runtime that drops its version header", () => {
  it.live("is told as the server's refusal, and the preflight finds it first", () =>
    Effect.gen(function* () {
      const task = asked(arns.a2a1Deaf, "hello", v1)
      const checks = yield* call(layer, (adapter) => adapter.check(task.request, true))
      assert.deepEqual(
        checks.filter(({ status }) => status === "fail").map(({ name }) => name),
        ["headers"]
      )
      const failure = yield* Effect.flip(begin(layer, task))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.container_error", "done"])
      const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
      yield* cleaned(layer, task, resources)
    })
  )
})

describe.concurrent("our own worker as an A2A server", () => {
  for (const details of [{}, v1]) {
    it.live(`does the work once (${JSON.stringify(details)})`, () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begin(
          layer,
          asked(arns.a2a, `${signs}echo '{"type":"task.result","payload":{"answer":42}}'`, details)
        )
        const { outcome } = yield* watch(layer, task)
        if (!outcome.ok) return assert.fail(outcome.error.message)
        assert.include(JSON.stringify(outcome.result), "42")
        assert.isAtMost(runs(task.id), 1)
        yield* cleaned(layer, task, resources)
      })
    )

    it.live(`does it in the framework that was asked for, with its context (${JSON.stringify(details)})`, () =>
      Effect.gen(function* () {
        const { request: routed, ...rest } = asked(arns.a2a, "exit 3", details)
        const context = { steps: 2 }
        const input = { ...routed.input, framework: "echo", context }
        const { task, resources } = yield* begin(layer, { ...rest, request: { ...routed, input } })
        const { outcome } = yield* watch(layer, task)
        if (!outcome.ok) return assert.fail(outcome.error.message)
        assert.include(JSON.stringify(outcome.result), JSON.stringify({ instruction: "exit 3", context }))
        yield* cleaned(layer, task, resources)
      })
    )

    it.live(`tells that its work failed (${JSON.stringify(details)})`, () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begin(layer, asked(arns.a2a, "echo trouble >&2; exit 3", details))
        assert.strictEqual(codeOf((yield* watch(layer, task)).outcome), "aws_agentcore.worker_failed")
        yield* cleaned(layer, task, resources)
      })
    )
  }
})
