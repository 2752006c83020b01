import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parse } from "yaml"
import packageJson from "../package.json" with { type: "json" }
import { exposure, HttpConfig } from "../src/domain/HttpConfig.js"

const text = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

const page =
  text("../README.md")
    .split(/^## /m)
    .find((section) => section.startsWith("Run it for a team")) ?? ""

const snippet = (language: string, word: string): string =>
  Array.from(page.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g")), (match) => match[1] ?? "").find(
    (found) => found.includes(word)
  ) ?? ""

const Service = Schema.Struct({
  image: Schema.String,
  environment: Schema.Record({ key: Schema.String, value: Schema.String }),
  command: Schema.optional(Schema.Array(Schema.String)),
  volumes: Schema.Array(Schema.String)
})
const Compose = Schema.Struct({
  services: Schema.Record({ key: Schema.String, value: Service }),
  volumes: Schema.Record({ key: Schema.String, value: Schema.Struct({}) })
})

const { services, volumes } = Schema.decodeUnknownSync(Compose)(parse(snippet("yaml", "services:"), { merge: true }))
const servers = Object.entries(services).filter(([, { command }]) => command !== undefined)

const sources = ["drivers", "main"].flatMap((ring) =>
  readdirSync(new URL(`../src/${ring}`, import.meta.url)).map((name) => text(`../src/${ring}/${name}`))
)

describe("the compose file of a team", () => {
  it("runs a program that is built, on the Node it needs, beside a database", () => {
    assert.strictEqual(services["db"]?.image, "postgres:18")
    assert.isAtLeast(servers.length, 2)
    for (const [, { command, image }] of servers) {
      assert.strictEqual(image, "node:20-slim")
      assert.include(Object.values(packageJson.bin), command?.[1])
      assert.strictEqual(packageJson.engines.node, ">=20.19")
    }
  })

  it("sets only variables that the program reads, and machines that are told apart", () => {
    for (const [name, { environment }] of servers) {
      for (const variable of Object.keys(environment)) {
        assert.isTrue(
          sources.some((source) => source.includes(`"${variable}"`)),
          `${variable} is read nowhere`
        )
      }
      assert.strictEqual(environment["AGENTDISPATCH_HOST"], name)
      assert.strictEqual(environment["AGENTDISPATCH_CLUSTER_HOST"], name)
    }
  })

  it("keeps a state folder for each machine, and the database", () => {
    const named = Object.values(services).flatMap((service) =>
      service.volumes.filter((volume) => !volume.startsWith("."))
    )
    assert.strictEqual(new Set(named).size, named.length, "two share a folder")
    assert.deepStrictEqual(new Set(named.map((volume) => volume.split(":")[0])), new Set(Object.keys(volumes)))
  })

  it("has a config that may be reached from outside", () => {
    const Team = Schema.parseJson(Schema.Struct({ http: HttpConfig }))
    const { http } = Schema.decodeSync(Team)(snippet("json", "tokens"))
    assert.strictEqual(exposure(http.host ?? "", http), undefined)
  })
})
