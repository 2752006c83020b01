import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { WorkerReply } from "../src/domain/WorkerProtocol.js"
import { ask, invoke, parse, ping, serving, Worker, workerLayer } from "./support/ServingWorker.js"

layer(workerLayer(), { excludeTestServices: true })("the serving worker, asked wrongly", (shared) => {
  const malformed: ReadonlyArray<readonly [string, string, string]> = [
    ["half a JSON object", '{"dispatch":{"v":1,', "not a JSON object"],
    ["nothing", "", "not a JSON object"],
    ["a list", "[]", "not a JSON object"],
    ["a dispatch that is null", '{"dispatch":null}', "dispatch:"],
    ["an operation it does not know", '{"dispatch":{"v":1,"op":"toString"}}', '"toString" is none of start, poll'],
    ["another version", '{"dispatch":{"v":2,"op":"hello"}}', "v: Expected 1, actual 2"],
    ["a start without a token", '{"dispatch":{"v":1,"op":"start","taskId":"x"}}', "startToken: is missing"],
    [
      "a wait that is too long",
      '{"dispatch":{"v":1,"op":"poll","taskId":"x","cursor":0,"waitMs":60000,"maxEvents":1,"maxBytes":1000}}',
      "waitMs"
    ]
  ]
  for (const [what, body, message] of malformed)
    shared.effect(`answers 200 and a refusal to ${what}`, () =>
      Effect.gen(function* () {
        const { status, text } = yield* invoke(yield* Worker, body)
        assert.strictEqual(status, 200)
        const reply = Schema.decodeUnknownSync(WorkerReply)(parse(text))
        assert.isTrue(
          "refused" in reply && reply.refused.code === "invalid" && reply.refused.message.includes(message),
          text
        )
      })
    )

  shared.effect("refuses a body above 100 MB in words, and lives on", () =>
    Effect.gen(function* () {
      const at = yield* Worker
      const { status, text } = yield* invoke(at, `{"dispatch":"${"x".repeat(100_000_000)}"}`)
      assert.strictEqual(status, 200)
      assert.include(text, '"too_large"')
      yield* ask(at, { op: "hello" })
    })
  )

  shared.effect("knows no other path", () =>
    Effect.gen(function* () {
      const { http } = yield* Worker
      const status = (path: string, method: string) =>
        Effect.promise(async () => (await fetch(`http://127.0.0.1:${http}${path}`, { method })).status)
      assert.deepStrictEqual(yield* Effect.all([status("/", "GET"), status("/invocations", "GET")]), [404, 405])
    })
  )
})

describe("the serving worker's environment", () => {
  it.scopedLive("is checked before anything is served", () =>
    Effect.gen(function* () {
      const refusedStart = (env: Readonly<Record<string, string>>) =>
        Effect.map(
          Effect.catchAllDefect(Effect.as(serving({ env }), "it listens"), (defect) => Effect.succeed(String(defect))),
          String
        )
      const said = yield* Effect.all(
        [
          refusedStart({ AGENTDISPATCH_WORKER_PROTOCOL: "http,mcp" }),
          refusedStart({ PORT: "eighty" }),
          refusedStart({ AGENTDISPATCH_WORKER_FRAMEWORKS: '{"x": "not a vector"}' })
        ],
        { concurrency: 2 }
      )
      assert.include(said[0], "AGENTDISPATCH_WORKER_PROTOCOL: expected http, a2a or both")
      assert.include(said[1], "PORT")
      assert.include(said[2], "AGENTDISPATCH_WORKER_FRAMEWORKS")
    })
  )

  it.scopedLive("says which protocols are served", () =>
    Effect.gen(function* () {
      const only = yield* serving({ env: { AGENTDISPATCH_WORKER_PROTOCOL: "a2a" } })
      assert.strictEqual(only.http, 0)
      assert.strictEqual((yield* ping(only, only.a2a)).status, "Healthy")
    })
  )
})
