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

/** Matching lines from a position on; of the end, the last ones that fit, and the cursor says where they begin. */
const search = Effect.fn("logs.search")(function* (
  store: Pick<typeof Store.Service, "log">,
  id: TaskId,
  from: number,
  limit: number,
  wanted: string,
  tail: boolean
) {
  const found: Array<{ readonly line: string; readonly at: number }> = []
  let [at, size, begin] = [from, 0, 0]
  let full = false
  const enough = () => full || (!tail && size >= limit)
  while (at - from < mostLooked && !enough()) {
    const { data, nextCursor } = yield* store.log(id, { cursor: at, limit: stride })
    const whole = data.length < stride ? data : data.slice(0, data.lastIndexOf("\n") + 1) || data
    const lines = whole.split(/(?<=\n)/)
    for (const line of lines) {
      if (enough()) break
      if (line.toLowerCase().includes(wanted)) {
        // A line that is longer than a page is a page of its own, for what was passed over is not looked at again.
        full = !tail && size > 0 && size + line.length > limit
        if (full) break
        found.push({ line, at })
        size += line.length
        if (tail) while (size > limit && begin < found.length - 1) size -= found[begin++]?.line.length ?? 0
      }
      at += line.length
    }
    if (nextCursor <= at && data.length < stride) break
  }
  const shown = found.slice(begin)
  return {
    cursor: tail ? (shown[0]?.at ?? from) : from,
    nextCursor: at,
    data: shown.map(({ line }) => line).join("")
  }
})
