import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import { JsonText } from "../src/domain/Json.js"
import { jsonFault } from "../src/domain/JsonFault.js"
import { age, cut, fields, table } from "../src/cli/Table.js"

const decode = Schema.decodeUnknownEither(JsonText)

describe("a table", () => {
  it("is as wide as its cells, and its last column fits the terminal", () => {
    const rows = [
      ["a", "one\ntwo"],
      ["bbb", "x".repeat(40)]
    ]
    assert.strictEqual(
      table(["N", "WORDS"], rows, { columns: 20 }),
      `N    WORDS\na    one two\nbbb  ${"x".repeat(14)}…\n`
    )
  })

  it("colours the cells it is told to without moving the others", () => {
    const paint = (cell: string, heading: string) => (heading === "B" ? `<${cell}>` : cell)
    assert.strictEqual(table(["A", "B", "C"], [["1", "2", "3"]], { paint }), "A  B  C\n1  <2>  3\n")
  })

  it("leaves out fields without a value", () => {
    assert.strictEqual(
      fields([
        ["a", "1"],
        ["long", undefined],
        ["bc", "2"]
      ]),
      "a   1\nbc  2\n"
    )
  })

  it("cuts between characters, not inside one", () => {
    assert.strictEqual(cut("👍👍👍", 2), "👍…")
  })

  it("tells ages in their largest unit", () => {
    const now = Date.UTC(2026, 0, 10)
    const ago = (seconds: number) => age(new Date(now - seconds * 1_000).toISOString(), now)
    assert.deepStrictEqual([0, 59, 60, 3_600, 86_399, 86_400, -5].map(ago), [
      "0s",
      "59s",
      "1m",
      "1h",
      "23h",
      "1d",
      "0s"
    ])
  })
})

describe("a JSON fault", () => {
  it("names line and column of what does not fit", () => {
    const faults = [
      "",
      "{",
      "{a: 1}",
      '{"a" 1}',
      '{"a": 1,}',
      "[1 2]",
      "[1,]",
      '"x',
      "tru",
      "1 2",
      '{\n  "a": [1,\n  }]'
    ].map((text) => {
      const fault = jsonFault(text)
      return fault === undefined ? "fine" : `${fault.line}:${fault.column} ${fault.problem}`
    })
    assert.deepStrictEqual(faults, [
      "1:1 expected a value, found the end",
      "1:2 expected a key in double quotes or }, found the end",
      "1:2 expected a key in double quotes or }, found a",
      "1:6 expected a colon, found 1",
      "1:9 expected a key in double quotes, found }",
      "1:4 expected a comma or the end of the list or object, found 2",
      "1:4 expected a value, found ]",
      "1:1 expected a value, found a string that is not closed or has a bad escape",
      "1:1 expected a value, found tru",
      "1:3 expected nothing more, found 2",
      "3:3 expected a value, found }"
    ])
  })

  it("is found in every text the engine refuses, and in no other", () => {
    const parses = (given: string) => Either.isRight(decode(given))
    const text = FastCheck.oneof(
      FastCheck.json(),
      FastCheck.string({
        unit: FastCheck.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          '"',
          "\\",
          "u",
          "0",
          "1",
          "-",
          ".",
          "e",
          " ",
          "\n",
          "true",
          "null",
          '"a"'
        )
      })
    )
    FastCheck.assert(
      FastCheck.property(text, (given) => (jsonFault(given) === undefined) === parses(given)),
      { numRuns: 2_000 }
    )
  })

  it("calls every beginning of a JSON text unfinished, unless it is JSON already", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.json(), FastCheck.nat(), (whole, end) => {
        const beginning = whole.slice(0, end % (whole.length + 1))
        const fault = jsonFault(beginning)
        assert.isTrue(fault === undefined || fault.unfinished, beginning)
      })
    )
  })
})
