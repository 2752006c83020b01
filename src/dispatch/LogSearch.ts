import { Effect } from "effect"
import type { StoreFailed, TaskNotFound } from "../domain/DispatchError.js"
import type { Task, TaskId } from "../domain/Task.js"
import type { LogPage, Store } from "../services/Store.js"

/** Which part of a log is wanted; positions and sizes are UTF-16 code units. */
export interface LogQuery {
  readonly cursor?: number | undefined
  readonly limit: number
  /** The end of the log, whatever the cursor says. */
  readonly tail?: boolean | undefined
  /** Only lines with this text in them, in any letter case. */
  readonly contains?: string | undefined
}

const stride = 64_000
/** How much of a log one call looks through. */
const mostLooked = 4_000_000

type Reading = Effect.Effect<LogPage, TaskNotFound | StoreFailed>

/** One page as asked for; `nextCursor` always is where the next look begins. */
export const readLog = (store: Pick<typeof Store.Service, "log">, task: Task, query: LogQuery): Reading => {
  const { contains, cursor = 0, limit, tail = false } = query
  const from = tail ? Math.max(0, task.logLength - (contains === undefined ? limit : mostLooked)) : cursor
  return contains === undefined || contains === ""
    ? store.log(task.id, { cursor: from, limit })
    : search(store, task.id, from, limit, contains.toLowerCase(), tail)
}

/** Matching lines from a position on; of the end, the last ones that fit. */
const search = Effect.fn("logs.search")(function* (
  store: Pick<typeof Store.Service, "log">,
  id: TaskId,
  from: number,
  limit: number,
  wanted: string,
  tail: boolean
) {
  let found = ""
  let at = from
  const enough = () => !tail && found.length >= limit
  while (at - from < mostLooked && !enough()) {
    const { data, nextCursor } = yield* store.log(id, { cursor: at, limit: stride })
    const whole = data.length < stride ? data : data.slice(0, data.lastIndexOf("\n") + 1) || data
    const lines = whole.split(/(?<=\n)/)
    for (const line of lines) {
      if (enough()) break
      at += line.length
      if (line.toLowerCase().includes(wanted)) found += line
    }
    if (tail && found.length > 2 * limit) found = lastLines(found, limit)
    if (nextCursor <= at && data.length < stride) break
  }
  return {
    cursor: from,
    nextCursor: at,
    data: tail ? lastLines(found, limit) : found.slice(0, Math.max(limit, stride))
  }
})

/** Whole lines from the end, at least one of them cut where it alone is too long. */
const lastLines = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const end = text.slice(-limit)
  const at = end.indexOf("\n") + 1
  return at > 0 && at < end.length ? end.slice(at) : end
}
