import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from "@a2a-js/sdk/client"
import { type Message, Role, type Task, TaskState } from "@a2a-js/sdk"
import { ClientFactory as OldClientFactory } from "a2a-js-sdk-0.3/client"
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type JsonObject, JsonObject as JsonObjectSchema } from "../src/domain/Json.js"
import { eventually, processesNaming } from "./support/Server.js"
import { ping, Worker, workerLayer } from "./support/ServingWorker.js"

const maker = [
  process.execPath,
  "-e",
  `require("node:fs").writeFileSync(process.env.AGENTDISPATCH_ARTIFACT_DIR + "/notes.md", "# Notes\\n"); console.log(JSON.stringify({ ok: true, output: "a plain answer", events: [], artifacts: [] }))`
]
const failing = [
  process.execPath,
  "-e",
  "console.log(JSON.stringify({ok: false, events: [], artifacts: [], error: 'no luck'}))"
]
const marker = `a2a-marker-${process.pid}`
const endless = [process.execPath, "-e", "setInterval(() => {}, 1000); console.log('up')", marker]

const url = Effect.map(Worker, ({ a2a }) => `http://127.0.0.1:${a2a}`)

const newClient = Effect.flatMap(url, (at) =>
  Effect.promise(() =>
    new ClientFactory({
      transports: [new JsonRpcTransportFactory()],
      cardResolver: new DefaultAgentCardResolver()
    }).createFromUrl(at)
  )
)
const oldClient = Effect.flatMap(url, (at) => Effect.promise(() => new OldClientFactory().createFromUrl(at)))

const part = (
  content: { readonly $case: "text"; readonly value: string } | { readonly $case: "data"; readonly value: JsonObject }
) => ({
  content,
  metadata: undefined,
  filename: "",
  mediaType: ""
})

interface Said {
  readonly messageId: string
  readonly text: string
  readonly data?: JsonObject
  readonly contextId?: string
  readonly taskId?: string
}

const newMessage = ({ messageId, text, data, contextId = "", taskId = "" }: Said, returnImmediately = true) => ({
  tenant: "",
  message: {
    messageId,
    contextId,
    taskId,
    role: Role.ROLE_USER,
    parts: [
      part({ $case: "text", value: text }),
      ...(data === undefined ? [] : [part({ $case: "data", value: data })])
    ],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: []
  },
  configuration: {
    acceptedOutputModes: [],
    taskPushNotificationConfig: undefined,
    historyLength: undefined,
    returnImmediately
  },
  metadata: undefined
})

const page = { tenant: "", status: TaskState.TASK_STATE_UNSPECIFIED, pageToken: "", statusTimestampAfter: undefined }

const taskOf = (answer: Task | Message): Task => ("status" in answer ? answer : assert.fail("no task"))

/** What a promise is rejected with. */
const failure = (attempt: () => Promise<unknown>) =>
  Effect.map(Effect.flip(Effect.tryPromise({ try: attempt, catch: String })), String)

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

layer(workerLayer({ env: { AGENTDISPATCH_WORKER_FRAMEWORKS: JSON.stringify({ maker, failing, endless }) } }), {
  excludeTestServices: true
})("the serving worker, A2A", (it) => {
  it.effect("gives a v1.0 client its task at once, and the result as an artifact later", () =>
    Effect.gen(function* () {
      const client = yield* newClient
      const sent = newMessage({ messageId: "n1", text: "hello", data: { context: { delayMs: 300 } }, contextId: "c1" })
      const task = taskOf(yield* Effect.promise(() => client.sendMessage(sent)))
      assert.strictEqual(task.status?.state, TaskState.TASK_STATE_SUBMITTED)
      assert.strictEqual(task.contextId, "c1")
      const id = task.id
      const done = yield* eventually(
        Effect.map(
          Effect.promise(() => client.getTask({ tenant: "", id, historyLength: undefined })),
          (found) => (found.status?.state === TaskState.TASK_STATE_COMPLETED ? found : undefined)
        )
      )
      assert.deepStrictEqual(
        done.artifacts.map(({ name, parts }) => [name, parts[0]?.content]),
        [["result", { $case: "data", value: { instruction: "hello", context: { delayMs: 300 } } }]]
      )
      assert.strictEqual((yield* ping(yield* Worker)).status, "Healthy", "a fetched result keeps nobody waiting")
    })
  )

  it.effect("waits for the end where a v1.0 client does not ask otherwise, and sends files along", () =>
    Effect.gen(function* () {
      const client = yield* newClient
      const sent = newMessage({ messageId: "n2", text: "go", data: { framework: "maker" } }, false)
      const task = taskOf(yield* Effect.promise(() => client.sendMessage(sent)))
      assert.strictEqual(task.status?.state, TaskState.TASK_STATE_COMPLETED)
      const artifacts = task.artifacts
      assert.deepStrictEqual(
        artifacts.map(({ name, parts }) => [name, parts[0]?.content?.$case, String(parts[0]?.content?.value)]),
        [
          ["result", "text", "a plain answer"],
          ["notes.md", "raw", "# Notes\n"]
        ]
      )
    })
  )

  it.effect("lists a v1.0 client's tasks by context, in pages and by state", () =>
    Effect.gen(function* () {
      const client = yield* newClient
      const send = (messageId: string, contextId: string, data: JsonObject) =>
        Effect.promise(() => client.sendMessage(newMessage({ messageId, text: messageId, data, contextId }, false)))
      yield* send("l1", "list", {})
      yield* send("l2", "list", { framework: "failing" })
      yield* send("l3", "elsewhere", {})
      const list = (more: object) =>
        Effect.promise(() =>
          client.listTasks({
            ...page,
            contextId: "list",
            pageSize: undefined,
            historyLength: undefined,
            includeArtifacts: false,
            ...more
          })
        )
      const all = yield* list({})
      assert.deepStrictEqual(
        [all.totalSize, all.tasks.map(({ metadata, artifacts }) => [metadata?.["messageId"], artifacts.length])],
        [
          2,
          [
            ["l2", 0],
            ["l1", 0]
          ]
        ]
      )
      const first = yield* list({ pageSize: 1, includeArtifacts: true })
      const second = yield* list({ pageSize: 1, includeArtifacts: true, pageToken: first.nextPageToken })
      assert.deepStrictEqual(
        [first, second].map(({ tasks, nextPageToken }) => [tasks[0]?.metadata?.["messageId"], nextPageToken === ""]),
        [
          ["l2", false],
          ["l1", true]
        ]
      )
      assert.strictEqual(second.tasks[0]?.artifacts.length, 1)
      const failed = yield* list({ status: TaskState.TASK_STATE_FAILED })
      assert.deepStrictEqual(
        failed.tasks.map(({ status }) => status?.message?.parts[0]?.content?.value),
        ["The program said that it failed: no luck"]
      )
      assert.deepStrictEqual((yield* list({ contextId: "nobody" })).tasks, [])
    })
  )

  it.effect("runs the same message once, however often it is sent", () =>
    Effect.gen(function* () {
      const client = yield* newClient
      const sent = newMessage({ messageId: "same", text: "once", contextId: "dedup" })
      const answers = yield* Effect.all(
        Array.from({ length: 4 }, () =>
          Effect.map(
            Effect.promise(() => client.sendMessage(sent)),
            taskOf
          )
        ),
        { concurrency: 4 }
      )
      const ids = new Set(answers.map(({ id }) => id))
      assert.strictEqual(ids.size, 1)
      const other = yield* Effect.promise(() =>
        client.sendMessage(newMessage({ messageId: "same", text: "twice", contextId: "dedup" }))
      )
      assert.isFalse(ids.has(taskOf(other).id), "another text is another message, whatever its id")
      const { totalSize } = yield* Effect.promise(() =>
        client.listTasks({
          ...page,
          contextId: "dedup",
          pageSize: undefined,
          historyLength: undefined,
          includeArtifacts: false
        })
      )
      assert.strictEqual(totalSize, 2)
    })
  )

  it.effect("cancels for a v1.0 client, again and again, and not what has ended", () =>
    Effect.gen(function* () {
      const client = yield* newClient
      const { pid } = yield* Worker
      const running = () => processesNaming(marker).filter((one) => one !== pid)
      const task = taskOf(
        yield* Effect.promise(() =>
          client.sendMessage(newMessage({ messageId: "x1", text: "x", data: { framework: "endless" } }))
        )
      )
      const id = task.id
      yield* eventually(Effect.sync(() => (running().length > 0 ? true : undefined)))
      for (const _ of [1, 2]) {
        const cancelled = yield* Effect.promise(() => client.cancelTask({ tenant: "", id, metadata: undefined }))
        assert.strictEqual(cancelled.status?.state, TaskState.TASK_STATE_CANCELED)
        assert.deepStrictEqual(running(), [])
      }
      const done = taskOf(
        yield* Effect.promise(() => client.sendMessage(newMessage({ messageId: "x2", text: "x" }, false)))
      )
      const late = yield* failure(() => client.cancelTask({ tenant: "", id: done.id, metadata: undefined }))
      assert.include(late, "TaskNotCancelable")
      assert.include(
        yield* failure(() => client.getTask({ tenant: "", id: "none", historyLength: undefined })),
        "TaskNotFound"
      )
    })
  )

  it.effect("brings a follow-up to the running task once, and refuses one to a task that ended", () =>
    Effect.gen(function* () {
      const client = yield* newClient
      const send = (said: Said, immediately = true) =>
        Effect.promise(() => client.sendMessage(newMessage(said, immediately)))
      const task = taskOf(yield* send({ messageId: "u1", text: "begin", data: { context: { delayMs: 500 } } }))
      const taskId = task.id
      yield* eventually(
        Effect.map(
          Effect.promise(() => client.getTask({ tenant: "", id: taskId, historyLength: undefined })),
          ({ status }) => (status?.state === TaskState.TASK_STATE_WORKING ? true : undefined)
        )
      )
      yield* send({ messageId: "u2", text: "and this", taskId })
      const done = taskOf(yield* send({ messageId: "u2", text: "and this", taskId }, false))
      assert.include(JSON.stringify(done), '"messages":["and this"]')
      const refused = yield* failure(() => client.sendMessage(newMessage({ messageId: "u3", text: "late", taskId })))
      assert.include(refused, "UnsupportedOperation")
    })
  )

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
