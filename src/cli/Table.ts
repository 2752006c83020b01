import { DateTime, Option } from "effect"
import type { TaskStatus } from "../domain/Lifecycle.js"

const gap = "  "

/** Text that cannot move the cursor, colour the terminal or break the line. */
export const plain = (text: string): string => text.replace(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim()

/** Rows under their headings, in columns as wide as their widest cell; `columns` cuts what would not fit on a line. */
export const table = (
  headings: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  {
    columns,
    paint = (text) => text
  }: {
    readonly columns?: number | undefined
    readonly paint?: ((cell: string, heading: string) => string) | undefined
  } = {}
): string => {
  const cells = rows.map((row) => row.map(plain))
  const widths = headings.map((heading, index) =>
    Math.max(heading.length, ...cells.map((row) => row[index]?.length ?? 0))
  )
  const last = headings.length - 1
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + gap.length, 0)
  const room = columns === undefined ? undefined : Math.max(10, columns - before)
  const line = (row: ReadonlyArray<string>, coloured: boolean) =>
    row
      .map((cell, index) => {
        const shown = index === last && room !== undefined ? cut(cell, room) : cell
        const padding = index === last ? "" : " ".repeat((widths[index] ?? 0) - cell.length)
        return `${coloured ? paint(shown, headings[index] ?? "") : shown}${padding}`
      })
      .join(gap)
      .trimEnd()
  return [line(headings, false), ...cells.map((row) => line(row, true))].join("\n").concat("\n")
}

/** Names and values, one a line, the values in one column. */
export const fields = (entries: ReadonlyArray<readonly [name: string, value: string | undefined]>): string => {
  const shown = entries.flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, plain(value)] as const]
  )
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}${gap}${value}\n`).join("")
}

export const cut = (text: string, length: number): string => {
  const characters = Array.from(text)
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`
}

const steps = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60]
] as const

/** How long ago, in its largest unit; `now` is milliseconds since 1970. */
export const age = (iso: string, now: number): string => {
  const then = Option.getOrUndefined(DateTime.make(iso))
  if (then === undefined) return ""
  const seconds = Math.max(0, Math.floor((now - then.epochMillis) / 1_000))
  const step = steps.find(([, size]) => seconds >= size)
  return step === undefined ? `${seconds}s` : `${Math.floor(seconds / step[1])}${step[0]}`
}

const colours: Readonly<Record<TaskStatus, number>> = {
  queued: 33,
  provisioning: 36,
  starting: 36,
  running: 36,
  input_required: 35,
  completing: 36,
  cancelling: 33,
  succeeded: 32,
  failed: 31,
  cancelled: 90
}

const colourOf = new Map<string, number>(Object.entries(colours))

/** A status in its colour. */
export const paintStatus = (status: string): string => {
  const colour = colourOf.get(status)
  return colour === undefined ? status : `\u001b[${colour}m${status}\u001b[0m`
}
