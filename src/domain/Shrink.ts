import { encodeText, type Json } from "./Json.js"

/** What may stand in a status as it is, in characters of compact JSON. */
const small = 1_000
const kept = 160
const members = 24
const items = 8

/** A large value cut down to its outline, saying at each place what was left out and how to get it. */
export const shrink = (value: Json): Json => (encodeText(value).length <= small ? value : outline(value, 0))

const outline = (value: Json, depth: number): Json => {
  if (typeof value === "string")
    return value.length <= kept ? value : `${cut(value)}… (${value.length} characters; full: true shows all)`
  if (value === null || typeof value !== "object") return value
  const weight = encodeText(value).length
  if (weight <= kept) return value
  if (depth > 3) return `… (${weight} characters of JSON; full: true shows all)`
  if (Array.isArray(value)) {
    const shown = value.slice(0, items).map((item) => outline(item, depth + 1))
    return value.length <= items ? shown : [...shown, `… (${value.length - items} more items; full: true shows all)`]
  }
  const entries = Object.entries(value)
  const shown = Object.fromEntries(entries.slice(0, members).map(([key, member]) => [key, outline(member, depth + 1)]))
  return entries.length <= members
    ? shown
    : { ...shown, "…": `${entries.length - members} more members; full: true shows all` }
}

/** Never half a surrogate pair. */
const cut = (text: string): string => text.slice(0, kept).replace(/[\uD800-\uDBFF]$/, "")
