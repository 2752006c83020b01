import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { specs } from "../adapters/Registry.generated.js"
import { fromJson } from "../src/domain/Config.js"
import { JsonText } from "../src/domain/Json.js"
import packageJson from "../package.json" with { type: "json" }
import { lifecycleMarkdown } from "./support/LifecycleTable.js"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const snippets = (language: string): ReadonlyArray<string> =>
  Array.from(readme.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g")), (match) => match[1] ?? "")

const Scripts = Schema.Record({ key: Schema.String, value: Schema.String })

describe("README", () => {
  it("shows the lifecycle as the code has it", () => {
    assert.include(readme, lifecycleMarkdown())
  })

  it.effect("has only JSON that parses, and configs that load", () =>
    Effect.gen(function* () {
      const found = yield* Effect.forEach(snippets("json"), (text) => Schema.decode(JsonText)(text))
      const isConfig = Schema.is(Schema.Struct({ backends: Schema.Unknown }))
      const configs = found.filter((value) => isConfig(value))
      assert.isAtLeast(configs.length, 1)
      yield* Effect.forEach(configs, (config) => fromJson(config, specs, "README.md"))
    })
  )

  it("names only npm scripts that exist, and programs that are built", () => {
    const scripts = Object.keys(Schema.decodeUnknownSync(Scripts)(packageJson.scripts))
    const shell = snippets("sh").join("\n") + readme
    for (const [, name] of shell.matchAll(/npm run ([a-z:-]+)/g)) assert.include(scripts, name)
    for (const [, program] of shell.matchAll(/node (dist\/[a-z-]+\.js)/g)) {
      assert.include(Object.values(packageJson.bin), program)
    }
  })

  it("names every tool the server offers", () => {
    const server = readFileSync(new URL("../src/mcp/Server.ts", import.meta.url), "utf8")
    const tools = Array.from(server.matchAll(/^ {2}([a-z_]+): [a-zA-Z]+,?$/gm), (match) => match[1] ?? "")
    assert.isAtLeast(tools.length, 11)
    for (const name of tools) assert.include(readme, `\`${name}\``)
  })
})
