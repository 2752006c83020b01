import { Effect } from "effect"
import { isTerminal } from "../domain/Lifecycle.js"
import type { TaskResultView } from "../domain/TaskView.js"
import { type ExitCode, ofStatus } from "./ExitCode.js"
import { inCommands } from "./Refusal.js"
import { Screen } from "./Screen.js"

/** Shows how a task ended: its result and artifacts on stdout, what went wrong on stderr. */
export const showResult = Effect.fn("cli.showResult")(function* (view: TaskResultView, json: boolean) {
  const screen = yield* Screen
  if (json) {
    yield* screen.out(`${JSON.stringify(view)}\n`)
    return ofStatus(view.status)
  }
  if (view.result !== undefined) {
    yield* screen.out(
      typeof view.result === "string" ? `${view.result}\n` : `${JSON.stringify(view.result, null, 2)}\n`
    )
  }
  for (const { contentType, kind, uri } of view.artifacts) {
    yield* screen.out(`artifact: ${kind} ${uri}${contentType === undefined ? "" : ` (${contentType})`}\n`)
  }
  if (view.error !== undefined) yield* screen.err(`${view.error.code}: ${inCommands(view.error.message)}\n`)
  if (view.status === "cancelled") yield* screen.err(`${view.taskId} was cancelled.\n`)
  if (!isTerminal(view.status)) {
    yield* screen.err(
      `${view.taskId} is ${view.status} and goes on. Wait for it with: agentdispatch result --wait ${view.taskId}\n`
    )
  }
  const code: ExitCode = ofStatus(view.status)
  return code
})
