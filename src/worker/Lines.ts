/** Cuts a stream of bytes into lines, a chunk at a time. */
export interface Lines {
  readonly feed: (chunk: Buffer) => ReadonlyArray<Line>
  readonly end: () => ReadonlyArray<Line>
}

export interface Line {
  readonly text: string
  /** From the line's beginning to its end. */
  readonly whole: boolean
}

const newline = 0x0a
const brace = 0x7b

/** An unfinished line is held back up to so many bytes; one that may be a worker's JSON up to more. */
const patience = { text: 64 * 1024, json: 64 * 1024 * 1024 }

/** Each chunk is looked at once, however long a line is; bytes that are no UTF-8 become U+FFFD. */
export const lines = (): Lines => {
  let held: Array<Buffer> = []
  let heldBytes = 0
  let within = false
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const take = (last: Buffer, ended: boolean): Line => {
    const text = decoder.decode(Buffer.concat([...held, last]), { stream: !ended })
    const line = { text, whole: !within && ended }
    held = []
    heldBytes = 0
    within = !ended
    return line
  }
  return {
    feed: (chunk) => {
      const found: Array<Line> = []
      let from = 0
      for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
        found.push(take(chunk.subarray(from, at), true))
        from = at + 1
      }
      const rest = chunk.subarray(from)
      if (rest.length === 0) return found
      const first = held[0]?.[0] ?? rest[0]
      const limit = !within && first === brace ? patience.json : patience.text
      if (heldBytes + rest.length >= limit) found.push(take(rest, false))
      else {
        held.push(rest)
        heldBytes += rest.length
      }
      return found
    },
    end: () => (heldBytes > 0 || within ? [take(Buffer.alloc(0), true)].filter(({ text }) => text !== "") : [])
  }
}
