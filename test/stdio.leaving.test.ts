import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { callOf, greeted, type RawServer, toolCall } from "./support/RawServer.js"
import { eventually, kinds, place, processesNaming, session } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const config = Bench.workbench()

/** Work that says in a ledger that it began, and goes on until a file is there. */
const work = (folder: string) =>
  Bench.shell(
    `echo began >> ${join(folder, "ledger")}; echo up; while [ ! -e ${join(folder, "go")} ]; do sleep 0.1; done; echo done`
  )

for (const kind of kinds) {
  describe(`two servers on one folder, with ${kind}`, () => {
    it.scopedLive("see each other's tasks, and either one can cancel", () =>
      Effect.gen(function* () {
        const at = yield* place
        const one = yield* session(kind, at, { config })
        const two = yield* session(kind, at, { config })
        const task_id = yield* Bench.dispatched(one.call, work(at.folder))
        yield* Bench.running(two.call, task_id)
        const listed = Bench.listOf(yield* two.call("list_tasks", { status: "running" })).tasks
        assert.deepStrictEqual(
          listed.map(({ taskId }) => taskId),
          [task_id]
        )
        assert.strictEqual(object((yield* two.call("cancel_task", { task_id })).value)["status"], "cancelled")
        assert.deepStrictEqual(processesNaming(`AGENTDISPATCH_TASK_ID=${task_id}`), [])
        const seen = Bench.resultOf(yield* one.call("get_task_result", { task_id, wait_seconds: 10 }))
        assert.strictEqual(seen.status, "cancelled")
      })
    )

    it.scopedLive("replace one another: what a killed one began, the next one brings to its end, once", () =>
      Effect.gen(function* () {
        const at = yield* place
        const first = yield* session(kind, at, { config })
        const task_id = yield* Bench.dispatched(first.call, work(at.folder))
        yield* Bench.running(first.call, task_id)
        yield* first.kill("SIGKILL")
        const { call } = yield* session(kind, at, { config })
        Bench.allow(at)
        assert.strictEqual((yield* Bench.finished(call, task_id)).status, "succeeded")
        assert.strictEqual(readFileSync(join(at.folder, "ledger"), "utf8"), "began\n")
        assert.strictEqual(yield* Bench.wholeLog(call, task_id), "up\ndone\n")
      })
    )
  })
}

describe("a server that is asked to go", () => {
  const ways: ReadonlyArray<readonly [string, (server: RawServer) => Effect.Effect<void>]> = [
    ["the end of stdin", ({ hangUp }) => hangUp],
    ["SIGTERM", ({ signal }) => signal("SIGTERM")],
    ["SIGINT", ({ signal }) => signal("SIGINT")]
  ]
  for (const [way, leave] of ways) {
    it.scopedLive(`by ${way} is gone within two seconds; its task goes on and a new server brings it home`, () =>
      Effect.gen(function* () {
        const at = yield* place
        const server = yield* greeted(at, { config })
        const task_id = yield* Bench.dispatched(callOf(server), work(at.folder))
        yield* Bench.running(callOf(server), task_id)
        const from = performance.now()
        yield* leave(server)
        const { code, stderr } = yield* server.ended
        assert.isBelow(performance.now() - from, 2_000)
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.isAtLeast(processesNaming(`AGENTDISPATCH_TASK_ID=${task_id}`).length, 1)

        const next = callOf(yield* greeted(at, { config }))
        Bench.allow(at)
        const result = yield* Bench.finished(next, task_id)
        assert.strictEqual(result.status, "succeeded")
        assert.strictEqual(readFileSync(join(at.folder, "ledger"), "utf8"), "began\n")
      })
    )
  }

  it.scopedLive("leaves a task behind that the next one can cancel at once", () =>
    Effect.gen(function* () {
      const at = yield* place
      const server = yield* greeted(at, { config })
      const task_id = yield* Bench.dispatched(callOf(server), work(at.folder))
      yield* Bench.running(callOf(server), task_id)
      yield* server.signal("SIGTERM")
      yield* server.ended
      const next = callOf(yield* greeted(at, { config }))
      assert.strictEqual(object((yield* next("cancel_task", { task_id })).value)["status"], "cancelled")
      assert.deepStrictEqual(processesNaming(`AGENTDISPATCH_TASK_ID=${task_id}`), [])
    })
  )

  it.scopedLive("still answers what it was asked before the end of stdin", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      const ids = Array.from({ length: 20 }, (_, index) => index + 1)
      const spawn = (id: number) => toolCall(id, "spawn_cloud_agent", { runtime: "echo", instruction: `task ${id}` })
      yield* server.write(ids.map((id) => (id % 2 === 0 ? toolCall(id, "list_tasks") : spawn(id))).join(""))
      yield* server.hangUp
      yield* server.ended
      for (const id of ids) assert.isFalse(object((yield* server.answerTo(id))["result"])["isError"] ?? false)
    })
  )

  it.scopedLive("does not wait for somebody who waits, and leaves nothing behind that holds the folder", () =>
    Effect.gen(function* () {
      const at = yield* place
      const server = yield* greeted(at, { config })
      const task_id = yield* Bench.dispatched(callOf(server), work(at.folder))
      yield* server.write(toolCall(7, "get_task_result", { task_id, wait_seconds: 50 }))
      const from = performance.now()
      yield* server.hangUp
      yield* server.ended
      assert.isBelow(performance.now() - from, 4_000)
      yield* eventually(
        Effect.sync(() =>
          processesNaming(`agentdispatch-mcp.js\0--config\0${at.folder}`).length === 0 ? true : undefined
        )
      )
    })
  )
})
