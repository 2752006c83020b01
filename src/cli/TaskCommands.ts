import { Clock, Effect } from "effect"
import { isTerminal, type TaskStatus } from "../domain/Lifecycle.js"
import type { TaskStatusView } from "../domain/TaskView.js"
import { Dispatch, type ListQuery } from "../dispatch/Dispatch.js"
import { FollowUp } from "../dispatch/FollowUp.js"
import { ExitCode } from "./ExitCode.js"
import { driving, followed, refreshed, shown } from "./Follow.js"
import { inCommands, UsageInvalid } from "./Refusal.js"
import { showResult } from "./ResultText.js"
import { awaitResult, checkWait, type Wait } from "./RunCommand.js"
import { Screen } from "./Screen.js"
import { age, fields, paintStatus, table } from "./Table.js"

const defaultLogPage = 8_000
/** How many tasks are brought up to date at once. */
const refreshedAtOnce = 8

export const list = Effect.fn("cli.list")(function* (query: ListQuery, json: boolean) {
  const dispatch = yield* Dispatch
  const screen = yield* Screen
  const before = yield* dispatch.list(query)
  const open = before.tasks.filter((task) => !isTerminal(task.status))
  yield* Effect.forEach(open, (task) => refreshed(task.taskId), { concurrency: refreshedAtOnce, discard: true })
  const page = open.length === 0 ? before : yield* dispatch.list(query)
  if (json) {
    yield* screen.out(
      `${JSON.stringify({ tasks: page.tasks, ...(page.next === undefined ? {} : { nextCursor: String(page.next) }) })}\n`
    )
    return ExitCode.ok
  }
  if (page.tasks.length === 0) {
    yield* screen.err("No tasks here.\n")
    return ExitCode.ok
  }
  const now = yield* Clock.currentTimeMillis
  yield* screen.out(
    table(
      ["TASK", "STATUS", "RUNTIME", "AGE", "INSTRUCTION"],
      page.tasks.map((task) => [
        task.taskId,
        task.status,
        task.runtime ?? task.backend,
        age(task.createdAt, now),
        task.instruction ?? `(${task.taskType})`
      ]),
      {
        columns: screen.columns,
        paint: (cell, heading) => (screen.colour && heading === "STATUS" ? paintStatus(cell) : cell)
      }
    )
  )
  if (page.next !== undefined) yield* screen.err(`There are older ones: agentdispatch list --cursor ${page.next}\n`)
  return ExitCode.ok
})

export const status = Effect.fn("cli.status")(function* (
  id: string,
  options: { readonly sinceRevision: number | undefined; readonly full: boolean },
  json: boolean
) {
  const dispatch = yield* Dispatch
  const screen = yield* Screen
  yield* refreshed(id)
  const view = yield* dispatch.status(id, options)
  const now = yield* Clock.currentTimeMillis
  yield* screen.out(json ? `${JSON.stringify(view)}\n` : statusInWords(view, now, screen.colour))
  return ExitCode.ok
})

const statusInWords = (view: TaskStatusView, now: number, colour: boolean): string => {
  const ago = (iso: string | undefined) => (iso === undefined ? undefined : `${age(iso, now)} ago (${iso})`)
  const json = (value: unknown) => (value === undefined ? undefined : JSON.stringify(value))
  const text = fields([
    ["task", view.id],
    ["status", view.status],
    ["revision", String(view.revision)],
    ["runtime", view.runtime],
    ["backend", view.backendName === undefined ? undefined : `${view.backendName} (${view.backend ?? ""})`],
    ["account", view.accountProfile === undefined ? undefined : `${view.accountProfile} (${view.provider ?? ""})`],
    ["type", view.taskType],
    ["input", json(view.input)],
    ["metadata", json(view.metadata)],
    ["refs", json(view.providerRefs)],
    ["agent", json(view.cloudAgent)],
    ["result", json(view.result)],
    ["error", view.error === undefined ? undefined : `${view.error.code}: ${inCommands(view.error.message)}`],
    ["created", ago(view.createdAt)],
    ["updated", ago(view.updatedAt)],
    ...(view.events ?? []).map((event) => ["event", `${event.number} ${event.type} ${event.message ?? ""}`] as const)
  ])
  return colour
    ? text.replace(/^(status +)(\S+)/m, (_, name: string, word: string) => `${name}${paintStatus(word)}`)
    : text
}

interface LogOptions {
  readonly follow: boolean
  readonly cursor: number | undefined
  readonly limit: number | undefined
  readonly tail: boolean
  readonly contains: string | undefined
}

export const logs = Effect.fn("cli.logs")(function* (id: string, options: LogOptions, json: boolean) {
  const { contains, cursor = 0, limit = defaultLogPage, tail } = options
  if (tail && options.cursor !== undefined)
    return yield* new UsageInvalid({ problem: "--tail and --cursor are two places to begin at; give one" })
  if (options.follow && contains !== undefined)
    return yield* new UsageInvalid({ problem: "--contains looks through what is there already; leave out --follow" })
  const dispatch = yield* Dispatch
  const screen = yield* Screen
  const show = (page: { readonly data: string }) => screen.out(json ? `${JSON.stringify(page)}\n` : page.data)
  if (options.follow) {
    const from = tail ? (yield* dispatch.logs(id, { tail, limit })).cursor : cursor
    const end: TaskStatus = yield* followed(id, from, show)
    if (!json) yield* screen.err(`${id} ${end}\n`)
    return ExitCode.ok
  }
  yield* refreshed(id)
  if (json || tail || options.limit !== undefined)
    yield* show(yield* dispatch.logs(id, { cursor, limit, tail, contains }))
  else yield* shown(id, cursor, show, contains)
  return ExitCode.ok
})

export const result = Effect.fn("cli.result")(function* (id: string, wait: Wait, json: boolean) {
  yield* checkWait(wait)
  const dispatch = yield* Dispatch
  if (wait.wait) return yield* awaitResult(id, wait.timeoutMs, json)
  yield* refreshed(id)
  return yield* showResult(yield* dispatch.result(id, {}), json)
})

/** Asks again for as long as the stop is not confirmed; the task's own patience ends it. */
export const cancel = Effect.fn("cli.cancel")(function* (id: string, json: boolean) {
  const dispatch = yield* Dispatch
  const screen = yield* Screen
  const view = yield* Effect.scoped(
    Effect.zipRight(
      driving,
      Effect.repeat(dispatch.cancel(id), { until: (answer) => answer.error?.code !== "cancel.unconfirmed" })
    )
  )
  const code =
    view.status === "cancelled" ? ExitCode.ok : view.status === "not_found" ? ExitCode.notFound : ExitCode.failed
  if (json) yield* screen.out(`${JSON.stringify(view)}\n`)
  else if (view.status === "cancelled") yield* screen.out(`${id} cancelled\n`)
  else if (view.status === "not_found")
    yield* screen.err(
      `task.not_found: No task "${id}" in this state folder. \`agentdispatch list\` shows the tasks that are.\n`
    )
  else
    yield* screen.err(
      `${view.error?.code ?? "cancel.failed"}: ${inCommands(view.error?.message ?? "The task could not be cancelled.")}\n`
    )
  return code
})

export const send = Effect.fn("cli.send")(function* (
  id: string,
  text: string,
  messageId: string | undefined,
  json: boolean
) {
  const followUp = yield* FollowUp
  const screen = yield* Screen
  const view = yield* followUp.send(id, text, messageId)
  yield* screen.out(json ? `${JSON.stringify(view)}\n` : `${view.delivery}\n`)
  return ExitCode.ok
})
