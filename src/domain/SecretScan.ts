import { secretContexts, secretShapes } from "./SecretShapes.js"

/** A stretch of a text that must not be seen. */
export interface Finding {
  readonly from: number
  readonly to: number
  readonly name: string
}

export type Finder = (text: string, found: Array<Finding>) => void

/** A secret begins at a border of words, behind an escape of JSON or of a URL, or behind a terminal's colour. */
const border =
  "(?:(?<![A-Za-z0-9\\\\])|(?<=\\\\)(?![bfnrtu])|(?<=\\\\[\\\\bfnrt]|\\\\u[0-9a-fA-F]{4}|%[0-9A-Fa-f]{2}|\\[[0-9;]{0,12}m))"

/** Looked at first, because most words of a text are shorter than any secret. */
const longEnough = "(?=-----BEGIN|[^\\s\"'`<>,;()[\\]{}]{13})"

const shapes = new RegExp(
  `${border}${longEnough}(?:${secretShapes.map(({ pattern }) => `(${pattern})`).join("|")})`,
  "g"
)

const contexts = secretContexts.map((context) => ({
  ...context,
  looks: new RegExp(`(?:${context.before})(${context.value})`, "gi")
}))

/** Secrets that are known by their looks. */
export const findShapes: Finder = (text, found) => {
  shapes.lastIndex = 0
  for (let match = shapes.exec(text); match !== null; match = shapes.exec(text)) {
    const which = match.findIndex((group, index) => index > 0 && group !== undefined)
    found.push({
      from: match.index,
      to: match.index + match[0].length,
      name: secretShapes[which - 1]?.name ?? "secret"
    })
  }
}

/** Secrets that are known by what stands before them. */
const findContexts =
  (wanted: (context: (typeof contexts)[number]) => boolean): Finder =>
  (text, found) => {
    for (const context of contexts) {
      if (!wanted(context)) continue
      const { accepts, looks, name } = context
      looks.lastIndex = 0
      for (let match = looks.exec(text); match !== null; match = looks.exec(text)) {
        const value = match[1] ?? ""
        const to = match.index + match[0].length
        if (accepts(value)) found.push({ from: to - value.length, to, name })
        else looks.lastIndex = match.index + 2
      }
    }
  }

export const findAllContexts = findContexts(() => true)
const findSureContexts = findContexts(({ refused }) => refused)

/** What kind of secret a text holds so surely that it is not taken in, or nothing. */
export const secretIn = (text: string): string | undefined => {
  const found: Array<Finding> = []
  findShapes(text, found)
  if (found.length === 0) findSureContexts(text, found)
  return found[0]?.name
}

/** Whether a member's value is a secret because of the member's name. */
export const secretUnder = (key: string, value: string): string | undefined => {
  if (value.length > 512 || value.length < 8 || /\s/.test(value)) return undefined
  const found: Array<Finding> = []
  findAllContexts(`"${key}":"${value}"`, found)
  return found[0]?.name
}

/** Findings in order, those that overlap or touch under one name as one. */
export const merged = (found: ReadonlyArray<Finding>): ReadonlyArray<Finding> => {
  const result: Array<Finding> = []
  for (const next of [...found].sort((a, b) => a.from - b.from || b.to - a.to)) {
    const last = result.at(-1)
    if (last === undefined || next.from > last.to || (next.from === last.to && next.name !== last.name))
      result.push(next)
    else if (next.to > last.to) result[result.length - 1] = { ...last, to: next.to }
  }
  return result
}

export const marker = (name: string): string => `[redacted: ${name}]`

/** A number that stands bare in JSON is replaced by a string, so that the JSON stays JSON. */
export const replaced = (text: string, findings: ReadonlyArray<Finding>): string => {
  if (findings.length === 0) return text
  let result = ""
  let at = 0
  for (const { from, name, to } of findings) {
    const bare =
      /^\d+$/.test(text.slice(from, to)) &&
      /[:[,][ \t]*$/.test(text.slice(Math.max(0, from - 8), from)) &&
      /^[ \t]*[,}\]]/.test(text.slice(to, to + 8))
    result += text.slice(at, from) + (bare ? `"${marker(name)}"` : marker(name))
    at = to
  }
  return result + text.slice(at)
}
