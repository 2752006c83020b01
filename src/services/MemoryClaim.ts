import type { Artifact, Resource, Task, TaskId } from "../domain/Task.js"
import type { TaskEvent } from "../domain/TaskEvent.js"
import type { TaskQuestion } from "../domain/TaskQuestion.js"
import { admit, countsOf, lineOf, queueEnd, readLine } from "../domain/Admission.js"
import { isTerminal } from "../domain/Lifecycle.js"
import type { ClaimRequest } from "./Store.js"
import type { Gone } from "./StoreMemoryUpkeep.js"

export interface Kept {
  readonly seq: number
  readonly events: Array<TaskEvent>
  readonly artifacts: Array<Artifact>
  readonly resources: Map<string, Resource>
  readonly questions: Map<string, TaskQuestion>
  task: Task
  log: string
  owner: string | undefined
  dueAt: number
}

/** What a store in memory holds of tasks. */
export interface Memory {
  readonly kept: Map<string, Kept>
  readonly keys: Map<string, { readonly fingerprint: string; readonly id: TaskId }>
  readonly leases: Map<string, number>
  readonly gone: Map<string, Gone>
  readonly uses: Array<{ readonly rule: string; readonly id: TaskId; readonly at: number }>
  /** The number of the task that was created last. */
  last: number
}

export const makeEmpty = (): Memory => ({
  kept: new Map(),
  keys: new Map(),
  leases: new Map(),
  gone: new Map(),
  uses: [],
  last: 0
})

const isLiving = ({ leases }: Memory, owner: string | undefined, now: number) =>
  owner !== undefined && (leases.get(owner) ?? 0) > now

const isUnderWay = (memory: Memory, { owner, task }: Kept, now: number) =>
  !isTerminal(task.status) && (task.status !== "queued" || isLiving(memory, owner, now))

const linesOf = (entries: ReadonlyArray<Kept>) => {
  const lines = new Map<string, Array<Kept>>()
  for (const entry of entries) {
    const text = lineOf(entry.task)
    lines.set(text, [...(lines.get(text) ?? []), entry])
  }
  return [...lines]
}

export const needed = ({ kept }: Memory, { task }: Kept) =>
  (task.lineage?.dependsOn ?? []).flatMap((id) => kept.get(id)?.task ?? [])

/** All that is left for it is to fail. */
const isFailing = (memory: Memory, entry: Kept, now: number) =>
  (queueEnd(entry.task) ?? Infinity) <= now ||
  needed(memory, entry).some(({ status }) => isTerminal(status) && status !== "succeeded")

/** Gives entries to an owner; what a silent one had claimed and not begun was not counted, so it must not begin it any more. */
export const take = (memory: Memory, owner: string, entries: ReadonlyArray<Kept>, now: number): ReadonlyArray<Task> => {
  const giveTo = (entry: Kept, to: string | undefined) => {
    entry.owner = to
    entry.task = { ...entry.task, epoch: entry.task.epoch + 1 }
  }
  for (const entry of entries) giveTo(entry, owner)
  if (entries.length === 0) return []
  for (const entry of memory.kept.values()) {
    const isHeld = entry.owner !== undefined && entry.owner !== owner && entry.task.status === "queued"
    if (isHeld && !isLiving(memory, entry.owner, now)) giveTo(entry, undefined)
  }
  return entries.map(({ task }) => task)
}

/** The tasks a claim may take, in the order it takes them. */
export const claimable = (
  memory: Memory,
  { owner: claimant, only, limit, host, mine = () => true, capacity, most = () => undefined }: ClaimRequest,
  now: number
): ReadonlyArray<Kept> => {
  const unsettled = [...memory.kept.values()].filter(({ task }) => !task.settled)
  const free = unsettled.filter(
    ({ dueAt, owner, task }) =>
      dueAt <= now && owner !== claimant && !isLiving(memory, owner, now) && (only === undefined || only === task.id)
  )
  const isHere = ({ task }: Kept) => host === undefined || task.host === undefined || task.host === host
  const queued = free.filter(({ task }) => task.status === "queued")
  const first = [
    ...free.filter((entry) => entry.task.status !== "queued" && isHere(entry)),
    ...queued.filter((entry) => isFailing(memory, entry, now))
  ].slice(0, Math.max(0, limit))
  const counts = countsOf(
    linesOf(unsettled.filter((entry) => isUnderWay(memory, entry, now))).map(([text, entries]) => [
      readLine(text),
      entries.length
    ])
  )
  const ready = queued.filter(
    (entry) =>
      isHere(entry) &&
      !isFailing(memory, entry, now) &&
      needed(memory, entry).every(({ status }) => status === "succeeded")
  )
  const lines = linesOf(ready).map(([text, entries]) => ({
    line: readLine(text),
    waiting: entries.map((entry) => ({ seq: entry.seq, request: entry.task.request, task: entry }))
  }))
  return [...first, ...admit(lines, counts, { capacity, most }, limit - first.length)].filter(({ task }) =>
    mine(task.id)
  )
}
