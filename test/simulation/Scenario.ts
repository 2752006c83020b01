import type { LeaseOptions } from "../../src/drivers/SchedulerLease.js"
import type { Chance } from "./Chance.js"

/** One piece of work, and what its callers do. */
export interface Job {
  readonly number: number
  readonly runtime: (typeof sessions)[number] | (typeof machines)[number]
  /** Lines it prints, one each `pace` milliseconds. */
  readonly lines: number
  readonly pace: number
  /** It asks after so many lines. */
  readonly asksAfter: number | undefined
  /** Whether its question has a default, and after how many seconds it is taken. */
  readonly question: { readonly preset: boolean; readonly expiresSeconds: number }
  readonly ends: "well" | "badly" | "when stopped"
  readonly artifact: boolean
  /** How long it takes to stop once told, in milliseconds. */
  readonly stopping: number
  readonly provisioning: number
  /** Looks that a cleanup takes before the machine is gone. */
  readonly leaving: number
  /** Callers who dispatch it, all with one key. */
  readonly callers: number
  readonly spawnAt: number
  /** When somebody wants it cancelled; two at once if `twice`. */
  readonly cancelAt: number | undefined
  readonly twice: boolean
  /** When the callers answer what it asked; nobody does if undefined. */
  readonly answersAt: number | undefined
  /** Somebody reads how it goes on. */
  readonly isWatched: boolean
  /** Its terms end it after so many seconds of running. */
  readonly runSeconds: number | undefined
  /** It goes before the others in the queue. */
  readonly isUrgent: boolean
  /** How it hangs together with job 0. */
  readonly kin: "depends on it" | "is a part of it" | undefined
}

/** Something that befalls the world at a time. */
export interface Incident {
  readonly at: number
  readonly what: "kill" | "pause" | "part" | "leave" | "lose"
  /** Who or which job it befalls, however many there are by then. */
  readonly whom: number
  readonly millis: number
}

/** All that a seed decides before the first step; the rest it decides on the way. */
export interface Scenario {
  readonly servers: number
  readonly lease: LeaseOptions
  readonly skew: number
  readonly jobs: ReadonlyArray<Job>
  /** How many tasks may be under way at once. */
  readonly room: number | undefined
  readonly incidents: ReadonlyArray<Incident>
  /** How likely each fault is at each of its chances. */
  readonly rates: ReadonlyMap<FaultKind, number>
  /** The write of a task at which a server is killed, counted over the world. */
  readonly killAtWrite: number | undefined
  /** How likely a process falls behind while others go on. */
  readonly slowDisk: number
  /** From when on nothing goes wrong any more, in milliseconds. */
  readonly calmAt: number
}

export const faultKinds = [
  "disk refuses",
  "disk answer lost",
  "disk writes late",
  "disk stalls",
  "killed before write",
  "killed after write",
  "killed before sending",
  "killed after sending",
  "paused before sending",
  "request lost",
  "reply lost",
  "request delayed",
  "request repeated",
  "request refused",
  "request rejected",
  "request hangs",
  "cannot say"
] as const
export type FaultKind = (typeof faultKinds)[number]

const sessions = ["idempotent", "probe", "once"] as const
const machines = ["machine", "machine-probe", "machine-once"] as const

/** Most worlds are small, so that there can be many of them; one in ten is not. */
export const scenario = (chance: Chance): Scenario => {
  const isLarge = chance.often(0.1)
  const lease = isLarge ? chance.pick([5, 20, 60]) : 5
  const span = isLarge ? chance.pick([700, 3_000, 10_000]) : chance.pick([300, 700, 2_000])
  const isCalm = chance.often(0.03)
  const count = chance.often(isLarge ? 0.6 : 0.12) ? 2 : 1
  const jobs = Array.from({ length: count }, (_, number) => job(chance, number, span, isLarge))
  const most = isLarge ? 6 : chance.pick([1, 2, 2, 3])
  const incidents = isCalm
    ? []
    : Array.from({ length: chance.below(most) }, () => incident(chance, span, lease * 1_000))
  return {
    servers: isLarge ? chance.pick([1, 2, 2, 3]) : chance.pick([1, 1, 1, 2]),
    lease: { lease: lease * 1_000, poll: lease * 1_000, limit: chance.pick([64, 64, 1]) },
    skew: chance.often(0.2) ? chance.below(lease * 400) : 0,
    jobs,
    room: count > 1 && chance.often(0.5) ? 1 : undefined,
    incidents,
    rates: rates(chance, isCalm),
    killAtWrite: !isCalm && chance.often(0.6) ? chance.below(isLarge ? 12 : 8) : undefined,
    slowDisk: chance.pick([3, 3, 40, 400]),
    calmAt: span + 5_000
  }
}

/** Each world has some kinds of faults and not others: what is rare together is then common alone. */
const rates = (chance: Chance, isCalm: boolean): ReadonlyMap<FaultKind, number> => {
  const wild = chance.pick([0.01, 0.04, 0.15])
  return new Map(faultKinds.map((kind) => [kind, !isCalm && chance.often(0.35) ? wild / (rarity.get(kind) ?? 1) : 0]))
}

/** What would drown everything else if it were as common. */
const rarity = new Map<FaultKind, number>([
  ["disk writes late", 4],
  ["disk stalls", 2],
  ["killed before write", 2],
  ["killed after write", 2],
  ["killed before sending", 2],
  ["killed after sending", 2],
  ["paused before sending", 2],
  ["request rejected", 4],
  ["request hangs", 8]
])

const job = (chance: Chance, number: number, span: number, isLarge: boolean): Job => {
  const asks = chance.often(isLarge ? 0.3 : 0.2)
  const ends = chance.pick(["well", "well", "well", "badly", "when stopped"] as const)
  const lines = isLarge ? chance.below(4) : chance.pick([0, 0, 1, 1, 2])
  const kin = number === 0 ? undefined : chance.pick(["depends on it", "is a part of it", undefined] as const)
  const runSeconds = chance.often(0.1) ? chance.pick([1, 3]) : undefined
  // What ends with another or by its terms needs nobody's wish.
  const cancels = (ends === "when stopped" && runSeconds === undefined) || chance.often(0.3)
  const rest = {
    number,
    runtime: chance.pick(chance.often(0.3) ? machines : sessions),
    lines,
    pace: chance.pick(isLarge ? [1, 100, 900] : [1, 1, 100, 900]),
    asksAfter: asks ? chance.below(lines + 1) : undefined,
    question: { preset: chance.often(0.5), expiresSeconds: chance.pick([1, 4, 12]) },
    ends,
    artifact: chance.often(0.4),
    stopping: chance.pick([0, 0, 700, 5_000]),
    provisioning: chance.pick([5, 400, 6_000]),
    leaving: chance.pick([0, 0, 1, 3]),
    callers: chance.pick(isLarge ? [1, 1, 2] : [1, 1, 1, 1, 1, 2]),
    spawnAt: chance.while(span),
    cancelAt: cancels ? chance.while(span) : undefined,
    twice: chance.often(0.3),
    answersAt: chance.often(0.8) ? chance.while(span) : undefined,
    isWatched: chance.often(isLarge ? 0.5 : 0.15),
    runSeconds,
    kin
  }
  // Nothing is drawn for it, so that the worlds that have a name stay what they were.
  return { ...rest, isUrgent: number > 0 && kin === undefined && rest.pace > 1 }
}

const incident = (chance: Chance, span: number, lease: number): Incident => ({
  at: chance.below(span),
  what: chance.pick(["kill", "kill", "pause", "pause", "part", "leave", "lose"] as const),
  whom: chance.below(64),
  millis: chance.pick([lease / 4, lease * 1.5, lease * 4])
})
