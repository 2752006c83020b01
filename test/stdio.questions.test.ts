import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { askingConfig as config } from "./support/AskingAgent.js"
import { eventually, kinds, place, refusalOf, session } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const parked = (call: Bench.Call, task_id: string) =>
  eventually(
    Effect.map(call("get_task_status", { task_id }), (answer) => {
      const status = Bench.statusOf(answer)
      return status.status === "input_required" ? status : undefined
    })
  )

for (const kind of kinds) {
  describe(`a local agent that asks, with ${kind}`, () => {
    it.scopedLive("waits for its answer through the death of the server, and gets it once", () =>
      Effect.gen(function* () {
        const at = yield* place
        const first = yield* session(kind, at, { config: config(true) })
        const task_id = yield* Bench.spawned(first.call, { instruction: "tidy up" })
        const { questions } = yield* parked(first.call, task_id)
        assert.deepStrictEqual(
          questions?.map(({ fields, key, question }) => [key, question, fields.map(({ choices }) => choices)]),
          [["delete", "May I delete it?", [["yes", "no"]]]]
        )
        yield* first.kill("SIGKILL")
        const { call } = yield* session(kind, at, { config: config(true) })
        yield* parked(call, task_id)
        assert.match(
          refusalOf(yield* call("answer_task", { task_id, answers: { delete: "perhaps" } })),
          /input\.invalid: answers\.delete\.answer/
        )
        const taken = yield* call("answer_task", { task_id, answers: { delete: "yes" } })
        assert.isFalse(taken.isError, taken.text)
        const { result, status } = yield* Bench.finished(call, task_id)
        assert.deepStrictEqual([status, result], ["succeeded", { key: "delete", action: "accept", answer: "yes" }])
        assert.match(refusalOf(yield* call("answer_task", { task_id, answers: { delete: "no" } })), /question\.closed/)
      })
    )
  })
}

describe("a local agent that asks", () => {
  const [kind = "the 2026-07-28 client"] = kinds

  it.scopedLive("goes on with the default when nobody answers in time", () =>
    Effect.gen(function* () {
      const { call } = yield* session(kind, yield* place, { config: config(true, "1") })
      const task_id = yield* Bench.spawned(call, { instruction: "tidy up" })
      const { result } = yield* Bench.finished(call, task_id)
      assert.deepStrictEqual(result, { key: "delete", action: "accept", answer: "no" })
    })
  )

  it.scopedLive("is not waited for where its backend takes no answers: its question is told and its stdin ends", () =>
    Effect.gen(function* () {
      const { call } = yield* session(kind, yield* place, { config: config(false) })
      const task_id = yield* Bench.spawned(call, { instruction: "tidy up" })
      const { error, status } = yield* Bench.finished(call, task_id)
      assert.deepStrictEqual([status, error?.code], ["failed", "local_process.exited"])
      const events = Bench.statusOf(yield* call("get_task_status", { task_id, since_revision: 0 })).events
      assert.include(JSON.stringify(events), "cannot be answered from here: May I delete it?")
    })
  )
})
