import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, type Layer } from "effect"
import type { TaskId } from "../../src/domain/Task.js"
import { Store } from "../../src/services/Store.js"
import { accepted, advanced } from "../support/SomeTask.js"

const flask = "\u{1F9EA}"

/** Text with everything that is hard to cut: pairs, halves of pairs, NUL, and long stretches. */
const hardText = FastCheck.oneof(
  FastCheck.string({ unit: "binary", maxLength: 40 }),
  FastCheck.constantFrom(flask, "\ud83e", "\udd2a", "\u0000", "\n", "é"),
  FastCheck.integer({ min: 1, max: 9_000 }).map((length) => flask.repeat(length)),
  FastCheck.integer({ min: 1, max: 9_000 }).map((length) => `x${flask.repeat(length)}`)
)

/** Reads the whole log in pages of the given sizes, over and over. */
const readAll = Effect.fnUntraced(function* (id: TaskId, limits: ReadonlyArray<number>) {
  const store = yield* Store
  const pages: Array<string> = []
  let cursor = 0
  for (let turn = 0; ; turn++) {
    const limit = limits[turn % limits.length] ?? 1
    const page = yield* store.log(id, { cursor, limit })
    assert.strictEqual(page.cursor, cursor)
    assert.strictEqual(page.nextCursor, cursor + page.data.length)
    if (page.data === "") return pages
    assert.isAtMost(page.data.length, limit + 1)
    pages.push(page.data)
    cursor = page.nextCursor
  }
})

export const storeLogContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store logs (${name})`, () => {
    const check = <E>(claim: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claim, () => Effect.provide(body(), layer))

    check("puts text and log lines behind each other in the order of the entries", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* advanced(
          {
            entries: [
              { log: "one " },
              { type: "task.log", message: "two" },
              { type: "task.progress", message: "not log" },
              { log: "three" }
            ]
          },
          { entries: [{ type: "task.log", message: "four" }] }
        )
        assert.deepStrictEqual(yield* store.log(task.id, { cursor: 0, limit: 64_000 }), {
          cursor: 0,
          nextCursor: 18,
          data: "one two\nthreefour\n"
        })
        assert.strictEqual(task.logLength, 18)
      })
    )

    check("stores the text of a log line once: its event only says where it is", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* advanced({
          entries: [
            { log: "abc" },
            { type: "task.log", message: "line" },
            { type: "task.log", message: "x", payload: { level: "warn" } }
          ]
        })
        const events = yield* store.events(task.id, { afterRevision: 0, limit: 10 })
        assert.deepStrictEqual(events.slice(1), [
          { type: "task.log", payload: { cursor: 3, length: 5 }, number: 2, revision: 1, at: 0 },
          {
            type: "task.log",
            payload: { cursor: 8, length: 2, payload: { level: "warn" } },
            number: 3,
            revision: 1,
            at: 0
          }
        ])
      })
    )

    check("reads any part of a log that is longer than one piece", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const text = Array.from({ length: 12_000 }, (_, line) => `line ${line}\n`).join("")
        const task = yield* advanced(
          { entries: [{ log: text.slice(0, 70_001) }] },
          { entries: [{ log: text.slice(70_001) }] }
        )
        for (const [cursor, limit] of [
          [0, 10],
          [16_383, 2],
          [16_384, 1],
          [70_000, 2],
          [70_001, 64_000],
          [text.length - 1, 64_000]
        ] as const) {
          const page = yield* store.log(task.id, { cursor, limit })
          assert.strictEqual(page.data, text.slice(cursor, cursor + limit), `${cursor} ${limit}`)
        }
      })
    )

    check("answers an empty page at the end, past the end and for an empty log", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const empty = yield* accepted()
        const task = yield* advanced({ entries: [{ log: "abc" }] })
        assert.deepStrictEqual(yield* store.log(empty.id, { cursor: 0, limit: 5 }), {
          cursor: 0,
          nextCursor: 0,
          data: ""
        })
        assert.deepStrictEqual(yield* store.log(empty.id, { cursor: 9, limit: 5 }), {
          cursor: 0,
          nextCursor: 0,
          data: ""
        })
        assert.deepStrictEqual(yield* store.log(task.id, { cursor: 3, limit: 5 }), {
          cursor: 3,
          nextCursor: 3,
          data: ""
        })
        assert.deepStrictEqual(yield* store.log(task.id, { cursor: 99_999, limit: 5 }), {
          cursor: 3,
          nextCursor: 3,
          data: ""
        })
      })
    )

    check("never cuts a surrogate pair, and still gets on with a limit of 1", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const { id } = yield* advanced({ entries: [{ log: `a${flask}b` }] })
        assert.deepStrictEqual(yield* store.log(id, { cursor: 0, limit: 2 }), {
          cursor: 0,
          nextCursor: 3,
          data: `a${flask}`
        })
        assert.deepStrictEqual(yield* store.log(id, { cursor: 1, limit: 1 }), { cursor: 1, nextCursor: 3, data: flask })
        assert.deepStrictEqual(yield* store.log(id, { cursor: 2, limit: 1 }), { cursor: 1, nextCursor: 3, data: flask })
        assert.deepStrictEqual(yield* readAll(id, [1]), ["a", flask, "b"])
      })
    )

    check("replaces NUL and halves of pairs, in logs and in messages, and keeps the length", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const { id, logLength } = yield* advanced(
          { entries: [{ log: "a\u0000b\ud83e" }, { log: "\udd2ac" }, { type: "task.log", message: "\udd2a" }] },
          { entries: [{ type: "task.progress", message: "\u0000\ud83e!" }] }
        )
        assert.strictEqual((yield* store.log(id, { cursor: 0, limit: 99 })).data, "a\ufffdb\ufffd\ufffdc\ufffd\n")
        assert.strictEqual(logLength, 8)
        const events = yield* store.events(id, { afterRevision: 1, limit: 9 })
        assert.deepStrictEqual(
          events.map(({ message }) => message),
          ["\ufffd\ufffd!"]
        )
      })
    )

    it.effect("gives the whole log back through pages of any sizes", () =>
      Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.array(FastCheck.array(hardText, { maxLength: 4 }), { maxLength: 4 }),
            FastCheck.array(
              FastCheck.oneof(FastCheck.integer({ min: 1, max: 3 }), FastCheck.integer({ min: 1_000, max: 40_000 })),
              { minLength: 1, maxLength: 4 }
            ).filter((limits) => limits.some((limit) => limit > 3)),
            (commits, limits) =>
              Effect.gen(function* () {
                const task = yield* advanced(...commits.map((texts) => ({ entries: texts.map((log) => ({ log })) })))
                const expected = commits
                  .flat()
                  .map((text) => text.replace(/\u0000/g, "\ufffd").replace(/\p{Surrogate}/gu, "\ufffd"))
                  .join("")
                const pages = yield* readAll(task.id, limits)
                assert.strictEqual(pages.join(""), expected)
                for (const page of pages) assert.notMatch(page, /\p{Surrogate}/u)
                assert.strictEqual(task.logLength, expected.length)
              }).pipe(Effect.provide(layer), Effect.runPromise)
          ),
          { numRuns: 30 }
        )
      )
    )
  })
