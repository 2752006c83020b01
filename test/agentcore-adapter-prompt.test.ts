import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { forget } from "../adapters/aws-agentcore/Talks.js"
import type { Outcome, Task } from "../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, eventsOf, linesOf, watch } from "./support/AdapterDrive.js"
import {
  alive,
  arns,
  disturb,
  emulator,
  layer,
  request,
  runs,
  sessionIdOf,
  signature,
  stranger
} from "./support/AgentCoreWork.js"

const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.error.code)

/** From the prompt to the end, with nothing left behind. */
const done = Effect.fnUntraced(function* (
  prompt: Parameters<typeof stranger>[0],
  disturbed?: (task: Task) => Effect.Effect<void>
) {
  const task = draft(stranger(prompt))
  if (disturbed !== undefined) yield* disturbed(task)
  const { task: begun, resources } = yield* begin(layer, task)
  const seen = yield* watch(layer, begun)
  yield* cleaned(layer, begun, resources)
  assert.isFalse(alive(task.id))
  return seen
})

const events = (...data: ReadonlyArray<string>) => ({
  type: "text/event-stream",
  raw: data.map((text) => `data: ${text}\n\n`)
})

describe.concurrent("an app that answers as a whole", () => {
  it.live("gets the contract's payload, with the instruction as its prompt", () =>
    Effect.gen(function* () {
      const prompt = JSON.stringify({ echo: true })
      const task = draft({
        ...request(
          { runtimeArn: arns.stranger },
          { instruction: prompt, context: { repo: "x" }, framework: "strands" }
        ),
        metadata: { team: "a" }
      })
      const { task: begun, resources } = yield* begin(layer, task)
      const { outcome } = yield* watch(layer, begun)
      assert.deepEqual(outcome, {
        ok: true,
        result: {
          taskType: "agent.run",
          input: { instruction: prompt, context: { repo: "x" }, framework: "strands" },
          metadata: { team: "a" },
          prompt,
          context: { repo: "x" }
        }
      })
      yield* cleaned(layer, begun, resources)
    })
  )

  it.live("in a worker's words: its events, its artifacts, its output", () =>
    Effect.gen(function* () {
      const { outcome, entries, artifacts } = yield* done({
        raw: JSON.stringify({
          ok: true,
          output: { answer: 42 },
          events: [
            { type: "task.log", message: "thinking" },
            { type: "task.progress", message: "half" },
            { type: "task.succeeded" }
          ],
          artifacts: [{ uri: "s3://bucket/report", kind: "report" }]
        })
      })
      assert.deepEqual(outcome, { ok: true, result: { answer: 42 } })
      assert.deepEqual(eventsOf(entries), ["task.progress"])
      assert.include(linesOf(entries), "thinking")
      assert.deepEqual(artifacts, [{ uri: "s3://bucket/report", kind: "report" }])
    })
  )

  it.live("fails the task where it says ok: false", () =>
    Effect.gen(function* () {
      const { outcome } = yield* done({ raw: JSON.stringify({ ok: false, error: { message: "no key" } }) })
      if (outcome.ok) return assert.fail("it was to fail")
      assert.deepEqual(
        [outcome.error.code, outcome.error.message],
        ["aws_agentcore.worker_failed", "The worker said that it failed: no key"]
      )
    })
  )

  it.live("in any other JSON or text: the result as it is", () =>
    Effect.gen(function* () {
      assert.deepEqual((yield* done({ raw: '["a",1]' })).outcome, { ok: true, result: ["a", 1] })
      assert.deepEqual((yield* done({ raw: '{"ok":true,"answer":1}' })).outcome, {
        ok: true,
        result: { ok: true, answer: 1 }
      })
      assert.deepEqual((yield* done({ raw: "plain words", type: "text/plain" })).outcome, {
        ok: true,
        result: "plain words"
      })
    })
  )

  it.live("is broken off where its JSON is not whole, with what came kept in the log", () =>
    Effect.gen(function* () {
      const { outcome, entries } = yield* done({ raw: '{"ok":tr' })
      assert.strictEqual(codeOf(outcome), "aws_agentcore.stream_broken")
      assert.deepEqual(linesOf(entries), ['{"ok":tr'])
    })
  )

  it.live("is ended at its deadline, with its session", () =>
    Effect.gen(function* () {
      const task = draft(stranger({ wait: 60_000 }, { deadlineSeconds: 1 }))
      const { task: begun, resources } = yield* begin(layer, task)
      assert.strictEqual(codeOf((yield* watch(layer, begun)).outcome), "aws_agentcore.expired")
      yield* cleaned(layer, begun, resources)
      assert.isFalse(alive(task.id))
    })
  )
})

describe.concurrent("an app that streams", () => {
  it.live("has its tokens in the log, its values as progress and its last word as the result", () =>
    Effect.gen(function* () {
      const { outcome, entries } = yield* done(
        events('"Hel"', '"lo"', '{"step":1}', '{"type":"task.log","message":"!"}', '{"sum":2}')
      )
      assert.deepEqual(outcome, { ok: true, result: { sum: 2 } })
      assert.deepEqual(linesOf(entries), ["Hello!"])
      assert.deepEqual(eventsOf(entries), ["task.progress", "task.progress", "task.progress"])
    })
  )

  it.live("may cut a JSON value anywhere, also within its bytes on the wire", () =>
    Effect.gen(function* () {
      const answer = JSON.stringify({ ok: true, output: { word: "grün" }, events: [], artifacts: [] })
      const cut = [answer.slice(0, 12), answer.slice(12, 30), answer.slice(30)]
      const { outcome } = yield* done({ ...events(...cut), pause: 1 }, ({ id }) =>
        disturb("tear-chunks", id, { when: "after" })
      )
      assert.deepEqual(outcome, { ok: true, result: { word: "grün" } })
    })
  )

  it.live("that ends in the middle of a value is broken off, and what came is kept", () =>
    Effect.gen(function* () {
      const { outcome, entries } = yield* done(events('"so far"', '{"ok":tr'))
      assert.strictEqual(codeOf(outcome), "aws_agentcore.stream_broken")
      assert.include(linesOf(entries).join(""), "so far")
    })
  )

  it.live("is broken off by a reset in its middle, never asked again", () =>
    Effect.gen(function* () {
      const name = "reset-mid-stream"
      const { outcome, entries } = yield* done(
        { sign: signature(name), ...events('"one"', '"two"'), pause: 200 },
        ({ id }) => disturb("reset-mid-stream", id, { when: "after" })
      )
      assert.strictEqual(codeOf(outcome), "aws_agentcore.stream_broken")
      assert.include(linesOf(entries).join(""), "one")
      assert.strictEqual(runs(name), 1)
    })
  )

  it.live("says that it failed by an error event", () =>
    Effect.gen(function* () {
      const { outcome } = yield* done({ type: "text/event-stream", raw: ["event: error\ndata: no key\n\n"] })
      assert.strictEqual(codeOf(outcome), "aws_agentcore.worker_failed")
    })
  )

  it.live("is seen while it speaks, and stopped by a cancel with what it said", () =>
    Effect.gen(function* () {
      const task = draft(stranger({ ...events('"one"'), hold: true }))
      const { task: begun, resources } = yield* begin(layer, task)
      const looked = call(layer, (adapter) => adapter.observe(begun))
      const { entries } = yield* looked.pipe(
        Effect.delay("30 millis"),
        Effect.repeat({ until: (seen) => seen.entries.length > 0, times: 100 })
      )
      assert.deepEqual(linesOf(entries), ["one"])
      assert.strictEqual(yield* cancelled(layer, begun), "stopped")
      assert.isFalse(alive(task.id))
      yield* cleaned(layer, begun, resources)
    })
  )

  it.live("is lost with the process that listened: indeterminate, and its machine stopped", () =>
    Effect.gen(function* () {
      const task = draft(stranger({ ...events('"one"'), hold: true }))
      const { task: begun, resources } = yield* begin(layer, task)
      forget(task.startToken)
      assert.strictEqual(yield* call(layer, (adapter) => adapter.probe(begun)), "cannot say")
      const { outcome } = yield* watch(layer, begun)
      if (outcome.ok) return assert.fail("nobody listened")
      assert.strictEqual(outcome.error.code, "start.indeterminate")
      assert.deepInclude(outcome.error.details, { causeCode: "aws_agentcore.stream_lost" })
      assert.isFalse(alive(task.id))
      yield* cleaned(layer, begun, resources)
    })
  )
})

const command = (argv: ReadonlyArray<string>, details = {}) =>
  draft(request({ runtimeArn: arns.stranger, ...details }, { command: [...argv] }, { taskType: "command.run" }))

describe.concurrent("a command in the session of an app", () => {
  it.live("has its output in the log and its exit code as the result", () =>
    Effect.gen(function* () {
      const task = command(["/bin/sh", "-c", "echo out; echo err >&2"])
      const { task: begun, resources } = yield* begin(layer, task)
      const { outcome, entries } = yield* watch(layer, begun)
      assert.deepEqual(outcome, { ok: true, result: { exitCode: 0, output: "out\n" } })
      assert.sameMembers([...linesOf(entries)], ["out", "err"])
      yield* cleaned(layer, begun, resources)
      const calls = emulator.ledgers.invocations.filter(({ sessionId }) => sessionId === sessionIdOf(task.id))
      assert.deepEqual(
        calls.filter(({ op }) => op === "InvokeAgentRuntimeCommand").map(({ attempt }) => attempt),
        [1]
      )
    })
  )

  it.live("fails by its exit code, its time and a stream without an end", () =>
    Effect.gen(function* () {
      const rows = [
        [command(["/bin/sh", "-c", "exit 7"]), "aws_agentcore.command_failed", undefined],
        [command(["/bin/sleep", "60"], { deadlineSeconds: 1 }), "aws_agentcore.expired", undefined],
        [command(["/bin/sh", "-c", "echo on"]), "aws_agentcore.stream_broken", "exception-frame"]
      ] as const
      for (const [task, code, kind] of rows) {
        if (kind !== undefined) yield* disturb(kind, task.id, { op: "InvokeAgentRuntimeCommand" })
        const { task: begun, resources } = yield* begin(layer, task)
        assert.strictEqual(codeOf((yield* watch(layer, begun)).outcome), code)
        yield* cleaned(layer, begun, resources)
        assert.isFalse(alive(task.id))
      }
    })
  )

  it.live("is broken off when its machine dies", () =>
    Effect.gen(function* () {
      const task = command(["/bin/sh", "-c", "echo on; sleep 60"])
      const { task: begun, resources } = yield* begin(layer, task)
      yield* Effect.promise(() => emulator.control.killSession(sessionIdOf(task.id)))
      const { outcome, entries } = yield* watch(layer, begun)
      assert.strictEqual(codeOf(outcome), "aws_agentcore.stream_broken")
      assert.isAtMost(linesOf(entries).length, 1)
      yield* cleaned(layer, begun, resources)
    })
  )

  it.live("that the service cannot take is refused before anything is sent", () =>
    Effect.gen(function* () {
      for (const argv of [[], ["echo", `it's "both"`]]) {
        const task = command(argv)
        const failure = yield* Effect.flip(call(layer, (adapter) => adapter.start(task)))
        assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.command_invalid", "none"])
      }
    })
  )
})
