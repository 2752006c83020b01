import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { callOf, greeted, line, messagesIn, request, toolCall } from "./support/RawServer.js"
import { place, refusalOf } from "./support/Server.js"
import { finished, spawned, workbench } from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const config = workbench()

describe("a message", () => {
  it.scopedLive("that is none is passed over, and the next one is served", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      const garbage = [
        "this is no JSON\n",
        "{\n",
        "\n",
        "null\n",
        "42\n",
        '"ping"\n',
        '{"jsonrpc":"1.0","id":1,"method":"ping"}\n',
        '{"id":2,"method":"ping"}\n',
        '{"jsonrpc":"2.0","id":{},"method":"ping"}\n',
        '{"jsonrpc":"2.0","method":"no/such/notification"}\n',
        '{"jsonrpc":"2.0","id":77,"result":{}}\n',
        line([{ jsonrpc: "2.0", id: 3, method: "ping" }]),
        "\u0000\u0001\u0002\n",
        Buffer.from([0xff, 0xfe, 0x0a])
      ]
      for (const bytes of garbage) {
        yield* server.write(bytes)
        assert.deepStrictEqual(object((yield* server.ask("ping"))["result"]), {})
      }
      assert.match(server.stderr(), /^mcp: /m)
      yield* server.hangUp
      messagesIn((yield* server.ended).stdout)
    })
  )

  it.scopedLive("for a method or a tool that does not exist is answered by an error with its id", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      yield* server.write(request(1, "no/such/method") + toolCall(2, "no_such_tool") + toolCall(3, "__proto__"))
      yield* server.write(request(4, "tools/call", { arguments: {} }))
      const expected = [
        [1, -32_601, "Method not found"],
        [2, -32_602, "no_such_tool"],
        [3, -32_602, "__proto__"],
        [4, -32_602, "name"]
      ] as const
      for (const [id, code, word] of expected) {
        const error = object((yield* server.answerTo(id))["error"])
        assert.strictEqual(error["code"], code)
        assert.include(error["message"], word)
      }
    })
  )

  it.scopedLive("with arguments that are no object is refused", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      for (const args of ["text", 5, [1, 2]]) {
        const answer = yield* server.ask("tools/call", { name: "list_tasks", arguments: args })
        assert.include(JSON.stringify(object(answer["error"])["message"]), "arguments")
      }
      assert.match(refusalOf(yield* callOf(server)("spawn_cloud_agent", { instruction: 5 })), /instruction: .*string/)
    })
  )

  it.scopedLive("of five megabytes is read, judged and refused by its field, not by the wire", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      const call = callOf(server)
      const huge = { runtime: "echo", instruction: "hello", context: { blob: "x".repeat(5 * 1024 * 1024) } }
      assert.match(refusalOf(yield* call("spawn_cloud_agent", huge)), /^input\.invalid: input: /)
      const wide = {
        runtime: "echo",
        instruction: "hello",
        context: { list: Array.from({ length: 400_000 }, () => 1) }
      }
      const task_id = yield* spawned(call, wide)
      assert.strictEqual((yield* finished(call, task_id)).status, "succeeded")
    })
  )

  it.scopedLive("too big for any buffer ends the connection with a sentence, and the next server serves", () =>
    Effect.gen(function* () {
      const at = yield* place
      const server = yield* greeted(at, { config })
      yield* server.write("x".repeat(16 * 1024 * 1024))
      const { stderr } = yield* server.ended
      assert.match(stderr, /mcp: .*maximum size/)
      yield* spawned(callOf(yield* greeted(at, { config })), { runtime: "echo", instruction: "hello" })
    })
  )

  it.scopedLive("cut anywhere, also within a character, is put together again", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      const text = "🧪é€"
      const bytes = Buffer.from(toolCall(1, "spawn_cloud_agent", { runtime: "echo", instruction: text }))
      const from = bytes.indexOf(Buffer.from("🧪"))
      yield* server.write(bytes.subarray(0, from))
      for (let at = from; at < from + 9; at++) {
        yield* Effect.sleep("10 millis")
        yield* server.write(bytes.subarray(at, at + 1))
      }
      yield* server.write(bytes.subarray(from + 9))
      const answer = object((yield* server.answerTo(1))["result"])
      const { taskId } = object(answer["structuredContent"])
      const result = yield* finished(callOf(server), String(taskId))
      assert.strictEqual(object(result.result)["instruction"], text)
    })
  )
})
