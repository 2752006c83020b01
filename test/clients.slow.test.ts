import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { verdicts } from "./clients/Lab.js"
import { markdown, note } from "./clients/Table.js"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

describe("the client lab", () => {
  it.live(
    "sees every client come back to its work, as README tells",
    () =>
      Effect.gen(function* () {
        const found = yield* verdicts
        assert.deepStrictEqual(
          found
            .filter(({ failed }) => Object.keys(failed).length > 0)
            .map(({ failed, profile }) => [profile.client, failed]),
          []
        )
        const kept = /<!-- clients -->\n\n([^]*?)\n\n<!-- \/clients -->/.exec(readme)?.[1]
        assert.strictEqual(kept, markdown(found))
        assert.include(readme.replaceAll("\n", " "), note)
      }),
    180_000
  )
})
