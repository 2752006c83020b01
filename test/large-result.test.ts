import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Schema } from "effect"
import { type Json, JsonText } from "../src/domain/Json.js"
import { shrink } from "../src/domain/Shrink.js"
import type { TaskResultView } from "../src/domain/TaskView.js"
import { fitted, fittedAll, pageOf, wholeBytes, wholeText } from "../src/mcp/LargeResult.js"
import { toResult, value } from "../src/mcp/Reply.js"

const bytesOf = (text: string) => Buffer.byteLength(text)

/** Values of every kind, and many that fit no reply: long texts of any script, wide and deep structures, long names. */
const long = fc.tuple(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 600 }))
const longText = long.map(([text, times]) => text.repeat(times))
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.jsonValue().map((made) => decode(JSON.stringify(made))),
    longText,
    fc.array(tie("value"), { maxLength: 12 }),
    fc.dictionary(fc.oneof(fc.string(), longText), tie("value"), { maxKeys: 10 })
  )
})).value

const artifacts = fc.nat(80).map((count) =>
  Array.from({ length: count }, (_, index) => ({
    id: `art_${index}`,
    taskId: "task_1",
    kind: "file",
    uri: `file:///somewhere/${index}`,
    createdAt: "2026-01-01T00:00:00.000Z"
  }))
)

const outcome: fc.Arbitrary<TaskResultView> = fc.oneof(
  fc.record({ taskId: fc.constant("task_1"), status: fc.constant("succeeded" as const), result: json, artifacts }),
  fc.record({
    taskId: fc.constant("task_1"),
    status: fc.constant("failed" as const),
    error: fc.record({ code: fc.oneof(fc.string(), longText), message: longText, details: json }),
    artifacts
  })
)

const decode = Schema.decodeSync(JsonText)

const pagesOf = (view: TaskResultView, whole: string) => {
  const pages: Array<string> = []
  for (let cursor = 0; ;) {
    const page = pageOf(view, whole, cursor)
    if (page.nextCursor === cursor) return { pages, total: page.total }
    pages.push(page.data)
    cursor = page.nextCursor
  }
}

describe("an outcome of any size", () => {
  it.effect("is in the reply whole, or the reply says where it is and all its pages together are it", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(outcome, async (view) => {
          const whole = await Effect.runPromise(wholeText(view))
          assert.deepStrictEqual(decode(whole), decode(JSON.stringify(view)))
          const { links, view: shown } = fitted(view)
          const reply = JSON.stringify(shown)
          if (shown.cut === undefined) {
            assert.strictEqual(reply, whole)
            assert.deepStrictEqual(links, [])
            return
          }
          assert.isAbove(bytesOf(whole), wholeBytes)
          assert.isAtMost(bytesOf(reply), wholeBytes * 1.5)
          assert.strictEqual(shown.cut.bytes, bytesOf(whole))
          assert.strictEqual(shown.artifacts.length + (shown.cut.artifactsLeftOut ?? 0), view.artifacts.length)
          assert.deepStrictEqual(
            links.map(({ size, uri }) => [uri, size]),
            [["agentdispatch://tasks/task_1/result", bytesOf(whole)]]
          )
          const { pages, total } = pagesOf(view, whole)
          assert.strictEqual(pages.join(""), whole)
          assert.strictEqual(total, whole.length)
          for (const page of pages) {
            assert.isAtMost(bytesOf(JSON.stringify(page)), wholeBytes + 2)
            assert.strictEqual(Buffer.from(page).toString(), page, "a page parts a character")
          }
        }),
        { numRuns: 60, endOnFailure: true, seed: 11 }
      )
    )
  )

  it.effect("shares a reply with others, each with its own way to the whole", () =>
    Effect.sync(() =>
      fc.assert(
        fc.property(fc.array(outcome, { minLength: 2, maxLength: 20 }), (views) => {
          const { links, views: shown } = fittedAll(views)
          const cuts = shown.flatMap(({ cut }) => (cut === undefined ? [] : [cut]))
          assert.strictEqual(cuts.length, links.length)
          assert.isBelow(bytesOf(JSON.stringify(shown)), Math.max(wholeBytes * 2, views.length * 1_500))
          for (const [index, view] of shown.entries())
            if (view.cut === undefined) assert.deepStrictEqual(view, views[index])
        }),
        { numRuns: 15, endOnFailure: true, seed: 12 }
      )
    )
  )

  it.effect("is linked behind what the model reads", () =>
    Effect.sync(() => {
      const { links, view } = fitted({
        taskId: "task_1",
        status: "succeeded",
        result: "x".repeat(9_000),
        artifacts: []
      })
      assert.deepStrictEqual(toResult({ ...value(view), links }).content[1], {
        type: "resource_link",
        uri: "agentdispatch://tasks/task_1/result",
        name: "result of task_1",
        mimeType: "application/json",
        size: 9_067
      })
    })
  )
})

describe("an outline", () => {
  it.effect("is never longer than it may be, whatever it outlines", () =>
    Effect.sync(() =>
      fc.assert(
        fc.property(json, fc.integer({ min: 200, max: 4_000 }), (made, most) => {
          const outlined = shrink(made, "ask", most)
          assert.isAtMost(JSON.stringify(outlined).length, most)
          if (JSON.stringify(outlined) !== JSON.stringify(made)) assert.include(JSON.stringify(outlined), "ask")
        }),
        { numRuns: 60, endOnFailure: true, seed: 13 }
      )
    )
  )
})
