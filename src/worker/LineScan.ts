/** A line that asks for work. */
export interface Mark {
  readonly line: number
  readonly text: string
}

/** A mark further into a line than this is not read by a person, and a line of any length costs no more than this. */
const lineLimit = 4096
const textLimit = 120
const mark = /\b(?:TODO|FIXME)\b/

/**
 * Counts lines and finds marks in a file fed piece by piece, in memory that does not grow with file or line. Bytes are
 * read as Latin-1, which keeps every byte, and only a mark's own line is decoded.
 */
export const lineScan = (onMark: (mark: Mark) => void) => {
  let lines = 0
  let head = ""
  let open = false

  const close = (rest: string) => {
    lines++
    const line = head === "" ? rest.slice(0, lineLimit) : head + rest.slice(0, lineLimit - head.length)
    if (mark.test(line)) onMark({ line: lines, text: readable(line) })
    head = ""
  }

  return {
    feed: (piece: Buffer): void => {
      const text = piece.toString("latin1")
      let from = 0
      for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", from)) {
        close(text.slice(from, at))
        from = at + 1
      }
      open = from < text.length || (open && from === 0)
      if (head.length < lineLimit) head += text.slice(from, from + lineLimit - head.length)
    },
    /** The number of lines; a last line without a line break counts. */
    end: (): number => {
      if (open) close("")
      open = false
      return lines
    }
  }
}

/** Begins near the mark where the line is long; cut between characters, with nothing that could break out of one line. */
const readable = (line: string): string => {
  const at = line.search(mark)
  const from = at > textLimit / 2 ? at : 0
  const text = Buffer.from(line.slice(from), "latin1")
    .toString("utf8")
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim()
  const characters = Array.from(text)
  return characters.length > textLimit ? `${characters.slice(0, textLimit - 1).join("")}…` : text
}
