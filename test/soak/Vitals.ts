import { readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either, Schema } from "effect"
import { eventually, type Place, written } from "../support/Server.js"

/** What a server and its state folder hold at one moment; all but `tasks` and `descriptors` are bytes. */
export interface Vitals {
  readonly tasks: number
  readonly rss: number
  /** After a collection. */
  readonly heap: number
  readonly descriptors: number
  readonly state: number
  readonly wal: number
}

const Memory = Schema.parseJson(Schema.Struct({ rss: Schema.Number, heapUsed: Schema.Number }))
const decodeMemory = Schema.decodeEither(Memory)

const memoryOf = ({ folder }: Place) => join(folder, "memory.json")

/** What NODE_OPTIONS must hold for a server that collects its garbage and writes its memory down at a SIGUSR2. */
export const telling = (at: Place): string => {
  const path = JSON.stringify(memoryOf(at))
  const script = `const { setFlagsFromString } = require("node:v8")
const { renameSync, writeFileSync } = require("node:fs")
setFlagsFromString("--expose-gc")
const gc = require("node:vm").runInNewContext("gc")
process.on("SIGUSR2", () => {
  gc()
  writeFileSync(${path} + ".draft", JSON.stringify(process.memoryUsage()))
  renameSync(${path} + ".draft", ${path})
})
`
  return `--require=${written(at, "tell.cjs", script)}`
}

/** The figures of a server that was started as `telling` says. */
export const vitals = (at: Place, pid: number, tasks: number): Effect.Effect<Vitals> =>
  Effect.gen(function* () {
    rmSync(memoryOf(at), { force: true })
    process.kill(pid, "SIGUSR2")
    const { heapUsed, rss } = yield* eventually(
      Effect.sync(() =>
        Either.getOrUndefined(
          Either.flatMap(
            Either.try(() => readFileSync(memoryOf(at), "utf8")),
            decodeMemory
          )
        )
      )
    )
    const files = filesBelow(at.stateDir)
    const size = (name: string) => statSync(name, { throwIfNoEntry: false })?.size ?? 0
    return {
      tasks,
      rss,
      heap: heapUsed,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      state: files.reduce((sum, name) => sum + size(name), 0),
      wal: size(join(at.stateDir, "agentdispatch.db-wal"))
    }
  })

/** Files may go while they are looked for. */
const filesBelow = (folder: string): ReadonlyArray<string> =>
  Either.getOrElse(
    Either.try(() => readdirSync(folder, { withFileTypes: true })),
    () => []
  ).flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]))
