import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import type { Task } from "../src/domain/Task.js"
import type { Answer } from "../src/domain/TaskQuestion.js"
import type { Entry } from "../src/services/Store.js"
import { begin, call, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { alive, arns, disturb, emulator, layer, request, sessionIdOf } from "./support/AgentCoreWork.js"

const asks = (framework: string, details: JsonObject, protocol?: string) =>
  begin(
    layer,
    draft(request(details, { instruction: "tidy up", framework }, protocol === undefined ? {} : { protocol }))
  )

const ours = { runtimeArn: arns.ours, worker: "dispatch/1" }

/** Looks until the work's question is told; the task as it then is. */
const questioned = (task: Task) =>
  Effect.gen(function* () {
    const entries: Array<Entry> = []
    let current = task
    while (!JSON.stringify(entries).includes("May I delete it?")) {
      const seen = yield* call(layer, (adapter) => adapter.observe(current))
      assert.isUndefined(seen.outcome)
      entries.push(...seen.entries)
      current = { ...current, cursor: seen.cursor, status: "running" }
      yield* Effect.sleep(Math.min(seen.pollAfter, 100))
    }
    return { task: current, told: entries.at(-1) }
  })

const accept = (answer: string): Answer => ({ action: "accept", content: { answer } })
const answered = (task: Task, key: string, answer: Answer) =>
  call(layer, (adapter) => adapter.answer?.(task, { key, answer }) ?? Effect.die("no answer"))

const payload = {
  key: "delete",
  fields: [{ id: "answer", type: "string", choices: ["yes", "no"], default: "no" }],
  expiresSeconds: 600
}

describe.concurrent("work of our own worker that asks", () => {
  it.live("parks with its question and hears its answer once, however often it is given and its reply lost", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* asks("asker", ours)
      const { task: waiting, told } = yield* questioned(task)
      assert.deepEqual(told, { type: "task.input_required", message: "May I delete it?", payload })
      yield* disturb("reset", task.id, { when: "after", match: { method: "answer" } })
      const lost = yield* Effect.flip(answered(waiting, "delete", accept("yes")))
      assert.deepEqual([lost.code, lost.retryable], ["aws_agentcore.unanswered", true])
      yield* answered(waiting, "delete", accept("yes"))
      const { outcome } = yield* watch(layer, waiting)
      assert.deepEqual(outcome, { ok: true, result: { key: "delete", action: "accept", answer: "yes" } })
      yield* cleaned(layer, task, resources)
      assert.isFalse(alive(task.id))
    })
  )

  it.live("is told a no as it was given", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* asks("asker", ours)
      const { task: waiting } = yield* questioned(task)
      yield* answered(waiting, "delete", { action: "decline" })
      const { outcome } = yield* watch(layer, waiting)
      assert.deepEqual(outcome, { ok: true, result: { key: "delete", action: "decline", answer: null } })
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("is not waited for where nobody would hear the answer", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* asks("mute", ours)
      const { entries, outcome } = yield* watch(layer, task)
      assert.isFalse(outcome.ok)
      assert.include(JSON.stringify(entries), "cannot be answered from here: May I delete it?")
      assert.notInclude(JSON.stringify(entries), "task.input_required")
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("is lost with the machine it asked on: the answer reaches nobody, and that is told", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* asks("asker", ours)
      const { task: waiting } = yield* questioned(task)
      yield* Effect.promise(() => emulator.control.killSession(sessionIdOf(task.id)))
      const failure = yield* Effect.flip(answered(waiting, "delete", accept("yes")))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.message_refused", false])
      const { outcome } = yield* watch(layer, waiting)
      if (outcome.ok) return assert.fail("the work is gone")
      assert.strictEqual(outcome.error.code, "worker.lost")
      yield* cleaned(layer, task, resources)
      assert.isFalse(alive(task.id))
    })
  )
})

for (const a2aVersion of ["0.3", "1.0"]) {
  describe.concurrent(`our own worker as an A2A server of v${a2aVersion} whose work asks`, () => {
    const details = { runtimeArn: arns.a2a, a2aVersion }

    it.live("says what an answer looks like, and takes it", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asks("asker", details, "a2a")
        const { task: waiting, told } = yield* questioned(task)
        const { key: _, ...unnamed } = payload
        assert.deepEqual(told, { type: "task.input_required", message: "May I delete it?", payload: unnamed })
        yield* answered(waiting, "question-1", accept("yes"))
        const { outcome } = yield* watch(layer, waiting)
        if (!outcome.ok) return assert.fail(outcome.error.message)
        assert.include(JSON.stringify(outcome.result), '"answer":"yes"')
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("takes a text as well, and refuses one that is no choice", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asks("asker", details, "a2a")
        const { task: waiting } = yield* questioned(task)
        const say = (id: string, text: string) =>
          call(layer, (adapter) => adapter.send?.(waiting, { id, text }) ?? Effect.die("no send"))
        const refused = yield* Effect.flip(say("m1", "perhaps"))
        assert.include(refused.message, "must be one of: yes, no")
        yield* say("m2", "no")
        const { outcome } = yield* watch(layer, waiting)
        if (!outcome.ok) return assert.fail(outcome.error.message)
        assert.include(JSON.stringify(outcome.result), '"answer":"no"')
        yield* cleaned(layer, task, resources)
      })
    )
  })
}
