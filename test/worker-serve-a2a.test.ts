import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from "@a2a-js/sdk/client"
import { type Message, Role, type Task, TaskState } from "@a2a-js/sdk"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { eventually, processesNaming } from "./support/Server.js"
import { a2aWorker, failure, marker, url } from "./support/A2aWorker.js"
import { ping, Worker } from "./support/ServingWorker.js"

const newClient = Effect.flatMap(url, (at) =>
  Effect.promise(() =>
    new ClientFactory({
      transports: [new JsonRpcTransportFactory()],
      cardResolver: new DefaultAgentCardResolver()
    }).createFromUrl(at)
  )
)
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

layer(a2aWorker, { excludeTestServices: true })("the serving worker, A2A 1.0", (it) => {
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
})
