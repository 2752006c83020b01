import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import { eventually, type Place } from "./Server.js"
import * as Bench from "./Workbench.js"

/** A process that cannot be mistaken for a later one with the same number. */
export interface Kin {
  readonly pid: number
  /** Clock ticks since boot; https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
  readonly startTime: string
}

const registerOf = ({ folder }: Place): string => join(folder, "kin")

const deaf = (register: string) => `trap "" TERM HUP INT; echo $$ >> "${register}"; while :; do sleep 0.2; done`

/** Work with a child that has three children of its own, all deaf to SIGTERM; the last of them has left the session. */
export const threeDeaf = (at: Place): JsonObject => {
  const grandchild = `sh -c '${deaf(registerOf(at))}'`
  return Bench.command("sh", "-c", `sh -c "$0"; wait`, `${grandchild} & ${grandchild} & setsid ${grandchild} & wait`)
}

/** The three, once all have made themselves known. */
export const threeOf = (at: Place): Effect.Effect<ReadonlyArray<Kin>> =>
  eventually(
    Effect.sync(() => {
      const pids = read(registerOf(at)).split("\n").slice(0, -1).map(Number)
      const kin = pids.flatMap((pid) => {
        const startTime = startTimeOf(pid)
        return startTime === undefined ? [] : [{ pid, startTime }]
      })
      return kin.length === 3 ? kin : undefined
    })
  )

/** How many sessions they are in. */
export const sessionsOf = (kin: ReadonlyArray<Kin>): number => new Set(kin.map(({ pid }) => statOf(pid)[3])).size

/** Those that run, whatever has become of their parents; a dead one that nobody has collected does not. */
export const living = (kin: ReadonlyArray<Kin>): ReadonlyArray<Kin> =>
  kin.filter(({ pid, startTime }) => startTimeOf(pid) === startTime)

const startTimeOf = (pid: number): string | undefined => {
  const [state, ...rest] = statOf(pid)
  return state === "Z" || state === "X" ? undefined : rest[18]
}

/** The fields from the state on: the name before it may hold spaces. */
const statOf = (pid: number): ReadonlyArray<string> => {
  const stat = read(`/proc/${pid}/stat`)
  return stat === "" ? [] : stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

const read = (path: string): string =>
  Either.getOrElse(
    Either.try(() => readFileSync(path, "latin1")),
    () => ""
  )
