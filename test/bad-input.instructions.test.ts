import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { callOf, greeted } from "./support/RawServer.js"
import { place, refusalOf } from "./support/Server.js"
import { finished, listOf, spawned, workbench } from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const config = workbench()
const megabyte = 1024 * 1024

describe("an instruction", () => {
  it.scopedLive("of a megabyte reaches a worker that reads its stdin, whole", () =>
    Effect.gen(function* () {
      const call = callOf(yield* greeted(yield* place, { config }))
      const instruction = "0123456789abcdef".repeat(megabyte / 16)
      const task_id = yield* spawned(call, { runtime: "echo", instruction })
      const result = yield* finished(call, task_id)
      assert.strictEqual(result.status, "succeeded", JSON.stringify(result.error))
      assert.isTrue(object(result.result)["instruction"] === instruction)
      assert.isBelow((yield* call("get_task_status", { task_id })).text.length, 3_000)
      assert.isBelow((yield* call("list_tasks")).text.length, 1_000)
    })
  )

  it.scopedLive("too long for an argument fails its task, naming the field, the limit and the other way", () =>
    Effect.gen(function* () {
      const call = callOf(yield* greeted(yield* place, { config }))
      const fits = yield* spawned(call, { runtime: "argv", instruction: "x".repeat(120_000) })
      const tooLong = yield* spawned(call, { runtime: "argv", instruction: "x".repeat(megabyte) })
      const { error, status } = yield* finished(call, tooLong)
      assert.deepStrictEqual([status, error?.code], ["failed", "local_process.argument_invalid"])
      for (const word of ["input.instruction", "1048576 bytes", "131071", "stdin"]) assert.include(error?.message, word)
      assert.strictEqual((yield* finished(call, fits)).status, "succeeded")
    })
  )

  it.scopedLive("of five megabytes, blank, or with a NUL in it is refused before there is a task", () =>
    Effect.gen(function* () {
      const call = callOf(yield* greeted(yield* place, { config }))
      const ask = (instruction: string, more: JsonObject = {}) =>
        call("spawn_cloud_agent", { runtime: "echo", instruction, ...more })
      assert.match(refusalOf(yield* ask("x".repeat(5 * megabyte))), /^input\.invalid: input: .*4194304.*name the file/)
      assert.match(refusalOf(yield* ask("a\0b")), /^input\.invalid: input\.instruction: .*NUL/)
      assert.match(refusalOf(yield* ask("a", { context: { deep: ["a\0b"] } })), /input\.context\.deep\[0\]: .*NUL/)
      assert.deepStrictEqual(object((yield* ask(" \t\n")).value)["questions"], [
        { id: "instruction", question: "What task should the cloud subagent run?" }
      ])
      assert.deepStrictEqual(listOf(yield* call("list_tasks")).tasks, [])
    })
  )

  it.scopedLive("that a command could take for an option never becomes an argument", () =>
    Effect.gen(function* () {
      const call = callOf(yield* greeted(yield* place, { config }))
      const option = yield* finished(call, yield* spawned(call, { runtime: "argv", instruction: "--help" }))
      assert.deepStrictEqual([option.status, option.error?.code], ["failed", "local_process.argument_invalid"])
      assert.match(option.error?.message ?? "", /input\.instruction: begins with '-'.*begin with a word/)
      const harmless = yield* finished(call, yield* spawned(call, { runtime: "echo", instruction: "--help" }))
      assert.strictEqual(object(harmless.result)["instruction"], "--help")
    })
  )

  it.scopedLive("of any Unicode arrives as it was sent", () =>
    Effect.gen(function* () {
      const call = callOf(yield* greeted(yield* place, { config }))
      const instruction = "ünï 🧪 \u2028 \u202e \\ \" ' $(id) `id` %s\r\n\tend"
      const echoed = yield* finished(call, yield* spawned(call, { runtime: "echo", instruction }))
      assert.strictEqual(object(echoed.result)["instruction"], instruction)
      const argv = yield* spawned(call, { runtime: "argv", instruction })
      yield* finished(call, argv)
      const { data } = object((yield* call("get_task_logs", { task_id: argv })).value)
      assert.strictEqual(data, `${instruction}\n`)
    })
  )
})
