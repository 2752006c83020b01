import type { JsonObject } from "./Json.js"
import type { Task } from "./Task.js"

/** Something at a far side that carries the mark of one of our tasks, or lies in our state folder. */
export interface Remnant {
  /** Unique within its adapter, the same in every look. */
  readonly key: string
  readonly kind: string
  readonly taskId: string
  /** Of the work, which ends with its task; of its record, which lives as long; or a mark that keeps a late start out. */
  readonly part: "work" | "record" | "mark"
  /** When it was made or last touched, in milliseconds since 1970; 0 if it is older than can be told. */
  readonly since: number
  /** For a person: what it is and where. */
  readonly what: string
  /** Why it is left alone whatever became of its task; nothing would be lost if this is absent. */
  readonly stays?: string | undefined
  /** What the adapter needs to find it again. */
  readonly ref: JsonObject
}

/** What the store knows of the task that a remnant names; times are milliseconds since 1970. */
export type Standing =
  | { readonly is: "living" }
  | { readonly is: "settled"; readonly since: number }
  | { readonly is: "deleted"; readonly since: number; readonly exported: boolean }

/** An unsettled task and who drives it; times are milliseconds since 1970. */
export interface Loose {
  readonly task: Task
  readonly owner?: string | undefined
  readonly leaseUntil?: number | undefined
  readonly dueAt: number
  /** Until when its resources are kept on purpose. */
  readonly keptUntil?: number | undefined
  /** No adapter of this version can drive it. */
  readonly adapterUnknown?: boolean | undefined
}

export type Action =
  | { readonly do: "report"; readonly because: string }
  | { readonly do: "wake" }
  | { readonly do: "release"; readonly owner: string }
  | { readonly do: "remove"; readonly adapter: string; readonly remnant: Remnant }
  | { readonly do: "shorten"; readonly bytes: number }
  | { readonly do: "forget" }

/** Something that is not as it should be, and what would be done about it. */
export interface Finding {
  /** The same in every look at the same thing. */
  readonly key: string
  readonly kind: string
  readonly taskId: string
  readonly what: string
  /** In milliseconds since 1970. */
  readonly since: number
  readonly action: Action
  /** Only a person may have it done. */
  readonly askFirst?: boolean
}

const minute = 60_000
const hour = 60 * minute

/** How old a thing must be before it counts as left, in milliseconds. */
export const ages = {
  /** From the first look that found it to the one that acts. */
  apart: minute,
  undriven: 10 * minute,
  cleanup: hour,
  /** No lease and no postponement of ours reaches so far. */
  ahead: hour,
  slow: 2 * hour,
  unknown: hour,
  mark: 7 * 24 * hour
} as const

/** What is wrong with tasks that are not settled; one with a living owner is reported at the most. */
export const looseFindings = (loose: ReadonlyArray<Loose>, now: number): ReadonlyArray<Finding> =>
  loose.flatMap((one) => {
    const found = looseFinding(one, now)
    const { id, updatedAt } = one.task
    return found === undefined ? [] : [{ ...found, key: `${found.kind}:${id}`, taskId: id, since: updatedAt }]
  })

const looseFinding = (one: Loose, now: number): Pick<Finding, "kind" | "what" | "action"> | undefined => {
  const { task, owner, leaseUntil = 0, dueAt, keptUntil = 0, adapterUnknown = false } = one
  const silent = now - task.updatedAt
  const terminal = task.status === "succeeded" || task.status === "failed" || task.status === "cancelled"
  if (owner !== undefined && leaseUntil > now + ages.ahead) {
    const what = `its owner's lease ends ${inWords(leaseUntil - now)} from now, which no clock that is right has written`
    return { kind: "task.lease_ahead", what, action: { do: "release", owner } }
  }
  if (owner !== undefined && leaseUntil > now) {
    if (terminal || silent < ages.slow || !passing.has(task.status)) return undefined
    const because = "a living process drives it; get_task_logs may say what it waits for, and cancel_task ends it"
    return { kind: "task.slow", what: `is ${task.status} for ${inWords(silent)}`, action: { do: "report", because } }
  }
  if (dueAt > now + ages.ahead && dueAt > keptUntil + minute && silent >= ages.undriven) {
    return { kind: "task.postponed", what: `is postponed for ${inWords(dueAt - now)}`, action: { do: "wake" } }
  }
  if (terminal) {
    if (silent < ages.cleanup || keptUntil > now) return undefined
    const because = adapterUnknown
      ? `this version has no adapter "${task.request.adapter}"; install one that has, or remove its resources by hand`
      : "it is tried again and again; the server's log says what the backend answers"
    const what = `has ended and its resources are not confirmed gone after ${inWords(silent)}`
    return { kind: "task.uncleaned", what, action: { do: "report", because } }
  }
  if (task.status === "queued" || silent < ages.undriven) return undefined
  const because = "start a server, or `agentdispatch status` moves it one step on"
  const what = `is ${task.status} and no process drives it`
  return { kind: "task.undriven", what, action: { do: "report", because } }
}

/** Steps that no backend may take so long for. */
const passing = new Set<string>(["provisioning", "starting", "completing", "cancelling"])

/**
 * What of a far side nobody needs any more. A remnant of a living task is none; one whose task this database has never
 * known may belong to another one over the same folder, so only a person has it removed.
 */
export const remnantFindings = (
  adapter: string,
  remnants: ReadonlyArray<Remnant>,
  standings: ReadonlyMap<string, Standing>,
  now: number
): ReadonlyArray<Finding> =>
  remnants.flatMap((remnant) => {
    const standing = standings.get(remnant.taskId)
    if (!isLeft(remnant, standing, now)) return []
    const { key, kind, taskId, since, what, stays } = remnant
    const whose =
      standing === undefined
        ? "a task that nobody knows"
        : standing.is === "deleted"
          ? "a deleted task"
          : "an ended task"
    const action: Action = stays === undefined ? { do: "remove", adapter, remnant } : { do: "report", because: stays }
    const asking = standing === undefined && stays === undefined ? { askFirst: true } : {}
    return [{ key: `${adapter}:${key}`, kind, taskId, since, what: `${what}, of ${whose}`, action, ...asking }]
  })

const isLeft = ({ part, since }: Remnant, standing: Standing | undefined, now: number): boolean => {
  if (standing === undefined) return now - since >= (part === "mark" ? ages.mark : ages.unknown)
  if (standing.is === "living") return false
  if (part === "mark") return standing.is === "deleted" || now - Math.max(standing.since, since) >= ages.mark
  return part === "work" || (standing.is === "deleted" && !standing.exported)
}

/** Whether a finding is acted on now: at once when a person asks for it, else after an earlier look has found the same. */
export const isDue = (
  { action, askFirst = false, key }: Finding,
  look: { readonly seen: ReadonlyMap<string, number>; readonly now: number; readonly asked: boolean }
): boolean => {
  if (action.do === "report") return false
  if (look.asked) return true
  const first = look.seen.get(key)
  return !askFirst && first !== undefined && look.now - first >= ages.apart
}

export const inWords = (millis: number): string => {
  const minutes = Math.floor(millis / minute)
  if (minutes < 120) return `${minutes} minutes`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} hours` : `${Math.floor(minutes / 1_440)} days`
}
