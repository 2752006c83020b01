import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { userInfo } from "node:os"
import { auditAt, broken, records } from "./support/AuditBench.js"
import { callOf, line, rawServer, request } from "./support/RawServer.js"
import { kinds, place, session } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const principal = `user:${userInfo().username}`

describe("the audit of a server", { timeout: 60_000 }, () => {
  for (const kind of kinds) {
    it.scopedLive(`says what ${kind} asked for, and who it is`, () =>
      Effect.gen(function* () {
        const at = yield* place
        const { call } = yield* session(kind, at, { config: Bench.workbench() })
        const instruction = "Look for it. ".repeat(40)
        const handle = yield* call("spawn_cloud_agent", { runtime: "echo", instruction })
        yield* call("spawn_cloud_agent", { runtime: "echo", instruction: "x", context: { apiKey: "s3cr3t" } })
        const taskId = Bench.handleOf(handle).taskId
        yield* call("send_task_message", { task_id: taskId, text: "and then?" })
        yield* call("cancel_task", { task_id: taskId })
        const [found, kept] = yield* Effect.provide(Effect.all([broken(), records]), auditAt(at.stateDir))
        assert.deepStrictEqual(found, [])
        assert.deepStrictEqual(
          kept.map(({ code, event, taskId: id }) => [event, id ?? "-", code ?? "-"]),
          [
            ["audit.started", "-", "-"],
            ["spawn_cloud_agent", taskId, "-"],
            ["spawn_cloud_agent", "-", "policy.denied"],
            ["send_task_message", taskId, "adapter.unsupported"],
            ["cancel_task", taskId, "-"]
          ]
        )
        for (const { who } of kept) {
          assert.deepStrictEqual(who, { principal, client: { name: "stdio-suite", version: "1.0.0" } })
        }
        assert.deepInclude(kept[1]?.detail, { runtime: "echo", capability: "agent-runtime", taskType: "agent.run" })
        assert.include(JSON.stringify(kept[1]?.open), instruction.slice(0, 120))
        assert.notInclude(JSON.stringify(kept), instruction.slice(0, 121))
        assert.notInclude(JSON.stringify(kept), "s3cr3t")
      })
    )
  }

  it.scopedLive("keeps a client's name short and on one line, whatever it calls itself", () =>
    Effect.gen(function* () {
      const at = yield* place
      const server = yield* rawServer(at, { config: Bench.workbench() })
      const clientInfo = { name: `\u001b[31m\u202Eevil\n${"x".repeat(5_000)}`, version: "" }
      yield* server.write(
        request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }) +
          line({ jsonrpc: "2.0", method: "notifications/initialized" })
      )
      yield* server.answerTo(0)
      yield* callOf(server)("cancel_task", { task_id: "x".repeat(5_000) })
      const kept = yield* Effect.provide(records, auditAt(at.stateDir))
      assert.match(kept.at(-1)?.who.client?.name ?? "", /^\[31m evil x{1,90}$/)
      assert.strictEqual(kept.at(-1)?.taskId?.length, 200)
    })
  )
})
