import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either, Schema } from "effect"
import { Claim } from "../../adapters/local-process/Wire.js"
import type { JsonObject } from "../../src/domain/Json.js"
import type { TaskStatus } from "../../src/domain/Lifecycle.js"
import type { Place } from "./Server.js"
import type { Rows } from "./TaskRows.js"
import * as Bench from "./Workbench.js"

export const config = Bench.workbench({ maxConcurrent: 8, graceSeconds: 0.5 })

/** What the work of a task says while it runs, as progress and as log. */
export const steps = ["1", "2", "3", "4", "5"]

const ledgerOf = ({ folder }: Place): string => join(folder, "ledger")
const sign = (at: Place, word: string) => `echo "${word} $AGENTDISPATCH_TASK_ID $$" >> '${ledgerOf(at)}'`

/** Work with a side effect that cannot be taken back: a line in the ledger when it begins and one when it ends. */
export const work = (at: Place, pauseSeconds = 0.12): JsonObject =>
  Bench.shell(
    `${sign(at, "begin")}; for n in ${steps.join(" ")}; do echo '{"type":"task.progress","message":"'$n'"}'; echo "line $n"; sleep ${pauseSeconds}; done; ${sign(at, "end")}`
  )

/** Work that has to be killed. */
export const stubborn = (at: Place): JsonObject =>
  Bench.shell(`trap '' TERM HUP INT; ${sign(at, "begin")}; while :; do sleep 0.1; done; ${sign(at, "end")}`)

/** How often the ledger has a word for a task. */
export const signed = (at: Place, word: "begin" | "end", id: string): number =>
  ledger(at).filter((line) => line.startsWith(`${word} ${id} `)).length

export const ledger = (at: Place): ReadonlyArray<string> => (readOr(ledgerOf(at)) ?? "").split("\n").slice(0, -1)

const readOr = (path: string): string | undefined => Either.getOrUndefined(Either.try(() => readFileSync(path, "utf8")))

const namesIn = (folder: string): ReadonlyArray<string> =>
  Either.getOrElse(
    Either.try(() => readdirSync(folder)),
    () => []
  )

/** The folders of tasks that are not cleaned up yet. */
const folders = ({ stateDir }: Place): ReadonlyArray<string> =>
  namesIn(join(stateDir, "local"))
    .filter((name) => !name.startsWith("."))
    .map((name) => join(stateDir, "local", name))

/** A step of a task's life as it can be seen from outside; it answers the folder in which it was seen, or a word. */
export type Moment = (at: Place, rows: Rows) => Effect.Effect<string | undefined>

export const status =
  (wanted: TaskStatus): Moment =>
  (_, rows) =>
    Effect.map(rows.count(wanted), (count) => (count > 0 ? wanted : undefined))

/** A task is finished for its caller, but its folder and processes are not confirmed gone. */
export const uncleaned: Moment = (_, rows) =>
  Effect.map(rows.tasks, (tasks) => tasks.find((task) => task.status === "succeeded" && task.settled === 0)?.id)

export const file =
  (name: string): Moment =>
  (at) =>
    Effect.sync(() => folders(at).find((folder) => existsSync(join(folder, name))))

/** A record is being written and does not count yet. */
export const draft =
  (name: string): Moment =>
  (at) =>
    Effect.sync(() =>
      folders(at).find((folder) =>
        namesIn(folder).some((found) => found.startsWith(`${name}.`) && found.endsWith(".draft"))
      )
    )

/** Some task signed the ledger and none of its supervisor's later records is there yet. */
export const signature =
  (word: "begin" | "end"): Moment =>
  (at) =>
    Effect.sync(() =>
      folders(at).find((folder) => signed(at, word, taskOf(folder)) > 0 && !existsSync(join(folder, "exit.json")))
    )

export const taskOf = (folder: string): string => folder.slice(folder.lastIndexOf("/") + 1)

/** Looks without a pause, because the next step may come within a millisecond. */
export const sight = <A>(look: Effect.Effect<A | undefined>): Effect.Effect<A> =>
  Effect.flatMap(look, (seen) => (seen === undefined ? Effect.zipRight(breath, sight(look)) : Effect.succeed(seen)))

const breath = Effect.async<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})

const decodeClaim = Schema.decodeEither(Schema.parseJson(Claim))

/** The process that holds a task's claim, or is just writing one. */
export const supervisorOf = (folder: string): number | undefined => {
  const text = readOr(join(folder, "claim.json"))
  if (text !== undefined) return Either.getOrUndefined(decodeClaim(text))?.supervisor?.pid
  const written = namesIn(folder).flatMap((name) => /^claim\.json\.(\d+)\.draft$/.exec(name)?.[1] ?? [])
  return written[0] === undefined ? undefined : Number(written[0])
}

/** Supervisors that a server has started, also those that hold no claim yet; a fork is none before it runs the program. */
export const supervisorsOf = (server: number): ReadonlyArray<number> =>
  (readOr(`/proc/${server}/task/${server}/children`) ?? "")
    .split(" ")
    .filter((pid) => pid !== "" && readOr(`/proc/${pid}/cmdline`)?.includes("supervisor.js") === true)
    .map(Number)

/** Kills at once; a process that is gone already needs no killing. */
export const kill = (pid: number, signal: NodeJS.Signals = "SIGKILL"): boolean =>
  Either.isRight(Either.try(() => process.kill(pid, signal)))

/** The supervisors of all tasks that are not cleaned up yet. */
export const supervisors = (at: Place): ReadonlyArray<number> =>
  folders(at).flatMap((folder) => (existsSync(join(folder, "exit.json")) ? [] : (supervisorOf(folder) ?? [])))
