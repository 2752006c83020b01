/** Where a text stops being JSON; line and column count from 1, columns in UTF-16 units. */
export interface JsonFault {
  readonly line: number
  readonly column: number
  readonly problem: string
  /** It only ends too early: what follows may still make it JSON. */
  readonly unfinished: boolean
}

const token =
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y

type Place = "value" | "first value" | "key" | "first key" | "colon" | "next" | "end"

const wanted: Record<Place, string> = {
  value: "a value",
  "first value": "a value or ]",
  key: "a key in double quotes",
  "first key": "a key in double quotes or }",
  colon: "a colon",
  next: "a comma or the end of the list or object",
  end: "nothing more"
}

/** The first fault of a text, or nothing if it is JSON. The engine's own message names a place for some faults only. */
export const jsonFault = (text: string): JsonFault | undefined => {
  const open: Array<"{" | "["> = []
  let place: Place = "value"
  let at = 0
  const afterValue = (): Place => (open.length === 0 ? "end" : "next")
  for (;;) {
    token.lastIndex = at
    const match = token.exec(text)
    const inner = open[open.length - 1]
    const mark = match?.[1]
    const name = match?.[2] !== undefined
    const value = name || match?.[3] !== undefined
    let next: Place | undefined
    if (match === null) {
      if (place === "end" && text.slice(at).trim() === "") return undefined
    } else if (value) {
      if (place === "value" || place === "first value") next = afterValue()
      else if (name && (place === "key" || place === "first key")) next = "colon"
    } else if (mark === "{" || mark === "[") {
      if (place === "value" || place === "first value") {
        open.push(mark)
        next = mark === "{" ? "first key" : "first value"
      }
    } else if (mark === ":") {
      if (place === "colon") next = "value"
    } else if (mark === ",") {
      if (place === "next") next = inner === "{" ? "key" : "value"
    } else if (
      (place === "next" || place === "first key" || place === "first value") &&
      inner === (mark === "}" ? "{" : "[")
    ) {
      open.pop()
      next = afterValue()
    }
    if (next === undefined) return faultAt(text, at, place)
    place = next
    at = token.lastIndex
  }
}

const begunString = /^"(?:[^"\\\u0000-\u001f]|\\.)*\\?$/
const begunToken = /^(?:t(?:r(?:u)?)?|f(?:a(?:l(?:s)?)?)?|n(?:u(?:l)?)?|-?(?:\d+(?:\.\d*)?(?:[eE][+-]?)?)?)$/

/** What a number's end may still lack when the whole number before it was read already. */
const begunNumber = /^(?:\.|(?:\.\d+)?[eE][+-]?)$/

const isBegun = (text: string, at: number, place: Place): boolean => {
  const rest = text.slice(at)
  if (rest === "") return place !== "end"
  if ((place === "next" || place === "end") && /\d$/.test(text.slice(0, at))) return begunNumber.test(rest)
  if (place === "value" || place === "first value") return begunString.test(rest) || begunToken.test(rest)
  return (place === "key" || place === "first key") && begunString.test(rest)
}

const faultAt = (text: string, after: number, place: Place): JsonFault => {
  const at = after + (/^[ \t\n\r]*/.exec(text.slice(after))?.[0].length ?? 0)
  const lines = text.slice(0, at).split("\n")
  const rest = /^(?:[\w.+-]+|.)/su.exec(text.slice(at, at + 20))?.[0]
  return {
    line: lines.length,
    unfinished: isBegun(text, at, place),
    column: (lines[lines.length - 1]?.length ?? 0) + 1,
    problem: `expected ${wanted[place]}, found ${rest === undefined ? "the end" : rest === '"' ? "a string that is not closed or has a bad escape" : rest}`
  }
}
