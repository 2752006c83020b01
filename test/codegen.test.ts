import { Command, FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Either, FastCheck, Stream } from "effect"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { inconsistencies } from "../codegen/Consistency.js"
import { apply, compare } from "../codegen/Disk.js"
import { Manifest, parse } from "../codegen/Manifest.js"
import { plan } from "../codegen/Plan.js"

const project = fileURLToPath(new URL("..", import.meta.url))

const bin = (name: string) => `${project}node_modules/.bin/${name}`

/** Runs a program in a folder, to its end. */
const run = (folder: string, program: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const child = yield* Command.start(Command.make(program, ...args).pipe(Command.workingDirectory(folder)))
    const text = (stream: typeof child.stdout) => stream.pipe(Stream.decodeText(), Stream.mkString)
    const [stdout, stderr, code] = yield* Effect.all([text(child.stdout), text(child.stderr), child.exitCode], {
      concurrency: "unbounded"
    })
    return { stdout, stderr, code: Number(code) }
  }).pipe(Effect.scoped)

const codegen = (folder: string, ...flags: ReadonlyArray<string>) =>
  run(folder, bin("tsx"), `${project}codegen/main.ts`, ...flags)

/** A copy of what codegen reads and writes, gone at the end. */
const copy = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const folder = yield* files.makeTempDirectoryScoped()
  for (const part of ["adapters", "codegen", "src", "test/contracts", "test/fixtures", "adapters.manifest.yaml"]) {
    yield* files.makeDirectory(paths.dirname(paths.join(folder, part)), { recursive: true })
    yield* files.copy(paths.join(project, part), paths.join(folder, part))
  }
  for (const part of ["tsconfig.json", "package.json"]) yield* files.copyFile(paths.join(project, part), paths.join(folder, part))
  yield* files.symlink(paths.join(project, "node_modules"), paths.join(folder, "node_modules"))
  return folder
})

const planned = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  return plan(yield* parse(yield* files.readFileString(`${project}adapters.manifest.yaml`)))
})

describe("the generated files", () => {
  it.scopedLive("are what the manifest of this project says", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* compare(project, yield* planned), [])
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("are written again when changed, missing or left over, and seeds are not", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const folder = yield* copy
      const wanted = yield* planned
      const spec = `${folder}/adapters/local-process/Spec.generated.ts`
      const before = yield* files.readFileString(spec)
      yield* files.writeFileString(spec, before.replace("Local process", "Edited"))
      yield* files.remove(`${folder}/adapters/Registry.generated.ts`)
      yield* files.writeFileString(`${folder}/adapters/local-process/Wire.ts`, "export const ours = 1\n")
      yield* files.makeDirectory(`${folder}/adapters/dropped`)
      yield* files.writeFileString(`${folder}/adapters/dropped/Spec.generated.ts`, before)
      const line = before.split("\n").findIndex((text) => text.includes("Local process")) + 1

      const differences = yield* compare(folder, wanted)
      assert.sameDeepMembers(differences, [
        { path: "adapters/local-process/Spec.generated.ts", state: "differs", line },
        { path: "adapters/Registry.generated.ts", state: "missing" },
        { path: "adapters/dropped/Spec.generated.ts", state: "stale" }
      ])
      assert.deepStrictEqual(yield* apply(folder, wanted), differences)
      assert.deepStrictEqual(yield* compare(folder, wanted), [])
      assert.isFalse(yield* files.exists(`${folder}/adapters/dropped/Spec.generated.ts`))
      assert.strictEqual(yield* files.readFileString(`${folder}/adapters/local-process/Wire.ts`), "export const ours = 1\n")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("say in their first line what made them and how to make them again", () =>
    Effect.gen(function* () {
      for (const file of yield* planned) {
        if (file.kind === "seed" || file.path.endsWith(".json")) continue
        assert.match(file.content.split("\n")[0] ?? "", /^\/\/ Made by codegen.* from adapters\.manifest\.yaml \(adapters.*npm run codegen$/)
      }
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("npm run codegen", () => {
  it.scopedLive("-- --check fails on drift and names the file and the line", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const folder = yield* copy
      yield* apply(folder, yield* planned)
      const clean = yield* codegen(folder, "--check")
      assert.deepStrictEqual([clean.code, clean.stderr], [0, ""])

      yield* files.writeFileString(`${folder}/adapters/Registry.generated.ts`, "// edited by hand\n")
      const drifted = yield* codegen(folder, "--check")
      assert.strictEqual(drifted.code, 1)
      assert.include(drifted.stderr, "  adapters/Registry.generated.ts: differs from line 1\n")
      assert.include(drifted.stderr, "Run: npm run codegen")
      assert.strictEqual(yield* files.readFileString(`${folder}/adapters/Registry.generated.ts`), "// edited by hand\n")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("answers a wrong manifest, a wrong flag and a wrong folder with what to do, and writes nothing", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const folder = yield* files.makeTempDirectoryScoped()
      const nowhere = yield* codegen(folder)
      assert.strictEqual(nowhere.code, 1)
      assert.include(nowhere.stderr, "Run this in the project's top folder.")
      const wrongFlag = yield* codegen(folder, "--chek")
      assert.include(wrongFlag.stderr, 'Did you mean "--check"?')
      yield* files.writeFileString(`${folder}/adapters.manifest.yaml`, "adapters:\n  acme: { title: Acme, taskTypes: [agent.run, agent.walk] }\n")
      const wrong = yield* codegen(folder)
      assert.strictEqual(wrong.code, 1)
      assert.include(wrong.stderr, '  adapters.acme.taskTypes[1]: expected "agent.run" | "command.run", got "agent.walk"\n')
      assert.deepStrictEqual(yield* files.readDirectory(folder), ["adapters.manifest.yaml"])
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("-- --add NAME scaffolds an adapter that compiles, lacks nothing and is red until it is written", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const folder = yield* copy
      yield* apply(folder, yield* planned)
      const before = yield* files.readFileString(`${folder}/adapters.manifest.yaml`)
      const added = yield* codegen(folder, "--add", "acme-cloud")
      assert.deepStrictEqual([added.code, added.stderr], [0, ""])
      assert.include(added.stdout, "adapters/acme-cloud/Adapter.ts: written")
      const after = yield* files.readFileString(`${folder}/adapters.manifest.yaml`)
      assert.isTrue(after.startsWith(before), "what stood in the manifest stays as it is")
      assert.include(after.slice(before.length), "# What a repeated start does.")
      assert.strictEqual((yield* codegen(folder, "--check")).code, 0)

      const again = yield* codegen(folder, "--add", "acme-cloud")
      assert.deepStrictEqual([again.code, again.stderr.includes("already has it")], [1, true])

      yield* codegen(folder, "--add", "bare")
      yield* files.remove(`${folder}/test/fixtures/adapters/bare.ts`)
      yield* files.writeFileString(
        `${folder}/tsconfig.scaffold.json`,
        `{ "extends": "./tsconfig.json", "compilerOptions": { "plugins": [] }, "include": [], "files": ["adapters/acme-cloud/Wire.ts", "adapters/Registry.generated.ts", "test/contracts/Adapters.generated.test.ts"] }`
      )
      const compiled = yield* run(folder, bin("tsc"), "-p", "tsconfig.scaffold.json")
      assert.deepStrictEqual(
        compiled.stdout.split("\n").filter((line) => line !== "" && !line.startsWith(" ")),
        [
          "test/contracts/Adapters.generated.test.ts(3,37): error TS2307: Cannot find module '../fixtures/adapters/bare.js' or its corresponding type declarations."
        ],
        "only the fixture that is missing is an error"
      )

      yield* files.writeFileString(`${folder}/red.ts`, redProgram)
      const red = yield* run(folder, bin("tsx"), "red.ts")
      assert.strictEqual(red.stderr, "")
      const members = ["prepare", "provision", "start", "probe", "observe", "finish", "cancel", "cleanup"]
      assert.deepStrictEqual(
        red.stdout.trim().split("\n"),
        members.map((member) => `acme_cloud.not_written adapters/acme-cloud/Adapter.ts: ${member} is not written yet. Write it, or set built: false in the manifest.`)
      )
    }).pipe(Effect.provide(NodeContext.layer)),
    120_000
  )
})

/** Asks every member of the scaffolded adapter and prints how each fails. */
const redProgram = `
import { Effect } from "effect"
import { Adapter } from "./src/services/Adapter.js"
import { TaskId } from "./src/domain/Task.js"
import { fixture } from "./test/fixtures/adapters/acme-cloud.js"

const program = Effect.gen(function* () {
  const adapter = yield* Adapter
  const request = yield* fixture.requests.succeeds
  const task = {
    id: TaskId.make("task_00000000000000000000000001"), status: "queued" as const, revision: 1, epoch: 1, request, attempt: 1,
    providerRefs: {}, logLength: 0, settled: false, createdAt: 0, updatedAt: 0
  }
  const { prepare, provision, start, probe, observe, finish, cancel, cleanup } = adapter
  for (const member of [prepare, provision, start, probe, observe, finish, cancel, (t: typeof task) => cleanup(t, [])]) {
    const failure = yield* Effect.flip<unknown, { readonly code: string; readonly message: string }, never>(member(task))
    console.log(failure.code, failure.message)
  }
})
Effect.runPromise(Effect.provide(program, fixture.layer))
`

const entry = (changes: string, removed: ReadonlyArray<string> = []) => {
  const lines = [
    "title: Acme",
    "provider: acme",
    "capability: agent-runtime",
    "taskTypes: [agent.run]",
    "targetModes: [session]",
    "start: once",
    "transport: http",
    "maxConcurrent: 1"
  ].filter((line) => !removed.some((key) => line.startsWith(`${key}:`)))
  return `adapters:\n  acme:\n${[...lines, ...changes.split("\n")].map((line) => `    ${line}`).join("\n")}\n`
}

const detail = (field: string) => entry(`details: { fields: { region: ${field} } }`)
const failure = (fields: string) => entry(`errors: { broken: { retryable: true, delivery: none, ${fields} } }`)

describe("a wrong manifest", () => {
  const mistakes: ReadonlyArray<readonly [what: string, yaml: string, ...problems: ReadonlyArray<string>]> = [
    ["is empty", "", "the file: expected a map, got null"],
    ["is no YAML", "adapters: {\n", "Flow map in block collection must be sufficiently indented and end with a } at line 2, column 1"],
    ["names an adapter twice", "adapters:\n  a: {}\n  a: {}\n", "Map keys must be unique at line 2, column 3"],
    ["refers to nothing", "adapters: *x\n", "ReferenceError: Unresolved alias (the anchor must be set before the alias): x"],
    [
      "misspells its top key",
      "adaptors: {}\n",
      'adaptors: is not a known key. Did you mean "adapters"? Known: adapters',
      "adapters: is missing"
    ],
    [
      "gives an adapter an unusable name",
      "adapters: { Acme: {}, __proto__: {} }\n",
      "adapters.Acme: is not a valid name: expected lower-case words joined by '-', such as acme-cloud",
      "adapters.__proto__: is not a valid name: expected lower-case words joined by '-', such as acme-cloud"
    ],
    [
      "has a task type that does not exist",
      entry("taskTypes: [agent.run, agent.walk]", ["taskTypes"]),
      'adapters.acme.taskTypes[1]: expected "agent.run" | "command.run", got "agent.walk"'
    ],
    ["repeats a task type", entry("taskTypes: [agent.run, agent.run]", ["taskTypes"]), 'adapters.acme.taskTypes[1]: repeats "agent.run"'],
    ["gives text for a list", entry("targetModes: session", ["targetModes"]), 'adapters.acme.targetModes: expected a list, got "session"'],
    [
      "misspells a key",
      entry("provder: acme", ["provider"]),
      'adapters.acme.provder: is not a known key. Did you mean "provider"? Known: title, provider, capability, taskTypes, targetModes, protocols, start, transport, maxConcurrent, built, account, details, needs, errors',
      "adapters.acme.provider: is missing"
    ],
    ["lets no task run", entry("maxConcurrent: 0", ["maxConcurrent"]), "adapters.acme.maxConcurrent: expected a positive number, got 0"],
    [
      "has several mistakes at once",
      entry("start: onse\nbuilt: maybe", ["start"]),
      'adapters.acme.start: expected "idempotent" | "probe" | "once", got "onse"',
      'adapters.acme.built: expected boolean, got "maybe"'
    ],
    [
      "has a field of an unknown type",
      detail("{ type: strng, description: d }"),
      'adapters.acme.details.fields.region.type: expected "string" | "int" | "number" | "boolean" | "string[]" | "record" | "enum" | "json", got "strng"'
    ],
    [
      "gives a field a key of another type",
      detail("{ type: string, description: d, min: 1 }"),
      "adapters.acme.details.fields.region.min: is not a known key. Known: type, description, required, caller, default, pattern"
    ],
    ["leaves a field undescribed", detail("{ type: json }"), "adapters.acme.details.fields.region.description: is missing"],
    [
      "gives a default of another type",
      detail('{ type: int, description: d, default: "5" }'),
      'adapters.acme.details.fields.region.default: expected an integer, got "5"'
    ],
    [
      "gives a default out of bounds",
      detail("{ type: int, description: d, default: 5, max: 4 }"),
      "adapters.acme.details.fields.region.default: is above max, 4"
    ],
    ["has bounds nothing meets", detail("{ type: number, description: d, min: 2, max: 1 }"), "adapters.acme.details.fields.region.min: is above max, 1"],
    [
      "has a default that is no choice",
      detail("{ type: enum, description: d, values: [a, b], default: c }"),
      'adapters.acme.details.fields.region.default: expected one of a, b, got "c"'
    ],
    ["has a broken pattern", detail('{ type: string, description: d, pattern: "(" }'), "adapters.acme.details.fields.region.pattern: is not a regular expression"],
    [
      "requires what has a default",
      detail("{ type: string, description: d, required: true, default: x }"),
      "adapters.acme.details.fields.region.required: a field with a default is never missing; remove one of the two"
    ],
    [
      "lets a call choose the account",
      entry("account: { fields: { profile: { type: string, description: d, caller: true } } }"),
      "adapters.acme.account.fields.profile.caller: an account comes from the config alone"
    ],
    [
      "asks for a detail that does not exist",
      `${detail("{ type: string, description: d, caller: true }")}    needs: [{ id: regoin, question: q }]\n`,
      'adapters.acme.needs[0].id: names no detail. Did you mean "region"? Known: region'
    ],
    [
      "asks for a detail no call can give, in a mode that is not offered",
      `${detail("{ type: string, description: d }")}    needs: [{ id: region, question: q, modes: [runtime] }]\n`,
      "adapters.acme.needs[0].id: the answer comes with a call, so details.fields.region needs caller: true",
      'adapters.acme.needs[0].modes[0]: the adapter does not offer "runtime"; it offers session'
    ],
    [
      "has a hole in a message that no field fills",
      failure('message: "{regoin} is down", fields: { region: string }'),
      'adapters.acme.errors.broken.message: {regoin} names no field. Did you mean "region"? Known: region'
    ],
    [
      "gives an error a field every error has",
      failure('message: m, fields: { code: string }'),
      "adapters.acme.errors.broken.fields.code: every error has its own; choose another name"
    ],
    [
      "gives two errors one code",
      entry("errors:\n  a: { retryable: true, delivery: none, message: m }\n  b: { code: acme.a, retryable: true, delivery: none, message: m }"),
      'adapters.acme.errors.b.code: another error has the code "acme.a"'
    ]
  ]

  for (const [what, yaml, ...problems] of mistakes) {
    it(`that ${what} is told so`, () => {
      assert.deepStrictEqual(Either.match(parse(yaml), { onLeft: (invalid) => invalid.problems, onRight: () => [] }), problems)
    })
  }

  it("differs from a right one by its mistake alone", () => {
    assert.isTrue(Either.isRight(parse(entry("protocols: [http]"))))
  })
})

describe("the plan", () => {
  const manifests = Arbitrary.make(Manifest).filter((manifest) => inconsistencies(manifest.adapters).length === 0)

  it("is the same for the same manifest, and keeps the order of its entries", () => {
    FastCheck.assert(
      FastCheck.property(manifests, (manifest) => {
        const names = Object.keys(manifest.adapters)
        const files = plan(manifest)
        assert.deepStrictEqual(plan({ adapters: { ...manifest.adapters } }), files)
        assert.deepStrictEqual(
          files.flatMap(({ path }) => /^adapters\/(.*)\/Spec\.generated\.ts$/.exec(path)?.slice(1) ?? []),
          names
        )
        const registry = files.find(({ path }) => path === "adapters/Registry.generated.ts")?.content ?? ""
        assert.deepStrictEqual(
          Array.from(registry.matchAll(/^import \{ spec as \w+ \} from "\.\/(.*)\/Spec\.generated\.js"$/gm), (match) => match[1]),
          names
        )
        assert.strictEqual(new Set(files.map(({ path }) => path)).size, files.length)
      }),
      { numRuns: 50 }
    )
  })

  it("holds nothing but TypeScript that can be read, whatever the manifest's texts contain", () => {
    FastCheck.assert(
      FastCheck.property(manifests, (manifest) => {
        for (const { path, content } of plan(manifest)) {
          if (!path.endsWith(".ts")) continue
          const { diagnostics } = ts.transpileModule(content, { reportDiagnostics: true, compilerOptions: { module: ts.ModuleKind.ESNext } })
          assert.deepStrictEqual(diagnostics?.map(({ messageText }) => messageText), [], content)
        }
      }),
      { numRuns: 50 }
    )
  })
})
