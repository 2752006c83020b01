import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, type Scope } from "effect"
import { TaskId } from "../../src/domain/Task.js"
import { Store } from "../../src/services/Store.js"

const script = fileURLToPath(new URL("../support/storeProcess.ts", import.meta.url))
const shared = TaskId.make(`task_${"z".repeat(26)}`)

/** Runs a writing process to its end; everything it said. */
const writer = (
  folder: string,
  name: string,
  commits: number,
  onLine: (line: string, child: ChildProcess) => void = () => undefined,
  ...more: ReadonlyArray<string>
) =>
  Effect.async<ReadonlyArray<string>>((resume) => {
    const lines: Array<string> = []
    const child = spawn(process.execPath, ["--import", "tsx", script, folder, name, shared, String(commits), ...more], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line)
      onLine(line, child)
    })
    child.once("close", () => resume(Effect.succeed(lines)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const created = (lines: ReadonlyArray<string>) =>
  lines.filter((line) => line.startsWith("created ")).map((line) => TaskId.make(line.slice(8)))
const counted = (lines: ReadonlyArray<string>) =>
  lines.filter((line) => line.startsWith("counted ")).map((line) => Number(line.slice(8)))

/** A database as a process finds it: its place in one word. */
export interface SharedPlace {
  readonly place: Effect.Effect<string, never, Scope.Scope>
  readonly store: (place: string) => Layer.Layer<Store, unknown>
  /** What the database says of itself, and whether logs and journals are whole. */
  readonly intact: (place: string) => Effect.Effect<void, unknown>
}

/** What holds for real processes that share a database, whatever happens to one of them. */
export const storeProcessesContract = (database: string, { intact, place, store: storeAt }: SharedPlace) =>
  describe(`several processes on one database (${database})`, () => {
    it.scopedLive(
      "can all be the first, and lose no update to each other",
      () =>
        Effect.gen(function* () {
          const folder = yield* place
          const said = yield* Effect.forEach(["0", "1", "2", "3"], (name) => writer(folder, name, 40), {
            concurrency: "unbounded"
          })
          for (const lines of said) assert.strictEqual(lines.at(-1), "done", lines.join("\n"))
          assert.deepStrictEqual(
            said.flatMap(counted).sort((a, b) => a - b),
            Array.from({ length: 160 }, (_, index) => index + 1)
          )
          yield* Effect.gen(function* () {
            const store = yield* Store
            const task = yield* store.find(shared)
            assert.strictEqual(task.revision, 161)
            assert.strictEqual(task.logLength, 160 * 6_000)
            const events = yield* store.events(shared, { afterRevision: 0, limit: 1_000 })
            assert.deepStrictEqual(
              events.map(({ number }) => number),
              Array.from({ length: 161 }, (_, index) => index + 1)
            )
            yield* Effect.forEach(said.flatMap(created), (id) => store.find(id))
          }).pipe(Effect.provide(storeAt(folder)))
          yield* intact(folder)
        }),
      120_000
    )

    it.scopedLive(
      "never let more in than a limit allows, and as many",
      () =>
        Effect.gen(function* () {
          const folder = yield* place
          const said = yield* Effect.forEach(["0", "1", "2"], (name) => writer(folder, name, 20, undefined, "23"), {
            concurrency: "unbounded"
          })
          for (const lines of said) assert.strictEqual(lines.at(-1), "done", lines.join("\n"))
          assert.lengthOf(said.flatMap(created), 23)
          assert.lengthOf(
            said.flat().filter((line) => line === "refused QuotaReached"),
            60 - 23
          )
          const use = yield* Effect.provide(
            Effect.flatMap(Store, (store) => store.quotaUse("shared")),
            storeAt(folder)
          )
          assert.deepStrictEqual(use, { lastHour: 23, unfinished: 23 })
        }),
      60_000
    )

    it.scopedLive(
      "find everything another was told is written, though it was killed while writing",
      () =>
        Effect.gen(function* () {
          const folder = yield* place
          const kill = (after: number) => {
            let seen = 0
            return (line: string, child: ChildProcess) => {
              if (line.startsWith("counted ") && ++seen === after) child.kill("SIGKILL")
            }
          }
          const said = yield* Effect.all(
            [writer(folder, "0", 100_000, kill(25)), writer(folder, "1", 100_000, kill(40))],
            { concurrency: 2 }
          )
          for (const lines of said) assert.notStrictEqual(lines.at(-1), "done")
          yield* intact(folder)
          yield* Effect.gen(function* () {
            const store = yield* Store
            const task = yield* store.find(shared)
            assert.isAtLeast(Number(task.providerRefs["count"]), Math.max(...said.flatMap(counted)))
            const page = yield* store.log(shared, { cursor: task.logLength - 100, limit: 1_000 })
            assert.strictEqual(page.data, "🧪".repeat(50))
            yield* Effect.forEach(said.flatMap(created), (id) => store.find(id))
          }).pipe(Effect.provide(storeAt(folder)))
        }),
      120_000
    )
  })
