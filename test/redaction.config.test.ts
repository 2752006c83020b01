import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { specs } from "../adapters/Registry.generated.js"
import { fromJson } from "../src/domain/Config.js"

const reading = (patterns: ReadonlyArray<string>) => fromJson({ redaction: { patterns } }, specs, "the test's config")

const refused: ReadonlyArray<readonly [pattern: string, why: string]> = [
  ["acct-[0-9", "is no regular expression"],
  ["x".repeat(513), "longer than 512"],
  ["(a+)+b", "repeats a group"],
  ["(?:[a-z]+-)*x", "repeats a group"],
  ["(a)\\1", "refers back"],
  ["a*", "matches the empty text"],
  [" ", "must not be blank"]
]

describe("Redaction rules in a config", () => {
  for (const [pattern, why] of refused) {
    it.effect(`refuse ${pattern.slice(0, 20)} by its path`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(reading(["acct-[0-9]{6}", pattern]))
        assert.include(error.message, "redaction.patterns[1]")
        assert.include(error.message, why)
      })
    )
  }

  it.effect("are patterns and names of variables", () =>
    Effect.gen(function* () {
      const redaction = { patterns: ["acct-[0-9]{6}", "\\bcust_(?:live|test)_[a-z]{8,}"], variables: ["MY_PIN"] }
      assert.deepStrictEqual((yield* fromJson({ redaction }, specs, "the test's config")).redaction, redaction)
    })
  )
})
