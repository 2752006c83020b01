const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** A path as text: bytes that are no UTF-8 appear as \xNN, control characters as \uNNNN, so it stays one honest line. */
export const displayName = (path: Buffer): string => {
  const text = path.toString("utf8")
  if (Buffer.from(text, "utf8").equals(path)) return text.replace(controls, escaped)
  return path
    .toString("latin1")
    .replace(/[\u0000-\u001f\u007f-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`)
}
