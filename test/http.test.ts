import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { asked, httpClient, httpServer, tokenOf, tokens } from "./support/HttpServer.js"
import { kinds, place, refusalOf } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const guarded = { ...Bench.workbench(), http: { tokens: tokens("alice", "bob") } }
const unknownId = `task_${"0".repeat(26)}`

/** What an answer says of an id, without the id. */
const without = (text: string, id: string) => text.replaceAll(id, "ID")

for (const kind of kinds) {
  describe(`over HTTP, ${kind}`, () => {
    it.scopedLive("dispatches, waits and gets the result, without a token on loopback", () =>
      Effect.gen(function* () {
        const server = yield* httpServer(yield* place, Bench.workbench())
        const { call } = yield* httpClient(kind, server)
        const task_id = yield* Bench.spawned(call, { runtime: "echo", instruction: "hello" })
        assert.strictEqual((yield* Bench.finished(call, task_id)).status, "succeeded")
        const { tasks } = Bench.listOf(yield* call("list_tasks"))
        assert.deepStrictEqual(
          tasks.map(({ taskId }) => taskId),
          [task_id]
        )
      })
    )

    it.scopedLive("finds no trace of another principal's task", () =>
      Effect.gen(function* () {
        const server = yield* httpServer(yield* place, guarded)
        const alice = yield* httpClient(kind, server, tokenOf("alice"))
        const bob = yield* httpClient(kind, server, tokenOf("bob"))
        const wanted = { runtime: "echo", instruction: "mine", idempotency_key: "k" }
        const task_id = yield* Bench.spawned(alice.call, wanted)
        const uses: ReadonlyArray<readonly [tool: string, more: JsonObject]> = [
          ["get_task_status", {}],
          ["get_task_logs", {}],
          ["get_task_result", { wait_seconds: 5 }],
          ["cancel_task", {}],
          ["send_task_message", { text: "hi" }],
          ["get_task_artifact", { artifact_id: "1" }],
          ["answer_task", { answers: { q: "a" } }]
        ]
        for (const [tool, more] of uses) {
          const real = yield* bob.call(tool, { task_id, ...more })
          const none = yield* bob.call(tool, { task_id: unknownId, ...more })
          assert.strictEqual(without(real.text, task_id), without(none.text, unknownId), tool)
        }
        assert.match(refusalOf(yield* bob.call("get_task_status", { task_id })), /^task\.not_found: /)
        assert.match(refusalOf(yield* bob.call("await_task", { task_ids: [task_id] })), /^task\.not_found: /)
        assert.deepStrictEqual(Bench.listOf(yield* bob.call("list_tasks")).tasks, [])

        const own = yield* Bench.spawned(bob.call, { ...wanted, instruction: "the same key is another one here" })
        assert.notStrictEqual(own, task_id)
        assert.notInclude((yield* bob.call("spawn_cloud_agent", wanted)).text, task_id)
        assert.strictEqual((yield* Bench.finished(alice.call, task_id)).status, "succeeded")
        assert.deepStrictEqual(
          Bench.listOf(yield* alice.call("list_tasks")).tasks.map(({ taskId }) => taskId),
          [task_id]
        )
      })
    )

    it.scopedLive("goes on with the same task at another process after a restart", () =>
      Effect.gen(function* () {
        const at = yield* place
        const first = yield* httpServer(at, guarded)
        const task_id = yield* Effect.scoped(
          Effect.gen(function* () {
            const { call } = yield* httpClient(kind, first, tokenOf("alice"))
            const id = yield* Bench.spawned(call, {
              runtime: "echo",
              instruction: "slowly",
              context: { delayMs: 2_000 }
            })
            yield* Bench.running(call, id)
            return id
          })
        )
        yield* first.signal("SIGTERM")
        assert.deepInclude(yield* first.ended, { code: 0, signal: null })
        const second = yield* httpServer(at, guarded)
        const { call } = yield* httpClient(kind, second, tokenOf("alice"))
        assert.strictEqual((yield* Bench.finished(call, task_id)).status, "succeeded")
        const bob = yield* httpClient(kind, second, tokenOf("bob"))
        assert.match(refusalOf(yield* bob.call("get_task_status", { task_id })), /^task\.not_found/)
      })
    )
  })
}

describe("beside the MCP endpoint", () => {
  it.scopedLive("the health of the process and of its database can be asked without a token, by any name", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, guarded)
      for (const [path, status] of [
        ["/healthz", "alive"],
        ["/readyz?verbose", "ready"]
      ] as const) {
        const reply = yield* asked(server.at(path))
        assert.deepStrictEqual([reply.status, object(reply.json)], [200, { status }])
      }
      assert.strictEqual((yield* asked(server.at("/elsewhere"))).status, 404)
      assert.strictEqual((yield* asked(server.at("/mcp/"))).status, 404)
    })
  )
})
