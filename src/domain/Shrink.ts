import { encodeText, type Json } from "./Json.js"

/** What may stand in a status as it is, in characters of compact JSON. */
const small = 1_000
/** An outline is never longer, in characters of compact JSON. */
const largest = 1_600
const inFull = "full: true shows all"

/** How much of each text, object and array an outline shows. */
interface Scale {
  readonly kept: number
  readonly members: number
  readonly items: number
}

const scales: ReadonlyArray<Scale> = [
  { kept: 160, members: 24, items: 8 },
  { kept: 80, members: 12, items: 4 },
  { kept: 40, members: 6, items: 2 }
]

/** A large value cut down to its outline, saying at each place what was left out and, with `rest`, how to get it. */
export const shrink = (value: Json, rest: string = inFull, most: number = largest): Json => {
  const { length } = encodeText(value)
  if (length <= Math.min(small, most)) return value
  for (const scale of scales) {
    const outlined = outline(value, 0, scale, rest)
    if (encodeText(outlined).length <= most) return outlined
  }
  return `… (${length} characters of JSON; ${rest})`
}

/** The same for a text that must stay one. */
export const shrinkText = (text: string, rest: string = inFull, kept: number = small): string =>
  text.length <= kept ? text : `${cut(text, kept)}… (${text.length} characters; ${rest})`

const outline = (value: Json, depth: number, scale: Scale, rest: string): Json => {
  const { items, kept, members } = scale
  if (typeof value === "string") return shrinkText(value, rest, kept)
  if (value === null || typeof value !== "object") return value
  const weight = encodeText(value).length
  if (weight <= kept) return value
  if (depth > 3) return `… (${weight} characters of JSON; ${rest})`
  if (Array.isArray(value)) {
    const shown = value.slice(0, items).map((item) => outline(item, depth + 1, scale, rest))
    return value.length <= items ? shown : [...shown, `… (${value.length - items} more items; ${rest})`]
  }
  const entries = Object.entries(value)
  const shown = Object.fromEntries(
    entries.slice(0, members).map(([key, member]) => [key, outline(member, depth + 1, scale, rest)])
  )
  return entries.length <= members ? shown : { ...shown, "…": `${entries.length - members} more members; ${rest}` }
}

/** Never half a surrogate pair. */
const cut = (text: string, kept: number): string => text.slice(0, kept).replace(/[\uD800-\uDBFF]$/, "")
