import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { auditAt, broken, records, times } from "./support/AuditBench.js"
import { stateFolder } from "./support/StateFolder.js"

const script = fileURLToPath(new URL("support/auditProcess.ts", import.meta.url))

/** Runs an appending process to its end; everything it said. */
const appender = (
  folder: string,
  name: string,
  count: number,
  onLine: (child: ChildProcess) => void = () => undefined
) =>
  Effect.async<ReadonlyArray<string>>((resume) => {
    const said: Array<string> = []
    const child = spawn(process.execPath, ["--import", "tsx", script, folder, name, String(count)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    createInterface({ input: child.stdout }).on("line", (line) => {
      said.push(line)
      onLine(child)
    })
    child.once("close", () => resume(Effect.succeed(said)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const handles = (said: ReadonlyArray<ReadonlyArray<string>>) =>
  said.flat().flatMap((line) => (line.startsWith("kept ") ? [line.slice(5)] : []))

describe("several processes with one audit", () => {
  it.scopedLive(
    "keep every record once in one chain, also the first ones",
    () =>
      Effect.gen(function* () {
        const folder = yield* stateFolder
        const said = yield* Effect.forEach(["0", "1", "2", "3"], (name) => appender(folder, name, 200), {
          concurrency: "unbounded"
        })
        for (const lines of said) assert.strictEqual(lines.at(-1), "done", lines.join("\n"))
        const [found, kept] = yield* Effect.provide(Effect.all([broken(), records]), auditAt(folder))
        assert.deepStrictEqual(found, [])
        assert.strictEqual(kept.length, 801)
        assert.deepStrictEqual(new Set(kept.flatMap(({ handle }) => handle ?? [])), new Set(handles(said)))
        for (const { handle = "", who } of kept.slice(1))
          assert.strictEqual(who.principal, `user:${handle.split("-")[0]}`)
      }),
    120_000
  )

  it.scopedLive(
    "lose no record that was kept when they are killed in the middle, and leave a log that goes on whole",
    () =>
      Effect.gen(function* () {
        const folder = yield* stateFolder
        const killedAfter = (most: number) => {
          let seen = 0
          return (child: ChildProcess) => void (++seen === most && child.kill("SIGKILL"))
        }
        const said = yield* Effect.forEach(
          [20, 45, 70, 95],
          (most, index) => appender(folder, String(index), 100_000, killedAfter(most)),
          { concurrency: "unbounded" }
        )
        for (const lines of said) assert.notStrictEqual(lines.at(-1), "done")
        const [found, kept] = yield* Effect.provide(
          Effect.zipRight(times(1), Effect.all([broken(), records])),
          auditAt(folder)
        )
        assert.deepStrictEqual(found, [])
        const have = new Set(kept.flatMap(({ handle }) => handle ?? []))
        assert.deepStrictEqual(
          handles(said).filter((handle) => !have.has(handle)),
          []
        )
      }),
    120_000
  )
})
