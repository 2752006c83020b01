import { Effect, Option } from "effect"
import { isTerminal, type TaskStatus } from "../domain/Lifecycle.js"
import type { TaskHandle } from "../domain/TaskView.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import { ExitCode } from "./ExitCode.js"
import { ended, refreshed } from "./Follow.js"
import { UsageInvalid } from "./Refusal.js"
import { showResult } from "./ResultText.js"
import { callOf, type RunFlags } from "./RunFlags.js"
import { Screen } from "./Screen.js"

export interface Wait {
  readonly wait: boolean
  readonly timeoutMs: number | undefined
}

/** Waits for a task's end and shows how it ended. */
export const awaitResult = Effect.fn("cli.awaitResult")(function* (
  id: string,
  timeoutMs: number | undefined,
  json: boolean
) {
  const dispatch = yield* Dispatch
  const screen = yield* Screen
  const status = yield* ended(id, timeoutMs)
  if (Option.isNone(status)) yield* screen.err(`The time of --timeout-ms is over.${json ? ` ${id} goes on.\n` : "\n"}`)
  return yield* showResult(yield* dispatch.result(id, {}), json)
})

export const checkWait = ({ timeoutMs, wait }: Wait) =>
  timeoutMs !== undefined && !wait
    ? new UsageInvalid({ problem: "--timeout-ms says how long to wait; it needs --wait." })
    : Effect.void

/** Dispatches a task; without `--wait` it is started as far as it can be, and left. */
export const run = Effect.fn("cli.run")(function* (
  given: RunFlags & Wait,
  words: ReadonlyArray<string>,
  tail: ReadonlyArray<string>,
  json: boolean
) {
  yield* checkWait(given)
  const dispatch = yield* Dispatch
  const screen = yield* Screen
  const { call, form } = yield* callOf(given, words, tail)
  const options = { idempotencyKey: given.idempotencyKey }
  const handle = yield* form === "spawn" ? dispatch.spawn(call, options) : dispatch.dispatch(call, options)
  if (given.wait) {
    if (!json) yield* screen.err(`${handle.taskId}\n`)
    return yield* awaitResult(handle.taskId, given.timeoutMs, json)
  }
  yield* refreshed(handle.taskId)
  const { status } = yield* dispatch.status(handle.taskId, {})
  yield* json
    ? screen.out(`${JSON.stringify({ ...handle, status } satisfies TaskHandle)}\n`)
    : Effect.zipRight(screen.out(`${handle.taskId}\n`), screen.err(`${comeBack(handle.taskId, status)}\n`))
  return ExitCode.ok
})

const comeBack = (id: string, status: TaskStatus): string => {
  if (isTerminal(status)) return `${status}. See: agentdispatch result ${id}`
  if (status === "queued")
    return `queued; it starts once there is room and a server or another command looks after it. Wait for it with: agentdispatch result --wait ${id}`
  return `${status}. Come back with: agentdispatch result --wait ${id}`
}
