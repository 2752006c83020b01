import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually, processesNaming } from "./support/Server.js"
import {
  folder,
  hello,
  outcome,
  ping,
  pollOf,
  refusal,
  type Serving,
  serving,
  slow,
  startOf,
  state
} from "./support/ServingWorker.js"

const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"

/** A program that ignores SIGTERM, with a child that does so too in a session of its own. */
const programs = (marker: string) =>
  JSON.stringify({
    stubborn: [
      process.execPath,
      "-e",
      `${stubborn}; require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}, '${marker}'], {detached: true, stdio: 'ignore'}); console.log('up')`,
      marker
    ],
    polite: [process.execPath, "-e", "setInterval(() => {}, 1000); console.log('up')", marker]
  })

const marked = (env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const marker = `marker-${yield* folder}`.replaceAll("/", "-")
    const at = yield* serving({
      env: { AGENTDISPATCH_WORKER_FRAMEWORKS: programs(marker), AGENTDISPATCH_WORKER_GRACE_SECONDS: "0.3", ...env }
    })
    /** The worker itself names the marker in its environment. */
    const running = () => processesNaming(marker).filter((pid) => pid !== at.pid)
    return { at, running }
  })

const up = (at: Serving, taskId: string) =>
  state(at, pollOf(taskId, { waitMs: 10_000, cursor: 0 })).pipe(Effect.repeat({ until: ({ seq }) => (seq ?? 0) > 0 }))

describe("the serving worker ends work", () => {
  it.scopedLive("that is cancelled: when it says so, nothing of a program that ignores SIGTERM runs", () =>
    Effect.gen(function* () {
      const { at, running } = yield* marked()
      yield* state(at, startOf("t", { framework: "stubborn" }))
      yield* up(at, "t")
      assert.isAtLeast(running().length, 2)
      const waiting = yield* Effect.fork(outcome(at, "t", 1))
      const replies = yield* Effect.all(
        [1, 2].map(() => state(at, { op: "cancel", taskId: "t", reason: "enough" })),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(
        replies.map(({ state: is, error }) => [is, error?.code]),
        [
          ["cancelled", "worker.cancelled"],
          ["cancelled", "worker.cancelled"]
        ]
      )
      assert.deepStrictEqual(running(), [])
      assert.strictEqual((yield* waiting.await)._tag, "Success")
      const again = yield* state(at, { op: "cancel", taskId: "t", reason: "again" })
      assert.strictEqual(again.error?.message, "The work was cancelled: enough")
    })
  )

  it.scopedLive("and leaves a result that was there before the cancel", () =>
    Effect.gen(function* () {
      const at = yield* serving()
      yield* state(at, startOf("t", { prompt: "done" }))
      yield* outcome(at, "t")
      const reply = yield* state(at, { op: "cancel", taskId: "t", reason: "too late" })
      assert.deepStrictEqual([reply.state, reply.result], ["succeeded", { instruction: "done" }])
    })
  )

  it.scopedLive("at its deadline, as expired", () =>
    Effect.gen(function* () {
      const { at, running } = yield* marked()
      yield* state(at, startOf("t", { framework: "stubborn" }, { deadlineSeconds: 0.4 }))
      const end = yield* outcome(at, "t")
      assert.deepStrictEqual([end.state, end.error?.code], ["expired", "worker.deadline_exceeded"])
      assert.deepStrictEqual(running(), [])
    })
  )

  it.scopedLive("when its lease is over, unless somebody polls", () =>
    Effect.gen(function* () {
      const { at, running } = yield* marked()
      const lease = { leaseSeconds: 1 }
      yield* state(at, startOf("left", { framework: "polite" }, lease))
      yield* state(at, startOf("kept", slow(2500), lease))
      yield* state(at, startOf("held", slow(2200), lease))
      yield* up(at, "held")
      // One long poll is as good as many short ones.
      const long = yield* Effect.fork(state(at, pollOf("held", { cursor: 1, waitMs: 20_000 })))
      const kept = yield* Effect.repeat(Effect.delay(state(at, pollOf("kept", { cursor: 9 })), "100 millis"), {
        while: (reply) => reply.state === "accepted" || reply.state === "running"
      })
      assert.strictEqual(kept.state, "succeeded")
      const left = yield* state(at, pollOf("left"))
      assert.deepStrictEqual([left.state, left.error?.code], ["cancelled", "worker.lease_expired"])
      assert.deepStrictEqual(running(), [])
      yield* long.await
      assert.strictEqual((yield* outcome(at, "held")).state, "succeeded")
    })
  )
})

const atSecond = (at: Serving) =>
  Effect.map(ping(at), ({ status, time_of_last_update }) => [status, time_of_last_update])

describe("the serving worker's ping", () => {
  it.scopedLive("is busy from the start until the result is acknowledged, and dates only the changes", () =>
    Effect.gen(function* () {
      const at = yield* serving()
      const [idle, since] = yield* atSecond(at)
      assert.strictEqual(idle, "Healthy")
      yield* state(at, startOf("a", slow(1300)))
      const first = yield* atSecond(at)
      assert.strictEqual(first[0], "HealthyBusy")
      yield* state(at, startOf("b", slow(100)))
      assert.strictEqual((yield* outcome(at, "b")).state, "succeeded")
      yield* state(at, { op: "ack", taskId: "b" })
      assert.strictEqual((yield* outcome(at, "a")).state, "succeeded")
      assert.deepStrictEqual(
        yield* atSecond(at),
        first,
        "the second task, its end and the first one's end changed nothing"
      )
      yield* state(at, { op: "ack", taskId: "a" })
      yield* state(at, { op: "ack", taskId: "a" })
      const [after, changed] = yield* atSecond(at)
      assert.strictEqual(after, "Healthy")
      assert.isAbove(Number(changed), Number(first[1]))
      assert.isAtMost(Number(since), Number(first[1]))
      const { result, state: is } = yield* state(at, pollOf("a"))
      assert.deepStrictEqual([is, result], ["succeeded", { context: { delayMs: 1300, steps: 1 } }])
    })
  )

  it.scopedLive("is idle again when nobody fetched the result in time", () =>
    Effect.gen(function* () {
      const at = yield* serving()
      yield* state(at, startOf("a", {}, { lingerSeconds: 0.5 }))
      yield* outcome(at, "a")
      assert.strictEqual((yield* ping(at)).status, "HealthyBusy")
      yield* eventually(Effect.map(ping(at), ({ status }) => (status === "Healthy" ? status : undefined)))
      assert.strictEqual((yield* outcome(at, "a")).state, "succeeded", "the result is still there")
    })
  )
})

describe("the serving worker, told to stop", () => {
  it.scopedLive("takes no more starts, ends the work, answers those who wait, and leaves", () =>
    Effect.gen(function* () {
      const { at, running } = yield* marked({ AGENTDISPATCH_WORKER_GRACE_SECONDS: "1.5" })
      yield* state(at, startOf("t", { framework: "stubborn" }))
      const { seq = 0 } = yield* up(at, "t")
      const waiting = yield* Effect.fork(outcome(at, "t", seq))
      at.kill("SIGTERM")
      yield* eventually(Effect.sync(() => (at.stderr().includes("SIGTERM") ? true : undefined)))
      assert.strictEqual((yield* refusal(at, startOf("late", {}))).refused.code, "busy")
      assert.strictEqual((yield* state(at, startOf("t", {}))).fresh, false)
      assert.strictEqual((yield* ping(at)).status, "HealthyBusy")
      const end = yield* waiting
      assert.deepStrictEqual([end.state, end.error?.code, end.error?.retryable], ["failed", "worker.terminated", true])
      assert.strictEqual(yield* at.exited, 0)
      assert.deepStrictEqual(running(), [])
    })
  )

  it.scopedLive("leaves at once when nothing runs", () =>
    Effect.gen(function* () {
      const at = yield* serving()
      yield* state(at, startOf("t", {}))
      yield* outcome(at, "t")
      const begun = performance.now()
      at.kill("SIGTERM")
      assert.strictEqual(yield* at.exited, 0)
      assert.isBelow(performance.now() - begun, 5000)
    })
  )
})

describe("the serving worker's journal", () => {
  it.scopedLive("tells a new boot what an earlier one had: its results, and what was interrupted", () =>
    Effect.gen(function* () {
      const env = { AGENTDISPATCH_JOURNAL_DIR: yield* folder }
      const before = yield* serving({ env })
      const large = "x".repeat(300_000)
      yield* state(before, startOf("small", { prompt: "kept" }))
      yield* state(before, startOf("large", { prompt: large }))
      yield* state(before, startOf("broken", { context: { steps: 0 } }))
      yield* state(before, startOf("cut", slow(60_000)))
      const { resultRef } = yield* outcome(before, "large")
      yield* outcome(before, "small")
      yield* outcome(before, "broken")
      const { boot, seq } = yield* up(before, "cut")
      assert.strictEqual(seq, 1)
      before.kill("SIGKILL")
      yield* before.exited

      const after = yield* serving({ env })
      const small = yield* state(after, pollOf("small", { waitMs: 20_000 }))
      assert.deepStrictEqual(
        [small.state, small.result, small.previousBoot, small.seq, small.truncatedBefore],
        ["succeeded", { instruction: "kept" }, boot, 2, 2]
      )
      assert.notStrictEqual(small.boot, boot)
      assert.isDefined(resultRef)
      assert.deepStrictEqual((yield* state(after, pollOf("large"))).resultRef, resultRef)
      const broken = yield* state(after, pollOf("broken"))
      assert.deepStrictEqual([broken.state, broken.error?.code], ["failed", "worker.input_invalid"])
      const cut = yield* state(after, pollOf("cut", { waitMs: 20_000 }))
      assert.deepStrictEqual([cut.state, cut.previousBoot], ["interrupted", boot])
      const again = yield* state(after, startOf("cut", {}))
      assert.deepStrictEqual([again.state, again.fresh, again.previousBoot], ["interrupted", false, boot])
      assert.strictEqual((yield* refusal(after, startOf("cut", {}, { startToken: "other" }))).refused.code, "conflict")
      assert.strictEqual((yield* state(after, { op: "cancel", taskId: "cut", reason: "r" })).state, "interrupted")
      assert.strictEqual((yield* ping(after)).status, "Healthy", "nothing was begun")
      assert.deepStrictEqual([...(yield* hello(after, { op: "hello" })).tasks].sort(), [
        "broken",
        "cut",
        "large",
        "small"
      ])
      assert.strictEqual((yield* state(after, pollOf("stranger"))).state, "unknown")
    })
  )

  it.scopedLive("refuses a start that it cannot write down, and knows nothing of it afterwards", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "a-file")
      writeFileSync(file, "")
      const at = yield* serving({ env: { AGENTDISPATCH_JOURNAL_DIR: file } })
      assert.strictEqual((yield* refusal(at, startOf("t", {}))).refused.code, "unavailable")
      assert.strictEqual((yield* state(at, pollOf("t"))).state, "unknown")
      assert.strictEqual((yield* ping(at)).status, "Healthy")
    })
  )

  it.scopedLive("passes over what is no record of its own", () =>
    Effect.gen(function* () {
      const place = yield* folder
      const env = { AGENTDISPATCH_JOURNAL_DIR: place }
      const before = yield* serving({ env })
      yield* state(before, startOf("t", slow(60_000)))
      before.kill("SIGKILL")
      yield* before.exited
      for (const name of readdirSync(place))
        if (name.endsWith(".json")) writeFileSync(join(place, name), '{"v":1,"taskId":')
      const after = yield* serving({ env })
      assert.strictEqual((yield* state(after, pollOf("t"))).state, "unknown")
      assert.strictEqual((yield* state(after, startOf("t", {}))).fresh, true)
    })
  )
})
