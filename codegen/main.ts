import { FileSystem, Path } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Data, Effect } from "effect"
import { suggestion } from "../src/domain/Nearest.js"
import { apply, compare, type Difference } from "./Disk.js"
import { parse } from "./Manifest.js"
import { plan } from "./Plan.js"
import { withEntry } from "./Scaffold.js"

class Drifted extends Data.TaggedError("Drifted")<{ readonly message: string }> {}
class Misused extends Data.TaggedError("Misused")<{ readonly message: string }> {}
class NoManifest extends Data.TaggedError("NoManifest")<{ readonly message: string }> {}

const usage = "Use: npm run codegen, npm run codegen -- --check, or npm run codegen -- --add NAME"
const flags = ["--check", "--add"]
const file = "adapters.manifest.yaml"

const inWords = ({ path, state, line }: Difference) =>
  `  ${path}: ${state}${line === undefined ? "" : ` from line ${line}`}`

const readManifest = Effect.fn("codegen.readManifest")(function* (root: string) {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  return yield* files
    .readFileString(paths.join(root, file))
    .pipe(
      Effect.mapError(
        () => new NoManifest({ message: `${file} cannot be read in ${root}. Run this in the project's top folder.` })
      )
    )
})

const check = Effect.fn("codegen.check")(function* (root: string) {
  const differences = yield* compare(root, plan(yield* parse(yield* readManifest(root))))
  if (differences.length > 0) {
    const lines = [`Not what ${file} says:`, ...differences.map(inWords), "Run: npm run codegen"]
    return yield* new Drifted({ message: lines.join("\n") })
  }
  yield* Console.log(`All files are what ${file} says.`)
})

const write = Effect.fn("codegen.write")(function* (root: string, yaml: string) {
  const changed = yield* apply(root, plan(yield* parse(yaml)))
  const lines = changed.map(({ path, state }) => `  ${path}: ${state === "stale" ? "removed" : "written"}`)
  yield* Console.log([changed.length === 0 ? "Nothing to change." : "Changed:", ...lines].join("\n"))
})

const add = Effect.fn("codegen.add")(function* (root: string, name: string) {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const before = yield* readManifest(root)
  const after = yield* withEntry(before, yield* parse(before), name)
  yield* parse(after)
  yield* files.writeFileString(paths.join(root, file), after)
  yield* write(root, after)
  yield* Console.log(
    `Next: describe ${name} in ${file}, run npm run codegen, and fill in adapters/${name}/Adapter.ts until its contract run is green.`
  )
})

const run = Effect.fn("codegen.run")(function* (root: string, [flag, name, ...more]: ReadonlyArray<string>) {
  if (flag === undefined) return yield* write(root, yield* readManifest(root))
  if (flag === "--check" && name === undefined) return yield* check(root)
  if (flag === "--add" && name !== undefined && more.length === 0) return yield* add(root, name)
  const hint = flags.includes(flag) ? "" : ` ${flag} is not a flag.${suggestion(flag, flags)}`
  return yield* new Misused({ message: `${usage}.${hint}` })
})

run(process.cwd(), process.argv.slice(2)).pipe(
  Effect.tapError((error) => Console.error(error.message)),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
