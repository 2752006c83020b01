import { DateTime } from "effect"

/** A stored stretch of a log; positions and lengths are UTF-16 units. */
export interface LogPiece {
  readonly start: number
  readonly length: number
  readonly bytes: number
}

/** What goes out of a log, from one position to another, and what is said in its place. */
export interface LogCut {
  readonly from: number
  readonly to: number
  readonly bytes: number
  readonly note: string
}

/** Room for the note that stands for what was cut. */
const noteBytes = 512

/** Keeps the pieces at both ends, about half of `maxBytes` each; nothing if the log is not longer than that. */
export const cutOf = (pieces: ReadonlyArray<LogPiece>, maxBytes: number, now: number): LogCut | undefined => {
  const total = pieces.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total <= maxBytes) return undefined
  const half = Math.max(0, maxBytes - noteBytes) / 2
  const head = countWithin(pieces, half)
  const tail = countWithin(pieces.slice(head).reverse(), half)
  const gone = pieces.slice(head, pieces.length - tail)
  const [first] = gone
  const last = gone.at(-1)
  if (first === undefined || last === undefined) return undefined
  const bytes = gone.reduce((sum, piece) => sum + piece.bytes, 0)
  const [from, to] = [first.start, last.start + last.length]
  return { from, to, bytes, note: noteOf(bytes, from, to, now) }
}

const countWithin = (pieces: ReadonlyArray<LogPiece>, room: number): number => {
  let left = room
  const beyond = pieces.findIndex(({ bytes }) => (left -= bytes) < 0)
  return beyond === -1 ? pieces.length : beyond
}

const noteOf = (bytes: number, from: number, to: number, now: number): string =>
  `\n[${bytes} bytes of this log, its characters ${from} to ${to}, were deleted at ${DateTime.formatIso(DateTime.unsafeMake(now))}: retention.maxLogBytes]\n`
