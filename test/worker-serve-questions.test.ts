import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { asker } from "./support/AskingAgent.js"
import {
  folder,
  invoke,
  outcome,
  pollOf,
  refusal,
  type Serving,
  serving,
  startOf,
  state
} from "./support/ServingWorker.js"

const programs = {
  asker: { command: [process.execPath, "-e", asker], interactive: true },
  mute: [process.execPath, "-e", asker]
}
const worker = (journal?: string) =>
  serving({
    env: {
      AGENTDISPATCH_WORKER_FRAMEWORKS: JSON.stringify(programs),
      ...(journal === undefined ? {} : { AGENTDISPATCH_JOURNAL_DIR: journal })
    }
  })

const begun = (at: Serving, framework: string) => state(at, startOf("t", { framework }))

const parked = (at: Serving): Effect.Effect<Effect.Effect.Success<ReturnType<typeof state>>> =>
  Effect.flatMap(state(at, pollOf("t", { waitMs: 5_000 })), (reply) =>
    reply.state === "accepted" || reply.state === "running" ? parked(at) : Effect.succeed(reply)
  )

const answerOf = (answer: string, key = "delete"): JsonObject => ({
  op: "answer",
  taskId: "t",
  key,
  answer: { action: "accept", content: { answer } }
})

describe("a worker's program that asks", { timeout: 30_000 }, () => {
  it.scopedLive("waits with its question, hears the first answer once, and goes on", () =>
    Effect.gen(function* () {
      const at = yield* worker()
      yield* begun(at, "asker")
      const { events = [], state: asked } = yield* parked(at)
      assert.strictEqual(asked, "input_required")
      assert.deepStrictEqual(events.at(-1)?.event, {
        type: "task.input_required",
        message: "May I delete it?",
        payload: {
          key: "delete",
          fields: [{ id: "answer", type: "string", choices: ["yes", "no"], default: "no" }],
          expiresSeconds: 600
        }
      })
      const replies = yield* Effect.all(
        ["yes", "no", "yes"].map((word) => state(at, answerOf(word))),
        { concurrency: 3 }
      )
      assert.deepStrictEqual(replies.map(({ delivered }) => delivered).toSorted(), [false, false, true])
      const { result, state: ended } = yield* outcome(at, "t")
      assert.strictEqual(ended, "succeeded")
      assert.deepInclude(result, { key: "delete", action: "accept" })
      assert.isFalse((yield* state(at, answerOf("no"))).delivered)
    })
  )

  it.scopedLive("was asked nothing under another key", () =>
    Effect.gen(function* () {
      const at = yield* worker()
      yield* begun(at, "asker")
      yield* parked(at)
      assert.strictEqual((yield* refusal(at, answerOf("yes", "never"))).refused.code, "not_found")
      assert.strictEqual((yield* refusal(at, { op: "answer", taskId: "t", key: "delete" })).refused.code, "invalid")
      assert.strictEqual((yield* state(at, { ...answerOf("yes"), taskId: "nobody" })).state, "unknown")
      assert.strictEqual((yield* parked(at)).state, "input_required")
    })
  )

  it.scopedLive("finds its stdin at its end where it takes no answers, and nobody waits for one", () =>
    Effect.gen(function* () {
      const at = yield* worker()
      yield* begun(at, "mute")
      const reply = yield* outcome(at, "t")
      assert.strictEqual(reply.state, "failed")
      assert.strictEqual((yield* refusal(at, answerOf("yes"))).refused.code, "not_found")
    })
  )

  it.scopedLive("finds its stdin at its end too where its caller only reads", () =>
    Effect.gen(function* () {
      const at = yield* worker()
      const { text } = yield* invoke(
        at,
        JSON.stringify({ prompt: "x", framework: "asker", taskType: "agent.run", input: {} })
      )
      assert.include(text, '"ok":false')
      assert.include(text, "task.input_required")
    })
  )

  it.scopedLive("is known with its answer after the worker was killed, and an unanswered question as interrupted", () =>
    Effect.gen(function* () {
      const journal = yield* folder
      const first = yield* worker(journal)
      yield* begun(first, "asker")
      yield* parked(first)
      first.kill("SIGKILL")
      yield* first.exited
      const second = yield* worker(journal)
      assert.strictEqual((yield* state(second, pollOf("t"))).state, "interrupted")
      assert.strictEqual((yield* refusal(second, answerOf("yes"))).refused.code, "not_running")
    })
  )

  it.scopedLive("has its answer on disk before it hears it", () =>
    Effect.gen(function* () {
      const journal = yield* folder
      const first = yield* worker(journal)
      yield* begun(first, "asker")
      yield* parked(first)
      assert.isTrue((yield* state(first, answerOf("yes"))).delivered)
      first.kill("SIGKILL")
      yield* first.exited
      const second = yield* worker(journal)
      const again = yield* state(second, answerOf("yes"))
      assert.isFalse(again.delivered)
      assert.isDefined(again.previousBoot)
    })
  )
})
