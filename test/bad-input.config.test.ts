import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Json } from "../src/domain/Json.js"
import { runOnce } from "./support/RawServer.js"
import { place, written } from "./support/Server.js"
import { profile, workbench } from "./support/Workbench.js"

const Refusal = Schema.parseJson(
  Schema.Struct({ ok: Schema.Literal(false), error: Schema.Struct({ message: Schema.String }) })
)

const backend = (details: Json) => ({ adapter: "local-process", account: "here", details })
const withBackend = (details: Json) => ({ ...workbench(), backends: { b: backend(details) }, runtimes: {} })

/** What stands in the file, and what the refusal must name: the place, the fault and the way out. */
const files: ReadonlyArray<readonly [what: string, text: string, named: ReadonlyArray<string>]> = [
  ["is cut off", '{\n  "accounts": {\n', ["line 3, column 1", "the end"]],
  ["has a comma too many", '{\n  "stateDir": "x",\n}\n', ["line 3, column 1", "a key in double quotes"]],
  ["is empty", "", ["line 1, column 1", "expected a value"]],
  ["is a list", "[]", ["expected a map"]],
  [
    "has an unknown key",
    JSON.stringify({ account: {} }),
    ["account: is not a known key", 'Did you mean "accounts"?', "Known: stateDir, store,"]
  ],
  [
    "has an unknown detail",
    JSON.stringify(withBackend({ deadlineSecond: 5 })),
    ["backends.b.details.deadlineSecond", 'Did you mean "deadlineSeconds"?']
  ],
  [
    "has a number as text",
    JSON.stringify(withBackend({ deadlineSeconds: "3600" })),
    ["backends.b.details.deadlineSeconds", '"3600"', "expected an integer"]
  ],
  [
    "has a number out of range",
    JSON.stringify(withBackend({ maxConcurrent: 0 })),
    ["backends.b.details.maxConcurrent", "got 0"]
  ],
  [
    "has a shell line for a command",
    JSON.stringify(withBackend({ command: "claude -p {instruction}" })),
    ["backends.b.details.command", "expected an array", "claude -p"]
  ],
  [
    "names a backend nobody configured",
    JSON.stringify({ ...workbench(), runtimes: { r: profile("workers") } }),
    ["runtimes.r.backend", '"workers"', 'Did you mean "worker"?', "Known: worker, scripts, argv"]
  ],
  [
    "names an adapter that does not exist",
    JSON.stringify({ ...workbench(), backends: { b: { adapter: "local-proces", account: "here" } }, runtimes: {} }),
    ["backends.b.adapter", '"local-proces"', 'Did you mean "local-process"?']
  ],
  [
    "has a default nobody configured",
    JSON.stringify({ ...workbench(), defaults: { runtime: "constructor" } }),
    ["defaults.runtime", '"constructor"', "Known: echo, repo-report, argv"]
  ],
  ["uses __proto__ as a name", '{"runtimes": {"__proto__": {}}}', ["runtimes.__proto__: is no valid name"]]
]

describe("a config that", () => {
  for (const [what, text, named] of files) {
    it.scopedLive(`${what} is refused at the start and by --check, each time with the place and the remedy`, () =>
      Effect.gen(function* () {
        const at = yield* place
        const file = written(at, "wrong.json", text)
        const [served, checked] = yield* Effect.all(
          [runOnce(at, ["--config", file]), runOnce(at, ["--config", file, "--check", "--json"])],
          { concurrency: 2 }
        )
        assert.deepStrictEqual([served.code, served.stdout], [2, ""])
        assert.strictEqual(checked.code, 1)
        const { error } = yield* Schema.decode(Refusal)(checked.stdout)
        for (const message of [served.stderr, error.message]) {
          for (const word of [file, ...named]) assert.include(message, word)
          assert.notMatch(message, /^\s+at .*\.js:\d+/m, "no stack trace")
        }
      })
    )
  }

  it.scopedLive("is not there is refused with the path that was looked at", () =>
    Effect.gen(function* () {
      const at = yield* place
      const file = join(at.folder, "nowhere.json")
      for (const [args, env] of [
        [["--config", "nowhere.json"], {}],
        [[], { AGENTDISPATCH_CONFIG: file }]
      ] as const) {
        const served = yield* runOnce(at, args, { env })
        assert.deepStrictEqual([served.code, served.stdout], [2, ""])
        for (const word of [file, "ENOENT", "--config"]) assert.include(served.stderr, word)
      }
    })
  )

  it.scopedLive("is a folder, or cannot be spelled, is refused in one sentence", () =>
    Effect.gen(function* () {
      const at = yield* place
      const served = yield* runOnce(at, ["--config", at.folder])
      assert.deepStrictEqual([served.code, served.stdout], [2, ""])
      assert.include(served.stderr, "EISDIR")
    })
  )

  it.scopedLive("is fine passes --check, which says so for each runtime", () =>
    Effect.gen(function* () {
      const at = yield* place
      const good = yield* runOnce(at, ["--check", "--json"], { config: workbench() })
      assert.strictEqual(good.code, 0, good.stdout)
      const report = yield* Schema.decode(Schema.parseJson(Report))(good.stdout)
      assert.isTrue(report.ok)
      assert.deepStrictEqual(
        report.runtimes.map(({ runtime }) => runtime),
        ["echo", "repo-report", "argv"]
      )
      assert.strictEqual((yield* runOnce(at, ["--check"], { config: {} })).code, 0, "an empty config is no error")
      const missing = { ...workbench(), backends: { worker: backend({ command: ["no-such-program"] }) } }
      const bad = yield* runOnce(at, ["--check"], { config: { ...missing, runtimes: { echo: profile("worker") } } })
      assert.strictEqual(bad.code, 1)
      assert.match(bad.stdout, /FAIL executable: The executable "no-such-program" was not found.*Install it/)
    })
  )
})

const Report = Schema.Struct({
  ok: Schema.Boolean,
  runtimes: Schema.Array(Schema.Struct({ runtime: Schema.String, ok: Schema.Boolean }))
})

describe("the command line", () => {
  it.scopedLive("refuses what it does not know and shows what it takes", () =>
    Effect.gen(function* () {
      const at = yield* place
      for (const args of [["--confg", "x.json"], ["--config"], ["serve"]]) {
        const refused = yield* runOnce(at, args)
        assert.deepStrictEqual([refused.code, refused.stdout], [2, ""])
        assert.include(refused.stderr, args[0] ?? "")
        assert.include(refused.stderr, "agentdispatch-mcp [--config FILE]")
      }
    })
  )
})
