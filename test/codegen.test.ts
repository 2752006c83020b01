import { Command, FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, FastCheck, Stream } from "effect"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { inconsistencies } from "../codegen/Consistency.js"
import { apply, compare } from "../codegen/Disk.js"
import { Manifest, parse } from "../codegen/Manifest.js"
import { plan } from "../codegen/Plan.js"
import { withEntry } from "../codegen/Scaffold.js"

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
  for (const part of [
    "adapters",
    "codegen",
    "src",
    "test/contracts",
    "test/emulators",
    "test/fixtures",
    "test/support",
    "adapters.manifest.yaml"
  ]) {
    yield* files.makeDirectory(paths.dirname(paths.join(folder, part)), { recursive: true })
    yield* files.copy(paths.join(project, part), paths.join(folder, part))
  }
  for (const part of ["tsconfig.json", "package.json"])
    yield* files.copyFile(paths.join(project, part), paths.join(folder, part))
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
      assert.strictEqual(
        yield* files.readFileString(`${folder}/adapters/local-process/Wire.ts`),
        "export const ours = 1\n"
      )
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("say in their first line what made them and how to make them again", () =>
    Effect.gen(function* () {
      for (const file of yield* planned) {
        if (file.kind === "seed" || file.path.endsWith(".json")) continue
        assert.match(
          file.content.split("\n")[0] ?? "",
          /^\/\/ Made by codegen.* from adapters\.manifest\.yaml \(adapters.*npm run codegen$/
        )
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
      yield* files.writeFileString(
        `${folder}/adapters.manifest.yaml`,
        "adapters:\n  acme: { title: Acme, taskTypes: [agent.run, agent.walk] }\n"
      )
      const wrong = yield* codegen(folder)
      assert.strictEqual(wrong.code, 1)
      assert.include(
        wrong.stderr,
        '  adapters.acme.taskTypes[1]: expected "agent.run" | "command.run", got "agent.walk"\n'
      )
      assert.deepStrictEqual(yield* files.readDirectory(folder), ["adapters.manifest.yaml"])
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive(
    "-- --add NAME scaffolds an adapter that compiles, lacks nothing and is red until it is written",
    () =>
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

        const two = yield* withEntry(after, yield* parse(after), "bare")
        yield* apply(folder, plan(yield* parse(two)))
        yield* files.remove(`${folder}/test/fixtures/adapters/bare.ts`)
        yield* files.writeFileString(
          `${folder}/tsconfig.scaffold.json`,
          `{ "extends": "./tsconfig.json", "compilerOptions": { "plugins": [] }, "include": [], "files": ["adapters/acme-cloud/Wire.ts", "adapters/Registry.generated.ts", "test/contracts/Adapters.generated.test.ts"] }`
        )
        const compiled = yield* run(folder, bin("tsc"), "-p", "tsconfig.scaffold.json")
        const errors = compiled.stdout.split("\n").filter((line) => line !== "" && !line.startsWith(" "))
        assert.strictEqual(errors.length, 1, compiled.stdout)
        assert.match(
          errors[0] ?? "",
          /^test\/contracts\/Adapters\.generated\.test\.ts.* Cannot find module '\.\.\/fixtures\/adapters\/bare\.js'/
        )

        yield* files.writeFileString(`${folder}/red.ts`, redProgram)
        const red = yield* run(folder, bin("tsx"), "red.ts")
        assert.strictEqual(red.stderr, "")
        const members = ["prepare", "provision", "start", "probe", "observe", "finish", "cancel", "cleanup"]
        assert.deepStrictEqual(
          red.stdout.trim().split("\n"),
          members.map(
            (member) =>
              `acme_cloud.not_written adapters/acme-cloud/Adapter.ts: ${member} is not written yet. Write it, or set built: false in the manifest.`
          )
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
          Array.from(
            registry.matchAll(/^import \{ spec as \w+ \} from "\.\/(.*)\/Spec\.generated\.js"$/gm),
            (match) => match[1]
          ),
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
          const { diagnostics } = ts.transpileModule(content, {
            reportDiagnostics: true,
            compilerOptions: { module: ts.ModuleKind.ESNext }
          })
          assert.deepStrictEqual(
            diagnostics?.map(({ messageText }) => messageText),
            [],
            content
          )
        }
      }),
      { numRuns: 50 }
    )
  })
})
