import { type KnownValue, spellings } from "./HostSecrets.js"
import {
  type Finding,
  findAllContexts,
  type Finder,
  findShapes,
  marker,
  merged,
  replaced,
  secretIn,
  secretUnder
} from "./SecretScan.js"
import { privateKey } from "./SecretShapes.js"

export interface RedactionSource {
  /** Values that are secret whatever they look like. */
  readonly values: ReadonlyArray<KnownValue>
  /** Regular expressions of the operator's own; each is matched against one line, or a window of a longer one. */
  readonly patterns: ReadonlyArray<string>
  /** Texts are bytes in disguise, one a character; the default is that they are text. */
  readonly bytes?: boolean
}

/** What a stream has taken in and not yet given out, and what it is within. */
export interface Held {
  readonly text: string
  readonly inside: "nothing" | "private key" | "secret"
}

export interface RedactionStream {
  /** Takes a chunk in; returns what may be written now. */
  readonly push: (chunk: string) => string
  /** Returns what is left. */
  readonly end: () => string
  /** From here another stream can go on. */
  readonly held: () => Held
}

type Value = null | boolean | number | string | ReadonlyArray<Value> | { readonly [key: string]: Value }

export const nothingHeld: Held = { text: "", inside: "nothing" }

/** A line that is longer is looked at through windows of so many characters, each of which moves on by half. */
const windowSize = 4096
const step = windowSize / 2

const keyBegins = new RegExp(`${privateKey.begin}(?=[ \\t\\r"'+,;]{0,8}(?:\\\\[nr])?[ \\t\\r"'+,;]{0,8}(?:\\n|$))`)
const keyEnds = new RegExp(privateKey.end)
const keyLine = new RegExp(`^[ \\t"'+>|]*(?:[A-Za-z0-9+/]*={0,2}|${privateKey.header})(?:\\\\[nr])?[ \\t\\r"'+,;]*$`)
const keyMaterial = /[A-Za-z0-9+/]{40,}={0,2}/
const keyMaterials = new RegExp(keyMaterial, "g")
const longKeyLine = /^[ \t"']*[A-Za-z0-9+/]{64,}/
const restOfSecret = /(?:[\w+/=.~-]|\\{1,2}[nr])*/y

/** The line that a private key over several lines leaves; a log that ends with it is within the key. */
const keyOpen = `${marker("private key")}\n`
const keyClosed = marker("end of private key")

/** Where a stream stands whose output ends so, when what it held is lost. */
export const heldAfter = (written: string): Held =>
  written.endsWith(keyOpen) ? { text: "", inside: "private key" } : nothingHeld

/**
 * Takes secrets out of texts. What a stream gives out does not depend on where its chunks are cut, and what it holds
 * back is never more than one window of an unfinished line.
 */
export const makeRedaction = ({ bytes = false, patterns, values }: RedactionSource) => {
  const findKnown = knownFinder(values, bytes)
  const finders: ReadonlyArray<Finder> = [findKnown, findShapes, findAllContexts, ...patterns.map(patternFinder)]
  const scan = (text: string): ReadonlyArray<Finding> => {
    const found: Array<Finding> = []
    for (const find of finders) find(text, found)
    return found.length === 0 ? found : merged(found)
  }
  const text = (whole: string): string => advanced(scan, nothingHeld, whole, true).text

  const stream = (from: Held = nothingHeld): RedactionStream => {
    let held = from
    const take = (chunk: string, last: boolean) => {
      const next = advanced(scan, held, chunk, last)
      held = next.held
      return next.text
    }
    return { push: (chunk) => take(chunk, false), end: () => take("", true), held: () => held }
  }

  const known = (whole: string): string => {
    const found: Array<Finding> = []
    findKnown(whole, found)
    return replaced(whole, merged(found))
  }

  return {
    text,
    /** Every string in a value, object keys included; also what only its member's name gives away. */
    json: (value: Value): Value => inside(value, text, secretUnder),
    /** The same for the known values alone: an id that looks like a secret stays what it is. */
    known: (value: Value): Value => inside(value, known, () => undefined),
    stream,
    /** The name of a secret that a text holds, or nothing. */
    secretIn: (whole: string): string | undefined => {
      const found: Array<Finding> = []
      findKnown(whole, found)
      return found[0]?.name ?? secretIn(whole)
    }
  }
}

const knownFinder = (values: ReadonlyArray<KnownValue>, bytes: boolean): Finder => {
  const all = values
    .flatMap(({ name, value }) => spellings(value, bytes).map((source) => ({ name, source })))
    .sort((a, b) => b.source.length - a.source.length)
  if (all.length === 0) return () => undefined
  const names = new Map(all.map(({ name, source }) => [source, name]))
  const sources = [...names.keys()]
  const looks = new RegExp(sources.map((source) => `(?:${source})`).join("|"), "g")
  const exact = sources.map((source) => ({ source, is: new RegExp(`^(?:${source})$`) }))
  return (text, found) => {
    looks.lastIndex = 0
    for (let match = looks.exec(text); match !== null; match = looks.exec(text)) {
      const [value] = match
      const name = names.get(exact.find(({ is }) => is.test(value))?.source ?? "") ?? "secret"
      found.push({ from: match.index, to: match.index + value.length, name })
    }
  }
}

const patternFinder = (pattern: string): Finder => {
  const looks = new RegExp(pattern, "g")
  return (text, found) => {
    for (let at = 0; at < text.length;) {
      const newline = text.indexOf("\n", at)
      const lineEnd = newline === -1 ? text.length : newline
      for (const match of text.slice(at, lineEnd).matchAll(looks)) {
        if (match[0] !== "")
          found.push({ from: at + match.index, to: at + match.index + match[0].length, name: "configured pattern" })
      }
      at = lineEnd + 1
    }
  }
}

const inside = (
  value: Value,
  text: (text: string) => string,
  under: (key: string, text: string) => string | undefined
): Value => {
  if (typeof value === "string") return text(value)
  if (isArray(value)) return value.map((item) => inside(item, text, under))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const clean = inside(member, text, under)
      const name = typeof clean === "string" && clean === member ? under(key, clean) : undefined
      return [text(key), name === undefined ? clean : marker(name)]
    })
  )
}

const isArray: (value: Value) => value is ReadonlyArray<Value> = Array.isArray

/** One step of a stream: every cut it makes follows from the text alone, never from where a chunk ended. */
const advanced = (
  scan: (text: string) => ReadonlyArray<Finding>,
  held: Held,
  chunk: string,
  last: boolean
): { readonly text: string; readonly held: Held } => {
  const whole = held.text + chunk
  let within = held.inside
  let out = ""
  let at = 0
  const emit = (to: number) => {
    const part = whole.slice(at, to)
    out += replaced(part, scan(part))
    at = to
  }
  const keep = () => ({ text: out, held: { text: whole.slice(at), inside: within } })

  while (at < whole.length) {
    if (within === "secret") {
      restOfSecret.lastIndex = at
      if (restOfSecret.test(whole)) at = restOfSecret.lastIndex
      if (at === whole.length || (!last && /^\\{1,2}$/.test(whole.slice(at, at + 3)))) return keep()
      within = "nothing"
      continue
    }

    const newline = whole.indexOf("\n", at)
    const lineEnd = newline === -1 ? whole.length : newline
    if (within === "private key") {
      if (newline === -1 && !last && lineEnd - at < windowSize) return keep()
      const line = whole.slice(at, Math.min(lineEnd, at + windowSize))
      const ends = line.length < windowSize ? keyEnds.exec(line) : null
      if (line.length >= windowSize) within = longKeyLine.test(line) ? "secret" : "nothing"
      else if (ends !== null) {
        out += keyClosed
        at += ends.index + ends[0].length
        within = "nothing"
      } else if (keyLine.test(line)) at = newline === -1 ? lineEnd : newline + 1
      else if (keyMaterial.test(line)) {
        const material = Array.from(line.matchAll(keyMaterials), (match): Finding => {
          return { from: match.index, to: match.index + match[0].length, name: "private key" }
        })
        out += replaced(line, merged([...material, ...scan(line)])) + (newline === -1 ? "" : "\n")
        at = newline === -1 ? lineEnd : newline + 1
      } else within = "nothing"
      continue
    }

    const to = endOfLines(whole, at, last)
    if (to > at) {
      const begins = keyBegins.exec(whole.slice(at, to))
      if (begins === null) emit(to)
      else {
        emit(at + begins.index)
        const next = whole.indexOf("\n", at)
        out += next === -1 ? marker("private key") : keyOpen
        at = next === -1 ? whole.length : next + 1
        within = "private key"
      }
      continue
    }
    if (lineEnd - at < windowSize) return keep()

    const seen = whole.slice(at, at + windowSize)
    const findings = scan(seen)
    const cut = findings.find(({ from, to: end }) => from < step && end > step)
    const upTo = cut === undefined ? step : cut.to < windowSize ? cut.to : cut.from
    out +=
      upTo === 0
        ? marker(cut?.name ?? "secret")
        : replaced(
            seen.slice(0, upTo),
            findings.filter((found) => found.to <= upTo)
          )
    at += upTo === 0 ? windowSize : upTo
    if (upTo === 0) within = "secret"
  }
  return keep()
}

/** Where the lines that can be looked at whole end: none of them is long, and each is finished unless nothing follows. */
const endOfLines = (whole: string, from: number, last: boolean): number => {
  let to = from
  for (let newline = whole.indexOf("\n", to); newline !== -1; newline = whole.indexOf("\n", to)) {
    if (newline - to >= windowSize) return to
    to = newline + 1
  }
  return last && whole.length - to < windowSize ? whole.length : to
}
