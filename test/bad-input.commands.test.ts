import { chmodSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { callOf, greeted, type RawServer } from "./support/RawServer.js"
import { place, type Place, written } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)

/** The outcome of a command, and the log it left. */
const ran = (server: RawServer, wanted: JsonObject) =>
  Effect.gen(function* () {
    const call = callOf(server)
    const task_id = yield* Bench.dispatched(call, wanted)
    const { error, result, status } = yield* Bench.finished(call, task_id)
    const details = object(error?.details ?? {})
    return {
      status,
      code: error?.code,
      message: error?.message ?? "",
      details,
      result,
      log: yield* Bench.wholeLog(call, task_id)
    }
  })

const served = (details: JsonObject = {}) =>
  Effect.flatMap(place, (at) =>
    Effect.map(greeted(at, { config: Bench.workbench(details) }), (server) => ({ at, server }))
  )

describe("a command", () => {
  it.scopedLive("that does not exist, or that the config does not allow, fails by name", () =>
    Effect.gen(function* () {
      const { server } = yield* served()
      const missing = yield* ran(server, Bench.command("no-such-program"))
      assert.deepStrictEqual([missing.status, missing.code], ["failed", "local_process.executable_not_found"])
      assert.match(missing.message, /"no-such-program".*Install it, or put its full path/)
      for (const name of ["rm", "/bin/sh", "../sh", ""]) {
        const refused = yield* ran(server, Bench.command(name, "-c", "exit 0"))
        assert.deepStrictEqual([refused.status, refused.code], ["failed", "local_process.executable_not_allowed"], name)
        assert.include(refused.message, "Allowed: sh")
      }
      const line = yield* ran(server, { ...Bench.command(), input: { command: "sh -c true" } })
      assert.strictEqual(line.code, "local_process.argument_invalid")
      assert.match(line.message, /input\.command: is read by no shell/)
      const none = yield* ran(server, { ...Bench.command(), input: {} })
      assert.match(none.message, /input\.command: expected an argument vector/)
    })
  )

  it.scopedLive("that may not be executed, or whose folder is gone, fails with what to mend", () =>
    Effect.gen(function* () {
      const { at, server } = yield* served()
      const file = written(at, "plain.txt", "#!/no/such/interpreter\n")
      chmodSync(file, 0o600)
      const allowing = (details: JsonObject) =>
        Effect.flatMap(place, (elsewhere: Place) => greeted(elsewhere, { config: Bench.workbench(details) }))
      const plain = yield* ran(yield* allowing({ allow: [file] }), Bench.command(file))
      assert.deepStrictEqual([plain.code, plain.details], ["local_process.executable_not_found", { executable: file }])
      chmodSync(file, 0o700)
      const orphan = yield* ran(yield* allowing({ allow: [file] }), Bench.command(file))
      assert.strictEqual(orphan.code, "local_process.spawn_failed", orphan.message)
      assert.include(orphan.message, "ENOENT")
      const nowhere = yield* ran(yield* allowing({ cwd: join(at.folder, "gone") }), Bench.command("sh"))
      assert.strictEqual(nowhere.code, "local_process.working_directory_missing")
      assert.match(nowhere.message, /gone" does not exist.*details\.cwd/)
      assert.strictEqual((yield* ran(server, Bench.shell("exit 0"))).status, "succeeded")
    })
  )

  it.scopedLive("that exits with 3, or is killed, says so with its last lines", () =>
    Effect.gen(function* () {
      const { server } = yield* served()
      const exited = yield* ran(server, Bench.shell("echo one; echo two >&2; exit 3"))
      assert.deepStrictEqual(
        [exited.status, exited.code, exited.details["exitCode"]],
        ["failed", "local_process.exited", 3]
      )
      assert.sameMembers(exited.log.trim().split("\n"), ["one", "two"])
      assert.include(JSON.stringify(exited.details["lastLines"]), "two")
      const killed = yield* ran(server, Bench.shell("echo going; kill -9 $$"))
      assert.deepStrictEqual(
        [killed.code, killed.details["signal"], killed.log],
        ["local_process.killed", "SIGKILL", "going\n"]
      )
    })
  )

  it.scopedLive("that prints what is no UTF-8 leaves replacement characters and everything around them", () =>
    Effect.gen(function* () {
      const { server } = yield* served()
      const { log, status } = yield* ran(
        server,
        Bench.node("process.stdout.write(Buffer.from('61fffe62c328f09fa70a63', 'hex'))")
      )
      assert.deepStrictEqual([status, log], ["succeeded", "a\uFFFD\uFFFDb\uFFFD(\uFFFD\nc\n"])
    })
  )

  it.scopedLive("that dies in the middle of a JSON line leaves that line in the log", () =>
    Effect.gen(function* () {
      const { server } = yield* served()
      const half = yield* ran(server, Bench.shell(`printf '{"type":"task.progress","mess'; exit 4`))
      assert.deepStrictEqual([half.code, half.log], ["local_process.exited", '{"type":"task.progress","mess\n'])
      const lies = yield* ran(
        server,
        Bench.shell(`echo '{"type":"task.succeeded"}'; echo '{"ok":"yes"}'; echo '{}'; exit 5`)
      )
      assert.deepStrictEqual([lies.status, lies.details["exitCode"]], ["failed", 5])
      const told = yield* ran(server, Bench.shell(`echo '{"ok":false,"events":[],"artifacts":[],"error":"no disk"}'`))
      assert.deepStrictEqual([told.status, told.code], ["failed", "local_process.worker_failed"])
      assert.include(told.message, "no disk")
    })
  )

  it.scopedLive("that prints 200 MB is ended at the limit; all before it is kept and the server stays small", () =>
    Effect.gen(function* () {
      const limit = 16 * 1024 * 1024
      const { server } = yield* served({ outputLimitBytes: limit })
      const before = yield* server.peakMemory
      const call = callOf(server)
      const line = `${"x".repeat(63)}\n`
      const script = `const text = ${JSON.stringify(line)}.repeat(1024); let left = 200 * 16; const go = () => { while (left-- > 0) if (!process.stdout.write(text)) return process.stdout.once("drain", go) }; go()`
      const task_id = yield* Bench.dispatched(call, Bench.node(script))
      const { error, status } = yield* Bench.finished(call, task_id)
      assert.deepStrictEqual([status, error?.code], ["failed", "local_process.output_limit"])
      assert.include(error?.message, String(limit))
      const last = Bench.logOf(yield* call("get_task_logs", { task_id, cursor: limit - 64_000, limit: 64_000 }))
      assert.isTrue(last.data === line.repeat(1000), "the last page before the limit is whole")
      assert.isAtMost(last.nextCursor, limit + 1)
      const beyond = Bench.logOf(yield* call("get_task_logs", { task_id, cursor: limit + 1_000 }))
      assert.strictEqual(beyond.data, "")
      assert.isBelow((yield* server.peakMemory) - before, 150 * 1024 * 1024)
    })
  )
})
