import type { LogPage } from "./Store.js"

/** The most UTF-16 units of log text that are stored in one piece. */
const pieceLength = 16_384

/**
 * One page out of a stretch of the log that begins at `base` and holds the wanted units. A cursor inside a surrogate
 * pair goes back to its start and a page that would end inside one includes it, so a page with a limit of 1 can have
 * two units; a cursor past the end is the end.
 */
export const pageOf = (
  stretch: string,
  base: number,
  wanted: { readonly cursor: number; readonly limit: number }
): LogPage => {
  const from = pairStart(stretch, clamp(wanted.cursor - base, 0, stretch.length))
  const to = pairEnd(stretch, clamp(from + Math.max(1, wanted.limit), 0, stretch.length))
  return { cursor: base + from, nextCursor: base + to, data: stretch.slice(from, to) }
}

/** The pieces of a text that begins at `base` of the log; no piece ends inside a surrogate pair. */
export const piecesOf = (
  text: string,
  base: number
): ReadonlyArray<{ readonly start: number; readonly text: string }> => {
  const pieces: Array<{ readonly start: number; readonly text: string }> = []
  for (let from = 0; from < text.length;) {
    const to = pairStart(text, Math.min(from + pieceLength, text.length))
    pieces.push({ start: base + from, text: text.slice(from, to) })
    from = to
  }
  return pieces
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most)

const splitsPair = (text: string, at: number): boolean =>
  at > 0 && at < text.length && (text.codePointAt(at - 1) ?? 0) > 0xffff

const pairStart = (text: string, at: number): number => (splitsPair(text, at) ? at - 1 : at)

const pairEnd = (text: string, at: number): number => (splitsPair(text, at) ? at + 1 : at)
