import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { littered, reportOf, sweeping, swept } from "./support/SweepScene.js"

const reap = ["doctor", "--config", "c.json", "--reap"]

describe("Several doctors at once", () => {
  it.scopedLive(
    "do each thing once, and each says truthfully what it did",
    () =>
      Effect.gen(function* () {
        const { at, lives, tasks } = yield* littered
        const pair = yield* Effect.fork(
          Effect.all([at.run(...reap, "--json"), at.run(...reap, "--json")], { concurrency: 2 })
        )
        yield* sweeping(at)
        const late = yield* at.run(...reap)
        assert.strictEqual(late.code, 0)
        assert.match(
          late.stderr,
          /left over or stuck:\n {2}local\.[^]*Nothing is left over any more; another process was faster\.\n$/
        )
        assert.strictEqual(late.stdout, "")

        const both = yield* Fiber.join(pair)
        assert.deepStrictEqual(
          both.map(({ code, stderr }) => ({ code, stderr })),
          [
            { code: 0, stderr: "" },
            { code: 0, stderr: "" }
          ]
        )
        const reports = yield* Effect.forEach(both, reportOf)
        const done = reports.map(({ sweep }) => sweep.map(({ outcome, taskId }) => `${outcome} ${taskId}`).sort())
        assert.sameDeepMembers(done, [tasks.map((id) => `done ${id}`), []])
        assert.deepStrictEqual(
          reports.map(({ ok }) => ok),
          [true, true]
        )
        assert.isFalse(lives())
        assert.deepStrictEqual(yield* swept(at), tasks)
      }),
    60_000
  )
})
