/** The last bytes of a stream, as text that begins with a whole character. */
export interface Tail {
  readonly feed: (chunk: Buffer) => void
  readonly text: () => string
  /** Of all that was fed. */
  readonly bytes: () => number
  readonly cut: () => boolean
}

export const tail = (limit: number): Tail => {
  let kept = Buffer.alloc(0)
  let bytes = 0
  const cut = () => bytes > kept.length
  return {
    feed: (chunk) => {
      bytes += chunk.length
      kept = Buffer.concat([kept, chunk.subarray(-limit)]).subarray(-limit)
    },
    text: () => {
      const start = cut() ? kept.findIndex((byte) => (byte & 0xc0) !== 0x80) : 0
      return kept.subarray(Math.max(start, 0)).toString("utf8")
    },
    bytes: () => bytes,
    cut
  }
}
