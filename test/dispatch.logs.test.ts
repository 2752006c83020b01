import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { readLog } from "../src/dispatch/LogSearch.js"
import { Store } from "../src/services/Store.js"
import { advanced } from "./support/SomeTask.js"

/** A task with this log. */
const logged = (log: string) => advanced({ transition: "start" }, { transition: "run" }, { entries: [{ log }] })

describe("a page of a log", () => {
  it.effect("is its end when that is asked for, and says where that begins", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const task = yield* logged("first\nsecond\nthird\n")
      const page = yield* readLog(store, task, { tail: true, limit: 6 })
      assert.deepStrictEqual(page, { cursor: 13, nextCursor: 19, data: "third\n" })
      assert.strictEqual((yield* readLog(store, task, { tail: true, limit: 100 })).data, "first\nsecond\nthird\n")
    }).pipe(Effect.provide(Store.layerMemory))
  )

  it.effect("has only the lines that hold a text, in any letter case, however long the log is", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const lines = Array.from({ length: 20_000 }, (_, n) => (n % 1_000 === 7 ? `Error ${n}\n` : `all is well ${n}\n`))
      const task = yield* logged(lines.join(""))
      const { data } = yield* readLog(store, task, { contains: "error", limit: 8_000 })
      assert.deepStrictEqual(data.split("\n").length - 1, 20)
      const last = yield* readLog(store, task, { contains: "ERROR", tail: true, limit: 24 })
      assert.strictEqual(last.data, "Error 18007\nError 19007\n")
      const none = yield* readLog(store, task, { contains: "nowhere", limit: 8_000 })
      assert.deepStrictEqual([none.data, none.nextCursor], ["", task.logLength])
    }).pipe(Effect.provide(Store.layerMemory))
  )

  it.effect("leads on: pages of any size together have every matching line once", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* Effect.forEach(
        FastCheck.sample(
          FastCheck.tuple(
            FastCheck.array(FastCheck.constantFrom("hit\n", "miss\n", "a hit too\n", "x".repeat(40_000) + "\n"), {
              maxLength: 12
            }),
            FastCheck.integer({ min: 1, max: 50 })
          ),
          { numRuns: 40, seed: 7 }
        ),
        ([lines, limit]) =>
          Effect.gen(function* () {
            const task = yield* logged(lines.join(""))
            let cursor = 0
            let all = ""
            for (;;) {
              const page = yield* readLog(store, task, { contains: "HIT", cursor, limit })
              all += page.data
              if (page.nextCursor === cursor) break
              cursor = page.nextCursor
            }
            assert.strictEqual(all, lines.filter((line) => line.includes("hit")).join(""))
          })
      )
    }).pipe(Effect.provide(Store.layerMemory))
  )
})
