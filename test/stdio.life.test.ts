import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { eventually, kinds, place, processesNaming, refusalOf, session } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const config = Bench.workbench()

for (const kind of kinds) {
  describe(`a task's life, with ${kind}`, () => {
    it.scopedLive("goes from dispatch to a report on disk, and its journal can be read on the way", () =>
      Effect.gen(function* () {
        const at = yield* place
        const { call } = yield* session(kind, at, { config })
        const task_id = yield* Bench.spawned(call, {
          runtime: "repo-report",
          instruction: "Report.",
          context: { path: yield* Bench.repository(at), paceMs: 400 },
          metadata: { ticket: "T-1" }
        })
        const progress = yield* Bench.until(call, task_id, (seen) =>
          (seen.events ?? []).some(({ type }) => type === "task.progress")
        )
        assert.strictEqual(progress.status, "running", "progress is visible while the task runs")
        const result = yield* Bench.finished(call, task_id)
        assert.strictEqual(result.status, "succeeded")
        assert.strictEqual(object(result.result)["files"], 2)
        const report = result.artifacts.find((artifact) => artifact.kind === "report")
        assert.include(readFileSync(fileURLToPath(report?.uri ?? ""), "utf8"), "TODO")
        assert.include(yield* Bench.wholeLog(call, task_id), "2 files in")

        const { events = [] } = Bench.statusOf(
          yield* call("get_task_status", { task_id, since_revision: 0, full: true })
        )
        const numbers = events.map(({ number }) => number)
        assert.strictEqual(numbers[0], 1)
        assert.deepStrictEqual(
          numbers,
          [...new Set(numbers)].sort((a, b) => a - b)
        )
        const types = events.map(({ type }) => type)
        for (const once of ["task.created", "task.started", "task.succeeded"]) {
          assert.strictEqual(types.filter((type) => type === once).length, 1, once)
        }
        assert.deepStrictEqual(Bench.statusOf(yield* call("get_task_status", { task_id })).metadata, { ticket: "T-1" })
      })
    )

    it.scopedLive("costs little to watch: an unchanged task in under 200 bytes, a changed one at its change", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config })
        const task_id = yield* Bench.spawned(call, {
          runtime: "echo",
          instruction: "slowly",
          context: { delayMs: 2_000 }
        })
        const { revision } = yield* Bench.running(call, task_id)
        const idle = yield* call("get_task_status", { task_id, since_revision: revision })
        assert.isTrue(Bench.statusOf(idle).unchanged)
        assert.isBelow(Buffer.byteLength(idle.text), 200)
        const changed = Bench.statusOf(
          yield* call("get_task_status", { task_id, since_revision: revision, wait_seconds: 50 })
        )
        assert.isAbove(changed.revision, revision)
        assert.strictEqual((yield* Bench.finished(call, task_id)).status, "succeeded")
      }).pipe(Effect.timeout("20 seconds"))
    )

    it.scopedLive("is one life for one idempotency key, or for one call of the client's model", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config })
        const wanted = { runtime: "echo", instruction: "once", idempotency_key: "k-1" }
        const first = yield* Bench.spawned(call, wanted)
        assert.strictEqual(yield* Bench.spawned(call, wanted), first)
        assert.match(
          refusalOf(yield* call("spawn_cloud_agent", { ...wanted, instruction: "twice" })),
          /^idempotency\.conflict: .*k-1.*new key/
        )
        const use = { "claudecode/toolUseId": "toolu_1" }
        const args = { runtime: "echo", instruction: "by tool use" }
        const used = Bench.handleOf(yield* call("spawn_cloud_agent", args, use)).taskId
        assert.strictEqual(Bench.handleOf(yield* call("spawn_cloud_agent", args, use)).taskId, used)
        assert.notStrictEqual(Bench.handleOf(yield* call("spawn_cloud_agent", args)).taskId, used)
        assert.strictEqual(Bench.listOf(yield* call("list_tasks")).tasks.length, 3)
      })
    )

    it.scopedLive("can be found again in the list, by filter and page by page", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config })
        const ids: Array<string> = []
        for (const instruction of ["a", "b", "c"])
          ids.unshift(yield* Bench.spawned(call, { runtime: "echo", instruction }))
        const failing = yield* Bench.dispatched(call, Bench.shell("exit 1"))
        for (const id of [...ids, failing]) yield* Bench.finished(call, id)
        const listed = (args: JsonObject) => Effect.map(call("list_tasks", args), Bench.listOf)
        const idsOf = ({ tasks }: { tasks: ReadonlyArray<{ taskId: string }> }) => tasks.map(({ taskId }) => taskId)
        assert.deepStrictEqual(idsOf(yield* listed({})), [failing, ...ids])
        assert.deepStrictEqual(idsOf(yield* listed({ status: "failed" })), [failing])
        assert.deepStrictEqual(idsOf(yield* listed({ status: ["succeeded", "running"], runtime: "echo" })), ids)
        assert.deepStrictEqual(idsOf(yield* listed({ provider: "aws" })), [])
        const first = yield* listed({ limit: 3 })
        assert.deepStrictEqual(idsOf(first), [failing, ...ids.slice(0, 2)])
        const second = yield* listed({ limit: 3, cursor: first.nextCursor ?? "" })
        assert.deepStrictEqual([idsOf(second), second.nextCursor], [ids.slice(2), undefined])
      })
    )

    it.scopedLive("ends at a cancel, with every process it had", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config })
        const task_id = yield* Bench.dispatched(
          call,
          Bench.shell(
            `trap "" TERM; setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & echo up; while :; do sleep 1; done`
          )
        )
        yield* Bench.running(call, task_id)
        yield* eventually(Effect.sync(() => processesNaming(`AGENTDISPATCH_TASK_ID=${task_id}`)[1]))
        assert.strictEqual(object((yield* call("cancel_task", { task_id })).value)["status"], "cancelled")
        assert.deepStrictEqual(processesNaming(`AGENTDISPATCH_TASK_ID=${task_id}`), [])
        assert.strictEqual((yield* Bench.finished(call, task_id)).status, "cancelled")
        assert.strictEqual(object((yield* call("cancel_task", { task_id })).value)["status"], "cancelled")
      })
    )

    it.scopedLive("does not drag its large input through every status", () =>
      Effect.gen(function* () {
        const at = yield* place
        const { call } = yield* session(kind, at, { config })
        const context = { notes: "n".repeat(30_000), list: Array.from({ length: 500 }, (_, index) => index) }
        const task_id = yield* Bench.spawned(call, { runtime: "echo", instruction: "big", context, metadata: context })
        yield* Bench.finished(call, task_id)
        const short = yield* call("get_task_status", { task_id })
        assert.isBelow(Buffer.byteLength(short.text), 6_000)
        assert.include(short.text, "30000 characters; full: true shows all")
        const full = Bench.statusOf(yield* call("get_task_status", { task_id, full: true }))
        assert.deepStrictEqual(object(full.input)["context"], context)
        assert.deepStrictEqual(full.metadata, context)
        assert.deepStrictEqual(object((yield* Bench.finished(call, task_id)).result)["context"], context)
        assert.isTrue(existsSync(at.stateDir))
      })
    )

    it.scopedLive("has a log whose pages never part a character, whatever their size", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config })
        const text = "a🧪bc🧪🧪d👩‍🔬é\n"
        const task_id = yield* Bench.dispatched(call, Bench.node(`process.stdout.write(${JSON.stringify(text)})`))
        yield* Bench.finished(call, task_id)
        for (const limit of [1, 2, 3, 4, 5, 6, 7]) {
          const pages: Array<string> = []
          for (let cursor = 0, more = true; more;) {
            const page = Bench.logOf(yield* call("get_task_logs", { task_id, cursor, limit }))
            assert.strictEqual(Buffer.from(page.data).toString(), page.data, `page at ${cursor} of ${limit}`)
            assert.strictEqual(page.nextCursor, cursor + page.data.length)
            more = page.nextCursor > cursor
            cursor = page.nextCursor
            pages.push(page.data)
          }
          assert.strictEqual(pages.join(""), text)
        }
      })
    )
  })
}
