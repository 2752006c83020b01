import { Schema, Struct } from "effect"
import { canonical, type Json } from "../domain/Json.js"
import { isTerminal, step, type TaskStatus } from "../domain/Lifecycle.js"
import type { Artifact, Task } from "../domain/Task.js"
import { type NewTaskEvent, type TaskEvent, TaskEventType } from "../domain/TaskEvent.js"
import { asked } from "../domain/TaskQuestion.js"
import type { Basis, Change, NewTask } from "./Store.js"

/** A task and how much of its journal is written. */
export interface Journal {
  readonly task: Task
  readonly eventCount: number
  readonly artifactCount: number
}

/** What a change adds to the journal, and the task that comes of it. */
export interface Addition {
  readonly task: Task
  readonly events: ReadonlyArray<TaskEvent>
  /** Goes behind the log. */
  readonly log: string
  readonly artifacts: ReadonlyArray<Artifact>
}

/** The state and the first event of a task nobody has touched. */
export const open = ({ id, request, cloudAgent, principal, alias, lineage, host }: NewTask, now: number): Addition => ({
  task: {
    id,
    status: "queued",
    revision: 1,
    epoch: 0,
    request,
    ...(principal === undefined ? {} : { principal }),
    ...(alias === undefined ? {} : { alias }),
    ...(lineage === undefined ? {} : { lineage }),
    ...(host === undefined ? {} : { host }),
    attempt: 0,
    providerRefs: {},
    ...(cloudAgent === undefined ? {} : { cloudAgent }),
    logLength: 0,
    settled: false,
    createdAt: now,
    updatedAt: now
  },
  events: [{ number: 1, revision: 1, at: now, type: "task.created" }],
  log: "",
  artifacts: []
})

/**
 * Tasks to create one after the other. What depends on one that turned out to exist already, depends on that; `made`
 * holds what became of the earlier ones by the time the next is asked for.
 */
export function* renaming(
  tasks: ReadonlyArray<NewTask>,
  made: ReadonlyArray<{ readonly task: Task }>
): Generator<NewTask, void> {
  for (const task of tasks) {
    const dependsOn = task.lineage?.dependsOn?.map((needs) => {
      const index = tasks.findIndex(({ id }) => id === needs)
      return made[index]?.task.id ?? needs
    })
    yield dependsOn === undefined ? task : { ...task, lineage: { ...task.lineage, dependsOn } }
  }
}

/** Decides what a change comes to; undefined when its basis is stale, or when the task's state refuses it. */
export const extend = (
  { task, eventCount, artifactCount }: Journal,
  basis: Basis,
  change: Change,
  now: number
): Addition | undefined => {
  if (task.revision !== basis.revision || task.epoch !== basis.epoch) return undefined
  if (change.cursor !== undefined && canonical(task.cursor ?? null) !== canonical(basis.cursor ?? null))
    return undefined
  if (isTerminal(task.status) && touchesOutcome(change)) return undefined
  const move = moved(task.status, change)
  if (move === undefined) return undefined

  const { waitingUntil: _, ...moving } = task
  const left = move.event !== undefined && task.status === "queued" && !isTerminal(move.to)
  const began = move.to === "running" && task.startedAt === undefined
  const revision = move.event !== undefined || isVisible(change) ? task.revision + 1 : task.revision
  const events: Array<TaskEvent> = []
  const append = (event: NewTaskEvent) =>
    events.push({ number: eventCount + events.length + 1, revision, at: now, ...event })
  let log = ""
  for (const entry of change.entries ?? []) {
    if ("log" in entry) log += storable(entry.log)
    else if (entry.type === "task.log") {
      const line = entry.message === undefined ? "" : `${storable(entry.message)}\n`
      append({ type: entry.type, payload: logPayload(entry, task.logLength + log.length, line.length) })
      log += line
    } else append(entry.message === undefined ? entry : { ...entry, message: storable(entry.message) })
  }
  // What was seen came before what it led to.
  if (move.event !== undefined) append(transitionEvent(move.event, change))

  return {
    task: {
      ...(move.event === undefined ? task : moving),
      ...(left ? { admittedAt: now } : {}),
      ...(began ? { startedAt: now } : {}),
      ...Struct.pick(
        change,
        "attempt",
        "startToken",
        "providerRefs",
        "cloudAgent",
        "cursor",
        "outcome",
        "error",
        "stopping",
        "usage",
        "waitingUntil",
        "settled"
      ),
      status: move.to,
      revision,
      logLength: task.logLength + log.length,
      updatedAt: revision === task.revision ? task.updatedAt : now
    },
    events,
    log,
    artifacts: (change.artifacts ?? []).map((artifact, index) => ({
      ...artifact,
      id: `art_${artifactCount + index + 1}`,
      createdAt: now
    }))
  }
}

/** After the end only the cleaning up goes on: its messages, resources and schedule. */
const touchesOutcome = (change: Change): boolean =>
  change.attempt !== undefined ||
  change.startToken !== undefined ||
  change.providerRefs !== undefined ||
  change.cloudAgent !== undefined ||
  change.cursor !== undefined ||
  change.outcome !== undefined ||
  change.error !== undefined ||
  change.stopping !== undefined ||
  change.usage !== undefined ||
  hasSome(change.artifacts)

const isVisible = (change: Change): boolean =>
  change.providerRefs !== undefined ||
  change.cloudAgent !== undefined ||
  change.outcome !== undefined ||
  change.error !== undefined ||
  change.waitingUntil !== undefined ||
  hasSome(change.artifacts) ||
  (change.entries ?? []).some((entry) => !("log" in entry) && !unseen.has(entry.type))

/** What is written down without a new revision: nobody waits for it. */
const unseen: ReadonlySet<string> = new Set(["task.log", "task.heartbeat", "task.usage"])

const hasSome = (list: ReadonlyArray<unknown> | undefined): boolean => list !== undefined && list.length > 0

const moved = (
  from: TaskStatus,
  change: Change
): { readonly to: TaskStatus; readonly event?: TaskEventType } | undefined => {
  if (change.transition === undefined) return { to: from }
  const taken = step(from, change.transition)
  if ("refused" in taken) return undefined
  return "same" in taken ? { to: from } : { to: taken.to, event: eventType(taken.event) }
}

const eventType = Schema.decodeUnknownSync(TaskEventType)

const transitionEvent = (type: TaskEventType, { error, questions = [] }: Change): NewTaskEvent => {
  const [question] = questions
  if (type === "task.input_required" && question !== undefined) return asked(question)
  return type === "task.failed" && error !== undefined
    ? { type, payload: { code: error.code, message: error.message } }
    : { type }
}

const logPayload = ({ payload }: NewTaskEvent, cursor: number, length: number): Json =>
  payload === undefined ? { cursor, length } : { cursor, length, payload }

/** Text as every database and every client can carry it, unit for unit: no NUL, no half of a surrogate pair. */
export const storable = (text: string): string => text.replace(/[\u0000\p{Surrogate}]/gu, "\uFFFD")
