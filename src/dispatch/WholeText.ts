/** How many bytes at the end may belong to a character that goes on behind them. */
const tail = 3

/** The bytes as text, less a character that is cut at their end; nothing if they are not UTF-8. */
export const wholeText = (
  data: Uint8Array,
  isEnd: boolean
): { readonly text: string; readonly bytes: number } | undefined => {
  for (let cut = 0; cut <= (isEnd ? 0 : Math.min(tail, data.length - 1)); cut++) {
    const text = decode(data.subarray(0, data.length - cut))
    if (text !== undefined) return { text, bytes: data.length - cut }
  }
  return undefined
}

/** A replacement character that the bytes do not spell themselves means that they are not text. */
const decode = (bytes: Uint8Array): string | undefined => {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)
  return new TextEncoder().encode(text).length === bytes.length && !text.includes("\u0000") && spells(text, bytes)
    ? text
    : undefined
}

const spells = (text: string, bytes: Uint8Array): boolean => {
  if (!text.includes("\uFFFD")) return true
  const again = new TextEncoder().encode(text)
  return again.every((byte, index) => byte === bytes[index])
}
