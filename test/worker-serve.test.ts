import { fileURLToPath } from "node:url"
import { assert, layer } from "@effect/vitest"
import { Duration, Effect } from "effect"
import {
  hello,
  outcome,
  ping,
  pollOf,
  refusal,
  slow,
  startOf,
  state,
  Worker,
  workerLayer
} from "./support/ServingWorker.js"

const programs = JSON.stringify({
  chatty: [
    process.execPath,
    "-e",
    "for (let i = 1; i <= 3000; i++) console.log(JSON.stringify({type:'task.progress',message:'p'+i}))"
  ],
  heavy: [
    process.execPath,
    "-e",
    "for (let i = 0; i < 100; i++) console.log(JSON.stringify({type:'task.log',message:String(i).padEnd(100000, 'x')}))"
  ],
  busy: [process.execPath, "-e", "for (const end = Date.now() + 700; Date.now() < end;);"],
  answering: [
    process.execPath,
    "-e",
    "process.stdin.setEncoding('utf8').on('data', (t) => { const task = JSON.parse(t); console.log('plain text'); console.log(JSON.stringify({ok: true, output: {args: process.argv.slice(1), task}, events: [], artifacts: []})) })",
    "{instruction}",
    "{context}",
    "{taskId}",
    "a{taskId}"
  ],
  failing: [
    process.execPath,
    "-e",
    "console.log(JSON.stringify({ok: false, events: [], artifacts: [], error: 'no luck'}))"
  ],
  missing: ["/no/such/program"]
})

layer(
  workerLayer({ env: { AGENTDISPATCH_WORKER_FRAMEWORKS: programs, AGENTDISPATCH_COMMAND_ALLOWLIST: "sh, true" } }),
  {
    excludeTestServices: true
  }
)("the serving worker, dispatch/1", (it) => {
  it.effect("starts a task once, and says of every repetition that it has it already", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const replies = yield* Effect.all(
        Array.from({ length: 5 }, () => state(at, startOf("once", { prompt: "hi", ...slow(100) }))),
        { concurrency: 5 }
      )
      assert.deepStrictEqual(replies.map(({ fresh }) => fresh).sort(), [false, false, false, false, true])
      assert.isTrue(replies.every(({ state: is }) => is === "accepted" || is === "running"))
      const end = yield* outcome(at, "once")
      assert.strictEqual(end.state, "succeeded")
      assert.deepStrictEqual(end.result, { instruction: "hi", context: { delayMs: 100, steps: 1 } })
      assert.deepStrictEqual(end.seq, 2, "five starts made one run: one line of log, one step of progress")
      const again = yield* state(at, startOf("once", { prompt: "hi" }))
      assert.deepStrictEqual([again.state, again.fresh], ["succeeded", false])
    })
  )

  it.effect("refuses another token for a task it has, and does not touch that task", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      yield* state(at, startOf("taken", slow(50)))
      const { refused, taskId } = yield* refusal(at, startOf("taken", {}, { startToken: "second", attempt: 2 }))
      assert.deepStrictEqual([refused.code, taskId], ["conflict", "taken"])
      assert.strictEqual((yield* outcome(at, "taken")).state, "succeeded")
    })
  )

  it.effect("answers a start before the work says anything", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const { fresh, seq, state: first } = yield* state(at, startOf("quiet-start", {}))
      assert.deepStrictEqual([fresh, seq, first], [true, 0, "accepted"])
    })
  )

  it.effect("holds a poll until something happens, and lets it go when its time is over", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      yield* state(at, startOf("long-poll", slow(600)))
      const first = yield* state(at, pollOf("long-poll", { waitMs: 5000 }))
      assert.deepStrictEqual(
        first.events?.map(({ seq }) => seq),
        [1]
      )
      const begun = performance.now()
      const idle = yield* state(at, pollOf("long-poll", { cursor: 1, waitMs: 150 }))
      assert.isAtLeast(performance.now() - begun, 140)
      assert.deepStrictEqual([idle.state, idle.events], ["running", []])
      const woken = yield* state(at, pollOf("long-poll", { cursor: 1, waitMs: 20_000 }))
      assert.isBelow(performance.now() - begun, 10_000)
      assert.strictEqual(woken.events?.[0]?.seq, 2)
      assert.strictEqual((yield* outcome(at, "long-poll")).state, "succeeded")
    })
  )

  it.effect("says which events fell out of its ring", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      yield* state(at, startOf("chatty", { framework: "chatty" }))
      const end = yield* outcome(at, "chatty")
      assert.strictEqual(end.seq, 3000)
      const late = yield* state(at, pollOf("chatty", { maxEvents: 3 }))
      assert.strictEqual(late.truncatedBefore, 1000)
      assert.deepStrictEqual(
        late.events?.map(({ seq, event }) => [seq, event.message]),
        [
          [1001, "p1001"],
          [1002, "p1002"],
          [1003, "p1003"]
        ]
      )
      const inTime = yield* state(at, pollOf("chatty", { cursor: 2999 }))
      assert.deepStrictEqual([inTime.truncatedBefore, inTime.events?.map(({ seq }) => seq)], [undefined, [3000]])
    })
  )

  it.effect("bounds its ring by bytes too, and an answer by the bytes asked for", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      yield* state(at, startOf("heavy", { framework: "heavy" }))
      const end = yield* outcome(at, "heavy")
      assert.strictEqual(end.seq, 100)
      const all = yield* state(at, pollOf("heavy", { maxBytes: 16_000_000 }))
      const kept = all.events?.length ?? 0
      assert.isAtLeast(kept, 40)
      assert.isAtMost(kept, 41)
      assert.strictEqual(all.truncatedBefore, 100 - kept)
      const few = yield* state(at, pollOf("heavy", { cursor: 90, maxBytes: 250_000 }))
      assert.deepStrictEqual(
        few.events?.map(({ seq }) => seq),
        [91, 92]
      )
      const one = yield* state(at, pollOf("heavy", { cursor: 90, maxBytes: 1000 }))
      assert.strictEqual(one.events?.length, 1, "one event always fits, or a reader would never get on")
    })
  )

  it.effect("says unknown of a task it does not know, whatever is asked, and begins nothing", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const before = yield* hello(at, { op: "hello" })
      const replies = yield* Effect.all([
        state(at, pollOf("nobody", { waitMs: 20_000 })),
        state(at, { op: "ack", taskId: "nobody" }),
        state(at, { op: "result", taskId: "nobody", offset: 0, limit: 10 }),
        state(at, { op: "artifact", taskId: "nobody", uri: "file:///etc/passwd", offset: 0, limit: 10 }),
        state(at, { op: "message", taskId: "nobody", messageId: "m", text: "t" }),
        state(at, { op: "cancel", taskId: "nobody", reason: "r" })
      ])
      for (const reply of replies) assert.strictEqual(reply.state, "unknown")
      assert.deepStrictEqual((yield* hello(at, { op: "hello" })).tasks, before.tasks)
    })
  )

  it.effect("does not begin a task whose cancel came first", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      yield* state(at, { op: "cancel", taskId: "overtaken", reason: "changed my mind" })
      const late = yield* state(at, startOf("overtaken", {}))
      assert.deepStrictEqual([late.state, late.fresh], ["cancelled", false])
      assert.strictEqual((yield* state(at, pollOf("overtaken"))).state, "unknown")
    })
  )

  it.effect("brings a message to the running work once, however often it is sent", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      yield* state(at, startOf("talk", slow(500)))
      yield* state(at, pollOf("talk", { waitMs: 5000 }))
      const say = (messageId: string, text: string) => ({ op: "message", taskId: "talk", messageId, text })
      const sent = yield* Effect.all(
        [say("m1", "one"), say("m1", "one"), say("m2", "two"), say("m1", "one")].map((one) => state(at, one))
      )
      assert.deepStrictEqual(
        sent.map(({ delivered }) => delivered),
        [true, false, true, false]
      )
      const { result } = yield* outcome(at, "talk")
      assert.deepStrictEqual(result, { context: { delayMs: 500, steps: 1 }, messages: ["one", "two"] })
      assert.strictEqual((yield* state(at, say("m1", "one"))).delivered, false, "a repetition stays a repetition")
      assert.strictEqual((yield* refusal(at, say("m3", "late"))).refused.code, "not_running")
    })
  )

  it.effect("refuses a message that its framework does not take", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      yield* state(at, startOf("deaf", { framework: "busy" }))
      yield* state(at, pollOf("deaf", { waitMs: 200 }))
      const { refused } = yield* refusal(at, { op: "message", taskId: "deaf", messageId: "m", text: "hello?" })
      assert.strictEqual(refused.code, "not_supported")
    })
  )

  it.effect("runs a program as a fixed argument vector, with whole placeholders filled and the task on its stdin", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const payload = {
        taskType: "agent.run",
        input: { a: 1 },
        prompt: "do; rm -rf $HOME",
        context: { b: 2 },
        metadata: { c: 3 }
      }
      yield* state(at, startOf("vector", { ...payload, framework: "answering" }))
      const end = yield* outcome(at, "vector")
      assert.deepStrictEqual(end.result, {
        args: ["do; rm -rf $HOME", '{"b":2}', "vector", "a{taskId}"],
        task: { taskId: "vector", ...payload }
      })
      const { events } = yield* state(at, pollOf("vector"))
      assert.deepStrictEqual(
        events?.map(({ event }) => event),
        [{ type: "task.log", message: "plain text" }]
      )
    })
  )

  it.effect("fails a task whose program fails, is missing, or is none of its frameworks", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const code = (taskId: string, payload: Parameters<typeof startOf>[1]) =>
        Effect.zipRight(
          state(at, startOf(taskId, payload)),
          Effect.map(outcome(at, taskId), ({ state: end, error }) => [end, error?.code])
        )
      assert.deepStrictEqual(
        yield* Effect.all([
          code("f1", { framework: "failing" }),
          code("f2", { framework: "missing" }),
          code("f3", { framework: "toString" }),
          code("f4", { taskType: "command.run", input: { command: ["sh", "-c", "exit 3"] } }),
          code("f5", { taskType: "command.run", input: { command: ["cat", "/etc/passwd"] } }),
          code("f6", { taskType: "command.run", input: { command: "true; id" } }),
          code("f7", { taskType: "command.run", input: { command: "true" } })
        ]),
        [
          ["failed", "worker.program_failed"],
          ["failed", "worker.program_not_started"],
          ["failed", "worker.framework_unknown"],
          ["failed", "worker.program_ended"],
          ["failed", "worker.command_not_allowed"],
          ["failed", "worker.input_invalid"],
          ["succeeded", undefined]
        ]
      )
    })
  )

  it.effect("answers pings while a report reads thousands of files in its own process", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const path = fileURLToPath(new URL("../node_modules/effect", import.meta.url))
      yield* state(at, startOf("reading", { input: { framework: "repo-report", context: { path } } }))
      const times: Array<number> = []
      for (let running = true; running;) {
        const [took, { status }] = yield* Effect.timed(ping(at))
        assert.strictEqual(status, "HealthyBusy")
        times.push(Duration.toMillis(took))
        const { state: now } = yield* state(at, pollOf("reading"))
        running = now === "running" || now === "accepted"
      }
      assert.isAbove(times.length, 3)
      assert.isBelow(Math.max(...times), 1000)
    })
  )

  it.effect("keeps one boot, minted by the first request", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const [first, second] = yield* Effect.all([hello(at, { op: "hello" }), state(at, pollOf("nobody-either"))])
      assert.strictEqual(first.boot, second.boot)
      assert.deepStrictEqual(first.protocols, ["dispatch/1", "http", "a2a/0.3", "a2a/1.0"])
      assert.deepStrictEqual(first.limits, { inlineResultBytes: 262_144, ringEvents: 2000 })
    })
  )
})
