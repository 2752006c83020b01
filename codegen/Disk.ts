import { FileSystem, Path } from "@effect/platform"
import { Effect, Option } from "effect"
import type { PlannedFile } from "./Plan.js"
import { isMade } from "./templates/Header.js"

/** One file that is not as the manifest wants it. */
export interface Difference {
  readonly path: string
  readonly state: "missing" | "differs" | "stale"
  /** The first line that differs, from 1. */
  readonly line?: number
}

const read = Effect.fn("codegen.read")(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  return (yield* files.exists(path)) ? Option.some(yield* files.readFileString(path)) : Option.none<string>()
})

const firstDifference = (a: string, b: string): number => {
  const [left, right] = [a.split("\n"), b.split("\n")]
  const index = left.findIndex((line, position) => line !== right[position])
  return (index === -1 ? left.length : index) + 1
}

const difference = (planned: PlannedFile, found: Option.Option<string>): ReadonlyArray<Difference> => {
  const { path } = planned
  if (Option.isNone(found)) return [{ path, state: "missing" }]
  return planned.kind === "seed" || found.value === planned.content
    ? []
    : [{ path, state: "differs", line: firstDifference(found.value, planned.content) }]
}

/** Files an earlier manifest owned and this one does not. */
const stale = Effect.fn("codegen.stale")(function* (root: string, planned: ReadonlyArray<PlannedFile>) {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const owned = new Set(planned.map((file) => file.path))
  const candidates = yield* Effect.forEach(["adapters", "test/contracts"], (folder) =>
    files.exists(paths.join(root, folder)).pipe(
      Effect.flatMap((exists) =>
        exists ? files.readDirectory(paths.join(root, folder), { recursive: true }) : Effect.succeed([])
      ),
      Effect.map((names) => names.map((name) => `${folder}/${name.replaceAll("\\", "/")}`))
    )
  )
  return yield* Effect.filter(
    candidates
      .flat()
      .filter((path) => /\.generated(\.test)?\.ts$/.test(path) && !owned.has(path))
      .sort(),
    (path) => Effect.map(files.readFileString(paths.join(root, path)), isMade)
  )
})

/** What is not as planned, in the plan's order, then what is left over. Seeds count only when they are missing. */
export const compare = Effect.fn("codegen.compare")(function* (root: string, planned: ReadonlyArray<PlannedFile>) {
  const paths = yield* Path.Path
  const differences = yield* Effect.forEach(planned, (file) =>
    Effect.map(read(paths.join(root, file.path)), (found) => difference(file, found))
  )
  const left = yield* stale(root, planned)
  return [...differences.flat(), ...left.map((path): Difference => ({ path, state: "stale" }))]
})

/** Makes the disk what is planned and says what it was that it changed. */
export const apply = Effect.fn("codegen.apply")(function* (root: string, planned: ReadonlyArray<PlannedFile>) {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const differences = yield* compare(root, planned)
  for (const { path } of differences) {
    const target = paths.join(root, path)
    const file = planned.find((candidate) => candidate.path === path)
    if (file === undefined) yield* files.remove(target)
    else {
      yield* files.makeDirectory(paths.dirname(target), { recursive: true })
      yield* files.writeFileString(target, file.content)
    }
  }
  return differences
})
