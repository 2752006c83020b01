import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { detailedTask, handleOf } from "../src/mcp/TaskHandle.js"
import { core, reaches, spawned, startProcess } from "./fakes/CoreFixture.js"
import { dies, Fake, fails } from "./fakes/FakeAdapter.js"

describe("a task in the words of the Tasks extension", () => {
  it.scoped("is failed with a JSON-RPC error when its adapter broke down, and completed when only the run failed", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      fake.next("observe", dies)
      const broken = yield* spawned("once")
      yield* reaches(broken, "failed")
      const failed = yield* detailedTask(handleOf(broken))
      assert.strictEqual(failed["status"], "failed")
      assert.deepInclude(failed["error"], { code: -32_603, data: { code: "adapter.defect" } })
      assert.notProperty(failed, "result")
      fake.next("observe", fails())
      const refused = yield* spawned("once")
      yield* reaches(refused, "failed")
      const completed = yield* detailedTask(handleOf(refused))
      assert.strictEqual(completed["status"], "completed")
      assert.deepInclude(completed["result"], { isError: true })
      assert.notProperty(completed, "error")
    }).pipe(Effect.provide(core()))
  )
})
