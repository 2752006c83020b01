import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { makeEar } from "../adapters/aws-agentcore/Hear.js"
import type { Entry } from "../src/services/Store.js"
import { eventsOf, linesOf } from "./support/AdapterDrive.js"

describe("server-sent events", () => {
  const heard = (pieces: ReadonlyArray<Uint8Array>) =>
    Effect.gen(function* () {
      const entries: Array<Entry> = []
      const ear = makeEar((entry) => entries.push(entry), [])
      yield* Stream.runForEach(Stream.decodeText(Stream.fromIterable(pieces)), (piece) =>
        Effect.sync(() => ear.hear(piece))
      )
      const outcome = ear.end()
      return { outcome, events: eventsOf(entries), lines: linesOf(entries) }
    })

  const wire = 'data: "Grüß "\n\ndata: {"step":"😀"}\r\n\r\nevent: message\ndata: {"ok":true,"output":"漢字"}\n\n'

  it.effect("mean the same wherever their bytes are cut", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from(wire)
      const whole = yield* heard([bytes])
      assert.deepEqual(whole, { outcome: { ok: true, result: "漢字" }, events: ["task.progress"], lines: ["Grüß "] })
      for (let first = 0; first <= bytes.length; first++)
        for (const second of [first, first + 1, first + 5])
          assert.deepEqual(
            yield* heard([bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]),
            whole,
            `cut at ${first} and ${second}`
          )
    })
  )

  it.effect("may bring one JSON value in two halves, cut at any character", () =>
    Effect.gen(function* () {
      const answer = '{"ok":true,"output":{"word":"grün","list":[1,"[DONE]",null]}}'
      for (let at = 1; at < answer.length; at++) {
        const { outcome } = yield* heard([Buffer.from(`data: ${answer.slice(0, at)}\n\ndata: ${answer.slice(at)}\n\n`)])
        assert.deepEqual(outcome, { ok: true, result: { word: "grün", list: [1, "[DONE]", null] } }, `cut at ${at}`)
      }
    })
  )

  it.effect("may be plain text that only begins as JSON does", () =>
    Effect.gen(function* () {
      for (const text of ["[INFO] starting", "{braces} all over", '"quoted" said he', "[1, 2] are two"]) {
        const { outcome, lines } = yield* heard([Buffer.from(`data: ${text}\n\ndata: done\n\n`)])
        assert.deepEqual(outcome, { ok: true, result: `${text}done` }, text)
        assert.deepEqual(lines, [text, "done"])
      }
      const { outcome } = yield* heard([Buffer.from('data: {"step": 1, "of\n\n')])
      assert.strictEqual(outcome.ok ? undefined : outcome.error.code, "aws_agentcore.stream_broken")
    })
  )
})
