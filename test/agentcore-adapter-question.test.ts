import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { methods } from "../adapters/aws-agentcore/Wire.js"
import { forget } from "../adapters/aws-agentcore/Talks.js"
import type { JsonObject } from "../src/domain/Json.js"
import type { Task } from "../src/domain/Task.js"
import type { Entry } from "../src/services/Store.js"
import { begin, call, cancelled, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { alive, arns, disturb, emulator, layer, request, sessionIdOf } from "./support/AgentCoreWork.js"

const peers: ReadonlyArray<readonly ["0.3" | "1.0", JsonObject]> = [
  ["0.3", { runtimeArn: arns.a2a03, a2aVersion: "0.3" }],
  ["1.0", { runtimeArn: arns.a2a1, a2aVersion: "1.0" }]
]

const asked = (details: JsonObject, instruction = "ask me") =>
  begin(layer, draft(request(details, { instruction }, { protocol: "a2a" })))

const sends = ({ id }: Task) =>
  emulator.ledgers
    .deliveries({ sessionId: sessionIdOf(id) })
    .filter(({ method }) => method === "message/send" || method === "SendMessage").length

/** Looks until the agent's question is told; the task as it then is. */
const questioned = (task: Task) =>
  Effect.gen(function* () {
    const entries: Array<Entry> = []
    let current = task
    for (let look = 0; look < 100 && !JSON.stringify(entries).includes("task.input_required"); look++) {
      const { cursor, entries: news, outcome, pollAfter } = yield* call(layer, (adapter) => adapter.observe(current))
      assert.isUndefined(outcome)
      entries.push(...news)
      current = { ...current, cursor, status: "running" }
      yield* Effect.sleep(Math.min(pollAfter, 100))
    }
    return { task: current, told: entries.at(-1) }
  })

const answered = (task: Task, text: string) =>
  call(
    layer,
    (adapter) =>
      adapter.answer?.(task, { key: "question-1", answer: { action: "accept", content: { answer: text } } }) ??
      Effect.die("no answer")
  )

for (const [version, details] of peers) {
  describe.concurrent(`an A2A agent of v${version} that asks back`, () => {
    it.live("parks its task with its question, once", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details)
        const { task: waiting, told } = yield* questioned(task)
        assert.deepEqual(told, { type: "task.input_required", message: "which colour?" })
        const again = yield* call(layer, (adapter) => adapter.observe(waiting))
        assert.deepEqual([again.entries.length, again.outcome, again.pollAfter], [0, undefined, 3_000])
        yield* cleaned(layer, waiting, resources)
      })
    )

    it.live("goes on with the answer to its end, however often it is given", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details)
        const { task: waiting } = yield* questioned(task)
        yield* answered(waiting, "blue")
        const again = yield* Effect.either(answered(waiting, "red"))
        assert.isTrue(Either.isRight(again) || again.left.code === "aws_agentcore.message_refused")
        const { outcome } = yield* watch(layer, waiting)
        if (!outcome.ok) return assert.fail(outcome.error.message)
        assert.deepInclude(outcome.result, { text: "you said: blue" })
        assert.strictEqual(sends(task), 2)
        yield* cleaned(layer, task, resources)
        assert.isFalse(alive(task.id))
      })
    )

    it.live("is not answered again when the first answer's arrival was not confirmed", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details)
        const { task: waiting } = yield* questioned(task)
        yield* disturb("reset", task.id, { when: "after", match: { method: methods.send[version] } })
        yield* answered(waiting, "blue")
        const { outcome } = yield* watch(layer, waiting)
        if (!outcome.ok) return assert.fail(outcome.error.message)
        assert.deepInclude(outcome.result, { text: "you said: blue" })
        assert.strictEqual(sends(task), 2)
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("gets an answer that never left by a second try", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details)
        const { task: waiting } = yield* questioned(task)
        yield* disturb("reset", task.id, { when: "before", match: { method: methods.send[version] } })
        const failure = yield* Effect.flip(answered(waiting, "blue"))
        assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.unanswered", true])
        yield* answered(waiting, "blue")
        const { outcome } = yield* watch(layer, waiting)
        assert.deepInclude(outcome.result, { text: "you said: blue" })
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("that was spoken to instead goes on, which is told with what it does next", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details)
        const { task: waiting } = yield* questioned(task)
        yield* call(layer, (adapter) => adapter.send?.(waiting, { id: "m1", text: "green" }) ?? Effect.die("no send"))
        const next = yield* call(layer, (adapter) => adapter.observe(waiting)).pipe(
          Effect.delay("30 millis"),
          Effect.repeat({ until: ({ entries, outcome }) => entries.length > 0 || outcome !== undefined, times: 200 })
        )
        assert.isTrue(next.goesOn)
        const refused = yield* Effect.flip(answered(waiting, "blue"))
        assert.include(refused.message, "does not wait for it any more")
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("gets the answer also when its id was learnt only by looking", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details)
        const { task: waiting } = yield* questioned(task)
        forget(task.startToken)
        const { a2aTaskId: _id, a2aContextId: _context, ...providerRefs } = waiting.providerRefs
        const bare = { ...waiting, providerRefs }
        yield* answered(bare, "blue")
        const { outcome } = yield* watch(layer, bare)
        assert.deepInclude(outcome.result, { text: "you said: blue" })
        yield* cleaned(layer, bare, resources)
      })
    )

    it.live("and gets no answer is ended at the deadline, told as what it waited for", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked({ ...details, deadlineSeconds: 2 })
        const { outcome, entries } = yield* watch(layer, task)
        if (outcome.ok) return assert.fail("nobody answered")
        assert.strictEqual(outcome.error.code, "aws_agentcore.expired")
        assert.deepEqual(entries.at(-1), {
          type: "task.progress",
          message: "The agent's task was input-required at its deadline.",
          payload: { state: "input-required" }
        })
        yield* cleaned(layer, task, resources)
        assert.isFalse(alive(task.id))
      })
    )

    it.live("is cancelled like any other", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details)
        const { task: waiting } = yield* questioned(task)
        assert.strictEqual(yield* cancelled(layer, waiting), "stopped")
        assert.isFalse(alive(task.id))
        yield* cleaned(layer, waiting, resources)
      })
    )
  })

  describe.concurrent(`an A2A agent of v${version} that works`, () => {
    it.live("is ended at the deadline of its task", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked({ ...details, deadlineSeconds: 1 }, "sleep 60000")
        const { outcome } = yield* watch(layer, task)
        if (outcome.ok) return assert.fail("it was to end")
        assert.strictEqual(outcome.error.code, "aws_agentcore.expired")
        yield* cleaned(layer, task, resources)
        assert.isFalse(alive(task.id))
      })
    )

    it.live("is lost when its machine is recycled under a look, and no other is left running", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* asked(details, "sleep 60000")
        yield* disturb("recycle", task.id, { match: { method: version === "0.3" ? "tasks/get" : "GetTask" } })
        const { outcome } = yield* watch(layer, task)
        if (outcome.ok) return assert.fail("the work is gone")
        assert.strictEqual(outcome.error.code, "worker.lost")
        assert.match(outcome.error.message, /does not know its task any more/)
        assert.isFalse(alive(task.id))
        assert.strictEqual(sends(task), 1)
        yield* cleaned(layer, task, resources)
      })
    )
  })
}
