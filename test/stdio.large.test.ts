import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { callOf, greeting, rawServer } from "./support/RawServer.js"
import { kinds, place, session } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const config = Bench.workbench()
/** What a client may get without cutting it itself. */
const readable = 10_000
const context = { notes: '日本語 🧪 "quoted" '.repeat(2_000), list: Array.from({ length: 900 }, (_, index) => index) }
const large = { runtime: "echo", instruction: "say it all", context }

describe("a result that is too large for a reply", () => {
  for (const kind of kinds) {
    it.scopedLive(`is outlined and linked for ${kind}, and read whole by its pages`, () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config })
        const task_id = yield* Bench.spawned(call, large)
        const whole = yield* Bench.finished(call, task_id)
        assert.deepStrictEqual(object(whole.result)["context"], context)
        const text = yield* Bench.wholeResult(call, task_id)
        const answers = [
          yield* call("get_task_result", { task_id }),
          yield* call("await_task", { task_ids: [task_id, task_id] })
        ]
        for (const answer of answers) {
          assert.isBelow(Buffer.byteLength(answer.text), readable)
          assert.deepStrictEqual(answer.structured, answer.value)
          assert.include(answer.text, "get_task_result with cursor 0")
          assert.deepStrictEqual(
            answer.links.map(({ mimeType, size, uri }) => [uri, mimeType, size]),
            [[`agentdispatch://tasks/${task_id}/result`, "application/json", Buffer.byteLength(text)]]
          )
        }
      })
    )
  }

  it.scopedLive("is the same text in its resource and in its pages", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place, { config })
      yield* Effect.zipRight(server.write(greeting(0)), server.answerTo(0))
      const task_id = yield* Bench.spawned(callOf(server), large)
      yield* Bench.finished(callOf(server), task_id)
      const read = yield* server.ask("resources/read", { uri: `agentdispatch://tasks/${task_id}/result` })
      const [contents] = decodeContents(object(read["result"])["contents"])
      assert.strictEqual(contents.text, yield* Bench.wholeResult(callOf(server), task_id))
    })
  )

  it.scopedLive("comes without a link to a client of a protocol that knows none", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place, { config })
      yield* server.write(greeting(0).replace("2025-11-25", "2025-03-26"))
      assert.strictEqual(object((yield* server.answerTo(0))["result"])["protocolVersion"], "2025-03-26")
      const task_id = yield* Bench.spawned(callOf(server), large)
      yield* Bench.finished(callOf(server), task_id)
      const answer = yield* callOf(server)("get_task_result", { task_id })
      assert.deepStrictEqual(answer.links, [])
      assert.include(answer.text, '"cut":')
    })
  )
})

describe("a journal that is too long for a reply", () => {
  it.scopedLive("says so, and full: true leads through all of it, event by event", () =>
    Effect.gen(function* () {
      const { call } = yield* session("the 2026-07-28 client", yield* place, { config })
      const task_id = yield* Bench.spawned(call, { runtime: "echo", instruction: "hurry", context: { steps: 700 } })
      yield* Bench.finished(call, task_id)
      const short = Bench.statusOf(yield* call("get_task_status", { task_id, since_revision: 0 }))
      assert.isTrue(short.eventsOmitted)
      assert.lengthOf(short.events ?? [], 20)
      const numbers: Array<number> = []
      for (let since_revision = 0, more = true; more;) {
        const page = Bench.statusOf(yield* call("get_task_status", { task_id, since_revision, full: true }))
        numbers.push(...(page.events ?? []).map(({ number }) => number))
        assert.isAbove(page.revision, since_revision)
        more = page.eventsOmitted === true
        since_revision = page.revision
      }
      assert.deepStrictEqual(
        numbers,
        [...new Set(numbers)].sort((a, b) => a - b)
      )
      assert.isAbove(numbers.length, 700)
    })
  )
})

const decodeContents = Schema.decodeUnknownSync(
  Schema.Tuple(Schema.Struct({ text: Schema.String, uri: Schema.String }))
)
