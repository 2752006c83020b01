/** One line, or a part of one that was too long to wait for. */
export interface Piece {
  readonly text: string
  /** Where it begins within the window, and its length, in bytes. */
  readonly at: number
  readonly bytes: number
  /** From the line's beginning to its end. */
  readonly whole: boolean
  readonly newline: boolean
}

export interface Cut {
  readonly pieces: ReadonlyArray<Piece>
  /** How much of the window is done with; the rest is to be seen again. */
  readonly used: number
  /** The next byte continues a line. */
  readonly within: boolean
}

/** An unfinished line is held back up to so many bytes; one that may be a worker's JSON up to what any input could come back as. */
export const patience = { text: 64 * 1024, json: 8 * 1024 * 1024 }

/** Cuts output into lines without ever parting a character; `last` says that nothing follows the window. */
export const cut = (window: Uint8Array, options: { readonly within: boolean; readonly last: boolean }): Cut => {
  const pieces: Array<Piece> = []
  let start = 0
  let within = options.within
  for (let end = window.indexOf(newline); end !== -1; end = window.indexOf(newline, start)) {
    pieces.push({
      text: decode(window.subarray(start, end)),
      at: start,
      bytes: end - start,
      whole: !within,
      newline: true
    })
    start = end + 1
    within = false
  }
  const rest = window.subarray(start)
  if (rest.length === 0) return { pieces, used: start, within }
  const limit = !within && rest[0] === brace ? patience.json : patience.text
  if (!options.last && rest.length < limit) return { pieces, used: start, within }
  const bytes = options.last ? rest.length : rest.length - unfinished(rest)
  pieces.push({
    text: decode(rest.subarray(0, bytes)),
    at: start,
    bytes,
    whole: options.last && !within,
    newline: false
  })
  return { pieces, used: start + bytes, within: !options.last }
}

/** The text of a stream's last bytes: begins with a whole character. */
export const decodeTail = (bytes: Uint8Array, cutOff: boolean): string => {
  const start = cutOff ? bytes.findIndex((byte) => (byte & 0xc0) !== 0x80) : 0
  return decode(bytes.subarray(Math.max(start, 0)))
}

const newline = 0x0a
const brace = 0x7b

/** Bytes that are no UTF-8 become U+FFFD. */
const decode = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)

/** How many bytes at the end begin a character that is not complete. */
const unfinished = (bytes: Uint8Array): number => {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}
