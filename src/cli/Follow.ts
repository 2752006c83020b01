import { Clock, Duration, Effect, Option } from "effect"
import { isTerminal, type TaskStatus } from "../domain/Lifecycle.js"
import type { TaskStatusView } from "../domain/TaskView.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import { Drive } from "../dispatch/Drive.js"
import { decodeTaskId } from "../dispatch/TaskIdInput.js"
import { Scheduler } from "../services/Scheduler.js"
import type { LogPage } from "../services/Store.js"
import { Screen } from "./Screen.js"
import { plain } from "./Table.js"

/** How long one look for a change may take, in seconds. */
const look = 30
const logPoll = Duration.millis(250)
const logPage = 64_000

/** What becomes of one page of a log. */
type ShowPage = (page: LogPage & { readonly taskId: string }) => Effect.Effect<void>

/** Looks after the tasks of the state folder, as a server does, while the scope lives. */
export const driving = Effect.gen(function* () {
  const scheduler = yield* Scheduler
  const drive = yield* Drive
  yield* Effect.forkScoped(scheduler.run(drive.step))
})

/** Takes a task as far as it goes at once, so that it is up to date although no server may run. */
export const refreshed = Effect.fn("cli.refresh")(function* (id: string) {
  const scheduler = yield* Scheduler
  const drive = yield* Drive
  const taskId = yield* decodeTaskId(id)
  yield* Effect.catchAll(scheduler.refresh(taskId, drive.step), (error) =>
    Effect.logWarning(`${taskId} may be out of date: ${error.message}`)
  )
})

const detached = (id: string) =>
  Effect.flatMap(Screen, (screen) =>
    screen.err(`\nNo longer waiting; ${id} goes on. Come back with: agentdispatch result --wait ${id}\n`)
  )

/** Waits for a task's end and drives it meanwhile; nothing when the time, in milliseconds, is over first. */
export const ended = Effect.fn("cli.ended")(function* (id: string, timeoutMillis: number | undefined) {
  const dispatch = yield* Dispatch
  const screen = yield* Screen
  const begun = yield* Clock.currentTimeMillis
  const wait = Effect.gen(function* () {
    yield* driving
    let known = 0
    for (;;) {
      const view: TaskStatusView = yield* dispatch.status(id, { sinceRevision: known, waitSeconds: look })
      if (screen.watched && view.unchanged !== true)
        yield* screen.err(progress(view, (yield* Clock.currentTimeMillis) - begun))
      known = view.revision
      if (isTerminal(view.status)) return view.status
    }
  }).pipe(Effect.scoped)
  const status = yield* (
    timeoutMillis === undefined ? Effect.asSome(wait) : Effect.timeoutOption(wait, timeoutMillis)
  ).pipe(Effect.onInterrupt(() => detached(id)))
  if (Option.isSome(status)) yield* refreshed(id)
  return status
})

const progress = (view: TaskStatusView, sinceMillis: number): string =>
  (view.events ?? [])
    .filter((event) => event.type !== "task.log" && event.type !== "task.heartbeat")
    .map((event) =>
      `  +${Math.round(sinceMillis / 1_000)}s  ${event.type.replace(/^task\./, "")}  ${plain(event.message ?? "")}`.trimEnd()
    )
    .map((line) => `${line}\n`)
    .join("")

/** Passes a task's log on as it grows, page by page, until the task has ended. */
export const followed = Effect.fn("cli.follow")(function* (id: string, from: number, show: ShowPage) {
  const dispatch = yield* Dispatch
  let cursor = from
  const follow = Effect.gen(function* () {
    yield* driving
    for (;;) {
      const { status } = yield* dispatch.status(id, {})
      cursor = yield* shown(id, cursor, show)
      if (isTerminal(status)) return status
      yield* Effect.sleep(logPoll)
    }
  }).pipe(Effect.scoped)
  const status: TaskStatus = yield* Effect.onInterrupt(follow, () => detached(id))
  yield* refreshed(id)
  return status
})

/** All there is of a log from a position on, or its lines with a text; returns the position behind it. */
export const shown = Effect.fn("cli.shown")(function* (id: string, from: number, show: ShowPage, contains?: string) {
  const dispatch = yield* Dispatch
  let cursor = from
  for (;;) {
    const page = yield* dispatch.logs(id, { cursor, limit: logPage, contains })
    if (page.nextCursor <= cursor) return cursor
    yield* show(page)
    cursor = page.nextCursor
  }
})
