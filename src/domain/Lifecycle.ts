import { Schema } from "effect"

/** Where a task stands; the last three are terminal and never change. */
export const TaskStatus = Schema.Literal(
  "queued",
  "provisioning",
  "starting",
  "running",
  "input_required",
  "completing",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled"
)
export type TaskStatus = typeof TaskStatus.Type

/**
 * What can happen to a task.
 * `provision` and `start` announce an effect that follows; `retry` announces another start after one that is known
 * not to have reached the far side; `run`, `ask` and `finish` record what the far side said, `resume` that it has its
 * answers; `cancel` is somebody's wish and `stopped` its confirmation.
 */
export const Transition = Schema.Literal(
  "provision",
  "start",
  "retry",
  "run",
  "ask",
  "resume",
  "finish",
  "succeed",
  "fail",
  "cancel",
  "stopped"
)
export type Transition = typeof Transition.Type

/** A step is a status to move to, `same` when the wish is already met, or the reason it is refused. */
export type Step =
  | { readonly to: TaskStatus; readonly event: string }
  | { readonly same: true }
  | { readonly refused: "not from here" | "already finished" | "already finishing" }

const to = (status: TaskStatus, event: string): Step => ({ to: status, event })
const same: Step = { same: true }
const no: Step = { refused: "not from here" }
const finished: Step = { refused: "already finished" }
const finishing: Step = { refused: "already finishing" }

const provision = to("provisioning", "task.provisioning")
const start = to("starting", "task.starting")
const run = to("running", "task.started")
const ask = to("input_required", "task.input_required")
const finish = to("completing", "task.completing")
const fail = to("failed", "task.failed")
const cancel = to("cancelling", "task.cancelling")
const stopped = to("cancelled", "task.cancelled")

const nothing: Record<Transition, Step> = {
  provision: no,
  start: no,
  retry: no,
  run: no,
  ask: no,
  resume: no,
  finish: no,
  succeed: no,
  fail: no,
  cancel: no,
  stopped: no
}

const terminal = (wish: TaskStatus): Record<Transition, Step> => ({
  provision: finished,
  start: finished,
  retry: finished,
  run: finished,
  ask: finished,
  resume: finished,
  finish: finished,
  succeed: finished,
  fail: finished,
  cancel: wish === "cancelled" ? same : finished,
  stopped: wish === "cancelled" ? same : finished
})

/**
 * The whole life of a task. A queued task has touched nothing, so its cancel is complete at once; a cancel that meets
 * finished work (`cancelling` × `finish`) keeps the work; one that waits for an answer may still end by itself; `completing` has its outcome on disk and can only reach it.
 */
export const table: Record<TaskStatus, Record<Transition, Step>> = {
  queued: {
    ...nothing,
    provision,
    start,
    fail,
    cancel: stopped
  },
  provisioning: { ...nothing, provision: same, start, fail, cancel },
  starting: { ...nothing, retry: start, run, finish, fail, cancel },
  running: { ...nothing, run: same, ask, resume: same, finish, fail, cancel },
  input_required: { ...nothing, ask: same, resume: to("running", "task.resumed"), finish, fail, cancel },
  completing: { ...nothing, finish: same, succeed: to("succeeded", "task.succeeded"), fail, cancel: finishing },
  cancelling: { ...nothing, finish, fail, cancel: same, stopped },
  succeeded: terminal("succeeded"),
  failed: terminal("failed"),
  cancelled: terminal("cancelled")
}

export const step = (from: TaskStatus, transition: Transition): Step => table[from][transition]

export const terminalStatuses: ReadonlyArray<TaskStatus> = ["succeeded", "failed", "cancelled"]

export const isTerminal = (status: TaskStatus): boolean => terminalStatuses.includes(status)
