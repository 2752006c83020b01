import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { asking, at, type Declared, framed, object, spawned, text, until, withTasks } from "./support/ModernClient.js"
import { line, messagesIn, rawServer } from "./support/RawServer.js"
import { eventually, place } from "./support/Server.js"

describe("a client that speaks the Tasks extension", () => {
  it.scopedLive("follows a task by its own id, also after the server was killed, and gets its result", () =>
    Effect.gen(function* () {
      const where = yield* place
      const first = yield* rawServer(where)
      const id = yield* spawned(first, 3_000)
      const created = (yield* asking(first, withTasks)("tools/call", {
        name: "await_task",
        arguments: { task_ids: [id] }
      })).result
      assert.deepStrictEqual(
        [at(created, "resultType"), at(created, "taskId"), at(created, "status"), at(created, "ttlMs")],
        ["task", id, "working", null]
      )
      for (const foreign of ["result", "content"]) assert.notProperty(created, foreign)
      const got = (yield* asking(first, withTasks)("tasks/get", { taskId: id })).result
      assert.deepStrictEqual([at(got, "resultType"), at(got, "taskId"), at(got, "status")], ["complete", id, "working"])
      yield* first.signal("SIGKILL")
      yield* first.ended
      const next = yield* rawServer(where)
      const ended = yield* until(next, id, "completed")
      assert.strictEqual(at(ended, "result", "structuredContent", "done"), true)
      assert.notStrictEqual(at(ended, "result", "isError"), true)
      const again = yield* asking(next, withTasks)("tools/call", { name: "await_task", arguments: { task_ids: [id] } })
      assert.strictEqual(at(again["result"], "structuredContent", "done"), true)
    })
  )

  it.scopedLive("waits for several as one, and cancels; a failed run is a completed call", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const ask = asking(server, withTasks)
      const ids = [yield* spawned(server, 60_000), yield* spawned(server, 60_000)]
      const created = (yield* ask("tools/call", { name: "await_task", arguments: { task_ids: ids, mode: "any" } }))
        .result
      const group = text(at(created, "taskId"))
      assert.strictEqual(at(created, "status"), "working")
      for (const params of [{ taskId: group }, { taskId: group }]) {
        assert.deepStrictEqual(Object.keys(object((yield* ask("tasks/cancel", params))["result"])), [
          "resultType",
          "_meta"
        ])
      }
      const ended = yield* until(server, group, "completed")
      assert.strictEqual(at(ended, "result", "isError"), true)
      for (const id of ids) {
        yield* until(server, id, "cancelled")
        assert.isDefined((yield* ask("tasks/cancel", { taskId: id }))["result"])
      }
      const failing = (yield* asking(server)("tools/call", {
        name: "spawn_cloud_agent",
        arguments: { runtime: "echo", instruction: "x", context: { fail: "on purpose" } }
      })).result
      const failed = text(at(failing, "structuredContent", "taskId"))
      const over = yield* eventually(
        Effect.map(ask("tasks/get", { taskId: failed }), ({ result }) =>
          at(result, "status") === "working" ? undefined : result
        )
      )
      assert.strictEqual(at(over, "status"), "completed")
    })
  )

  it.scopedLive("is refused what it did not declare or what does not exist, as the specification says", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const id = yield* spawned(server, 60_000)
      for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
        const { error } = yield* asking(server)(method, { taskId: id, inputResponses: {} })
        assert.strictEqual(at(error, "code"), -32_021, method)
        assert.deepStrictEqual(at(error, "data", "requiredCapabilities", "extensions"), {
          "io.modelcontextprotocol/tasks": {}
        })
        for (const taskId of ["task_zzzzzzzzzzzzzzzzzzzzzzzzzz", "nonsense", "any.", "__proto__", ""]) {
          const refused = yield* asking(server, withTasks)(method, { taskId, inputResponses: {} })
          assert.strictEqual(at(refused["error"], "code"), -32_602, `${method} ${taskId}`)
        }
      }
      const missing = yield* asking(server, withTasks)("tasks/get", {})
      assert.strictEqual(at(missing["error"], "code"), -32_602)
      const ignored = yield* asking(server, withTasks)("tasks/update", {
        taskId: id,
        inputResponses: { never: { action: "accept", content: { asked: "this" } } }
      })
      assert.isDefined(ignored["result"])
      const plain = yield* asking(server)("tools/call", {
        name: "await_task",
        arguments: { task_ids: [id], max_wait_seconds: 0.2 }
      })
      assert.strictEqual(at(plain["result"], "structuredContent", "done"), false)
      yield* asking(server, withTasks)("tasks/cancel", { taskId: id })
      yield* until(server, id, "cancelled")
    })
  )

  it.scopedLive("hears of each change on a subscription that names the task, until it takes that back", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const id = yield* spawned(server, 2_500)
      const listen = (subscription: number, notifications: JsonObject, declared: Declared) =>
        server.write(
          line({
            jsonrpc: "2.0",
            id: subscription,
            method: "subscriptions/listen",
            params: framed({ notifications }, declared)
          })
        )
      yield* listen(1, { taskIds: [id] }, {})
      assert.strictEqual(at((yield* server.answerTo(1))["error"], "code"), -32_021)
      yield* listen(2, { taskIds: [id, "task_zzzzzzzzzzzzzzzzzzzzzzzzzz"] }, withTasks)
      const uri = `agentdispatch://tasks/${id}`
      yield* listen(3, { resourceSubscriptions: [uri] }, {})
      yield* listen(4, { taskIds: [id] }, withTasks)
      yield* server.write(line({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 4 } }))
      const heard = (subscription: number) =>
        messagesIn(server.stdout().slice(0, server.stdout().lastIndexOf("\n") + 1)).filter(
          ({ params }) => at(at(params, "_meta"), "io.modelcontextprotocol/subscriptionId") === subscription
        )
      yield* eventually(
        Effect.sync(() => heard(2).find(({ params }) => at(params, "status") === "completed") && heard(3).at(1))
      )
      const [taken, ...told] = heard(2)
      assert.deepStrictEqual(at(taken?.["params"], "notifications"), { taskIds: [id] })
      for (const { method, params } of told)
        assert.deepStrictEqual([method, at(params, "taskId")], ["notifications/tasks", id])
      assert.deepStrictEqual(
        heard(3).map(({ method }) => method),
        [
          "notifications/subscriptions/acknowledged",
          ...heard(3)
            .slice(1)
            .map(() => "notifications/resources/updated")
        ]
      )
      assert.isBelow(heard(4).length, told.length)
    })
  )
})

describe("a call that lacks something", () => {
  const spawn = (args: JsonObject, more: JsonObject = {}) => ({ name: "spawn_cloud_agent", arguments: args, ...more })

  it.scopedLive("is completed by a form where the client shows forms, over as many rounds as it takes", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const ask = asking(server, { elicits: true })
      const asked = (yield* ask("tools/call", spawn({}))).result
      assert.strictEqual(at(asked, "resultType"), "input_required")
      const form = at(asked, "inputRequests", "answers", "params", "requestedSchema", "properties")
      assert.sameMembers(Object.keys(object(form)), ["instruction", "runtime"])
      assert.deepStrictEqual(at(form, "runtime", "enum"), ["echo", "repo-report"])
      const requestState = text(at(asked, "requestState"))
      const answers = { answers: { action: "accept", content: { instruction: "do it", runtime: "echo" } } }
      const done = (yield* ask("tools/call", spawn({}, { inputResponses: answers, requestState }))).result
      assert.match(text(at(done, "structuredContent", "taskId")), /^task_/)
      for (const forged of [`${requestState}x`, "nonsense", ""]) {
        const refused = yield* ask("tools/call", spawn({}, { inputResponses: answers, requestState: forged }))
        assert.isDefined(at(refused["error"], "code") ?? at(refused["result"], "resultType"), forged)
        assert.isUndefined(forged === "" ? undefined : refused["result"], forged)
      }
      const declined = (yield* ask(
        "tools/call",
        spawn({}, { inputResponses: { answers: { action: "decline" } }, requestState })
      )).result
      assert.strictEqual(at(declined, "structuredContent", "status"), "needs_clarification")
      const ticked = (yield* ask(
        "tools/call",
        spawn(
          { runtime: "echo" },
          { inputResponses: { answers: { action: "accept", content: { instruction: true } } } }
        )
      )).result
      assert.match(text(at(ticked, "structuredContent", "taskId")), /^task_/)
      const wrong = (yield* ask(
        "tools/call",
        spawn({}, { inputResponses: { answers: { action: "accept", content: { instruction: [7], never: "asked" } } } })
      )).result
      assert.strictEqual(at(wrong, "resultType"), "input_required")
    })
  )

  it.scopedLive("is answered with the contract's clarification where the client shows none", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const { result } = yield* asking(server)("tools/call", spawn({}))
      assert.strictEqual(at(result, "structuredContent", "status"), "needs_clarification")
    })
  )
})
