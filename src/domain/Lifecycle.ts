import { Schema } from "effect"

/** Where a task stands; the last three are terminal and never change. */
export const TaskStatus = Schema.Literal(
  "queued",
  "provisioning",
  "starting",
  "running",
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
 * not to have reached the far side; `run` and `finish` record what the far side said; `cancel` is somebody's wish and
 * `stopped` its confirmation.
 */
export const Transition = Schema.Literal(
  "provision",
  "start",
  "retry",
  "run",
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
const finish = to("completing", "task.completing")
const fail = to("failed", "task.failed")
const cancel = to("cancelling", "task.cancelling")
const stopped = to("cancelled", "task.cancelled")

const terminal = (wish: TaskStatus): Record<Transition, Step> => ({
  provision: finished,
  start: finished,
  retry: finished,
  run: finished,
  finish: finished,
  succeed: finished,
  fail: finished,
  cancel: wish === "cancelled" ? same : finished,
  stopped: wish === "cancelled" ? same : finished
})

/**
 * The whole life of a task. A queued task has touched nothing, so its cancel is complete at once; a cancel that meets
 * finished work (`cancelling` × `finish`) keeps the work; `completing` has its outcome on disk and can only reach it.
 */
export const table: Record<TaskStatus, Record<Transition, Step>> = {
  queued: { provision, start, retry: no, run: no, finish: no, succeed: no, fail, cancel: stopped, stopped: no },
  provisioning: { provision: same, start, retry: no, run: no, finish: no, succeed: no, fail, cancel, stopped: no },
  starting: { provision: no, start: no, retry: start, run, finish, succeed: no, fail, cancel, stopped: no },
  running: { provision: no, start: no, retry: no, run: same, finish, succeed: no, fail, cancel, stopped: no },
  completing: {
    provision: no,
    start: no,
    retry: no,
    run: no,
    finish: same,
    succeed: to("succeeded", "task.succeeded"),
    fail,
    cancel: finishing,
    stopped: no
  },
  cancelling: {
    provision: no,
    start: no,
    retry: no,
    run: no,
    finish,
    succeed: no,
    fail,
    cancel: same,
    stopped
  },
  succeeded: terminal("succeeded"),
  failed: terminal("failed"),
  cancelled: terminal("cancelled")
}

export const step = (from: TaskStatus, transition: Transition): Step => table[from][transition]

export const terminalStatuses: ReadonlyArray<TaskStatus> = ["succeeded", "failed", "cancelled"]

export const isTerminal = (status: TaskStatus): boolean => terminalStatuses.includes(status)
