import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { callOf, greeted, greeting, messagesIn, rawServer, request, toolCall } from "./support/RawServer.js"
import { place } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const config = Bench.workbench()

/** What a client of the newest protocol sends with each request. */
const envelope = {
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": {}
  }
}

describe("the wire", () => {
  it.scopedLive("serves a client that first asks for the newest protocol and then greets in the old one", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      yield* server.write(request(1, "server/discover", envelope))
      const discovered = object((yield* server.answerTo(1))["result"])
      assert.include(discovered["supportedVersions"], "2026-07-28")
      yield* server.write(greeting(2))
      assert.strictEqual(object((yield* server.answerTo(2))["result"])["protocolVersion"], "2025-11-25")
      assert.deepStrictEqual((yield* callOf(server)("list_providers")).value, ["local"])
    })
  )

  it.scopedLive("carries nothing but JSON-RPC, at the noisiest log level and whatever goes wrong", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config, env: { AGENTDISPATCH_LOG_LEVEL: "debug" } })
      const call = callOf(server)
      const task_id = yield* Bench.spawned(call, { runtime: "echo", instruction: "hello" })
      yield* Bench.finished(call, task_id)
      const failing = yield* Bench.dispatched(call, Bench.shell("echo to stdout; echo to stderr >&2; exit 3"))
      yield* Bench.finished(call, failing)
      yield* call("get_task_status", { task_id: "nonsense" })
      yield* server.write("this is no message\n")
      yield* server.write(toolCall(5, "no_such_tool"))
      yield* server.answerTo(5)
      yield* server.hangUp
      const { stdout } = yield* server.ended
      const messages = messagesIn(stdout)
      assert.isAtLeast(messages.length, 7)
      for (const message of messages) assert.isTrue("result" in message || "error" in message || "method" in message)
      assert.notInclude(stdout, "level=")
    })
  )

  it.scopedLive("answers pings while forty tasks are spawned at once", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      const from = performance.now()
      const spawns = Array.from({ length: 40 }, (_, index) =>
        toolCall(index + 1, "spawn_cloud_agent", { runtime: "echo", instruction: `task ${index}` })
      )
      yield* server.write(spawns.join(""))
      const waits: Array<number> = []
      const all = yield* Effect.fork(Effect.forEach(spawns, (_, index) => server.answerTo(index + 1)))
      do {
        const asked = performance.now()
        yield* server.ask("ping")
        waits.push(performance.now() - asked)
        yield* Effect.sleep("20 millis")
      } while (performance.now() - from < 3_000)
      const answers = yield* all
      for (const { result } of answers) assert.isFalse(object(result)["isError"] ?? false)
      assert.isBelow(Math.max(...waits), 1_000)
      assert.isAtLeast(waits.length, 10)
    })
  )
})
