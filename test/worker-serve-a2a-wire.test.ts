import { ClientFactory as OldClientFactory } from "a2a-js-sdk-0.3/client"
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type JsonObject, JsonObject as JsonObjectSchema } from "../src/domain/Json.js"
import { a2aWorker, failure, url } from "./support/A2aWorker.js"
import { eventually } from "./support/Server.js"

const oldClient = Effect.flatMap(url, (at) => Effect.promise(() => new OldClientFactory().createFromUrl(at)))

const Rpc = Schema.parseJson(
  Schema.Struct({
    id: Schema.Unknown,
    result: Schema.optional(JsonObjectSchema),
    error: Schema.optional(Schema.Struct({ code: Schema.Int, message: Schema.String }))
  })
)

const raw = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(url, (at) =>
    Effect.promise(async () => {
      const response = await fetch(at, {
        method: "POST",
        headers,
        body: typeof body === "string" ? body : JSON.stringify(body)
      })
      return Schema.decodeUnknownSync(Rpc)(await response.text())
    })
  )

const call = (method: string, params: JsonObject, headers: Readonly<Record<string, string>> = {}) =>
  raw({ jsonrpc: "2.0", id: 7, method, params }, headers)

layer(a2aWorker, { excludeTestServices: true })("the serving worker, A2A 0.3 and the wire", (it) => {
  it.effect("serves a v0.3 client: send, get, cancel and their errors", () =>
    Effect.gen(function* () {
      const client = yield* oldClient
      const send = (messageId: string, text: string, data: JsonObject, blocking: boolean) =>
        Effect.map(
          Effect.promise(() =>
            client.sendMessage({
              message: {
                kind: "message",
                role: "user",
                messageId,
                parts: [
                  { kind: "text", text },
                  { kind: "data", data: { ...data } }
                ]
              },
              configuration: { blocking }
            })
          ),
          (answer) => (answer.kind === "task" ? answer : assert.fail("no task"))
        )
      const started = yield* send("o1", "hello", { context: { delayMs: 300 } }, false)
      assert.strictEqual(started.status.state, "submitted")
      const done = yield* eventually(
        Effect.map(
          Effect.promise(() => client.getTask({ id: started.id })),
          (found) => (found.status.state === "completed" ? found : undefined)
        )
      )
      assert.deepStrictEqual(
        done.artifacts?.map(({ name, parts }) => [name, parts]),
        [["result", [{ kind: "data", data: { instruction: "hello", context: { delayMs: 300 } } }]]]
      )
      const files = yield* send("o2", "files", { framework: "maker" }, true)
      assert.deepStrictEqual(
        files.artifacts?.map(({ parts }) => parts[0]),
        [
          { kind: "text", text: "a plain answer" },
          { kind: "file", file: { name: "notes.md", bytes: Buffer.from("# Notes\n").toString("base64") } }
        ]
      )
      const endlessTask = yield* send("o3", "x", { framework: "endless" }, false)
      const cancelled = yield* Effect.promise(() => client.cancelTask({ id: endlessTask.id }))
      assert.strictEqual(cancelled.status.state, "canceled")
      assert.include(yield* failure(() => client.cancelTask({ id: done.id })), "TaskNotCancelable")
      assert.include(yield* failure(() => client.getTask({ id: "none" })), "TaskNotFound")
    })
  )

  it.effect("reads the contract's payload, whose message is named after the task", () =>
    Effect.gen(function* () {
      const message = { role: "user", messageId: "task_1", parts: [{ kind: "text", text: "do it" }] }
      const { result } = yield* call("message/send", { message, configuration: { blocking: true } })
      assert.include(JSON.stringify(result), '"instruction":"do it"')
      assert.deepStrictEqual(result?.["metadata"], { messageId: "task_1" })
    })
  )

  it.effect("goes by the version header, and by the method's name where that was dropped on the way", () =>
    Effect.gen(function* () {
      const id = { id: "none" }
      const code = (method: string, headers: Readonly<Record<string, string>>) =>
        Effect.map(call(method, id, headers), ({ error }) => error?.code)
      assert.deepStrictEqual(
        yield* Effect.all([
          code("GetTask", { "A2A-Version": "1.0" }),
          code("tasks/get", { "A2A-Version": "1.0" }),
          code("tasks/get", { "A2A-Version": "0.3" }),
          code("GetTask", { "A2A-Version": "0.3" }),
          code("tasks/get", {}),
          code("GetTask", {}),
          code("GetTask", { "A2A-Version": "2.0" })
        ]),
        [-32001, -32601, -32001, -32601, -32001, -32001, -32009]
      )
    })
  )

  it.effect("answers nonsense with the numbers JSON-RPC and A2A have for it", () =>
    Effect.gen(function* () {
      const codes = yield* Effect.all([
        raw("{"),
        raw([]),
        raw({ jsonrpc: "1.0", id: 1, method: "tasks/get" }),
        call("tasks/get", {}),
        call("message/send", { message: { messageId: "m", parts: [] } }),
        call("message/send", { message: { messageId: "m", parts: [{ kind: "data", data: { taskType: "no.such" } }] } }),
        call("message/send", { message: { messageId: "m", taskId: "none", parts: [{ kind: "text", text: "t" }] } }),
        call("message/stream", {}),
        call("tasks/pushNotificationConfig/set", {}),
        call("ListTasks", { pageToken: "none" }),
        call("constructor", {})
      ])
      assert.deepStrictEqual(
        codes.map(({ error }) => error?.code),
        [-32700, -32600, -32600, -32602, -32602, -32602, -32001, -32004, -32003, -32602, -32601]
      )
    })
  )

  it.effect("shows one card that names both dialects at the address it was asked at", () =>
    Effect.gen(function* () {
      const at = yield* url
      const card = yield* Effect.promise(async () => (await fetch(`${at}/.well-known/agent-card.json`)).text())
      const {
        url: own,
        supportedInterfaces,
        capabilities
      } = Schema.decodeUnknownSync(Schema.parseJson(JsonObjectSchema))(card)
      assert.deepStrictEqual(
        [own, supportedInterfaces, capabilities],
        [
          `${at}/`,
          [
            { url: `${at}/`, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
            { url: `${at}/`, protocolBinding: "JSONRPC", protocolVersion: "0.3" }
          ],
          { streaming: false, pushNotifications: false }
        ]
      )
    })
  )
})
