/** A generator of numbers in [0, 1) that gives the same ones for the same seed. */
export const seeded = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

type Random = () => number

const letters = "abcdefghijklmnopqrstuvwxyz"
const digits = "0123456789"
const alphanumeric = letters + letters.toUpperCase() + digits
const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("")
const named: Readonly<Record<string, string>> = {
  d: digits,
  w: `${alphanumeric}_`,
  s: " ",
  S: alphanumeric,
  t: "\t",
  n: "\n",
  r: "\r"
}
const posix: Readonly<Record<string, string>> = { alnum: alphanumeric, alpha: letters, digit: digits }

/**
 * Makes texts that a regular expression matches, in the syntax of JavaScript or of RE2. Borders and looks to either
 * side are passed over, so that a sample must be tested where they matter.
 */
export const sample = (source: string, random: Random): string => {
  let at = 0
  let ignoreCase = false
  const pick = (from: string): string => from[Math.floor(random() * from.length)] ?? ""

  const escape = (): string => {
    at += 1
    const kind = source[at] ?? ""
    at += 1
    if (kind === "x") {
      at += 2
      return String.fromCharCode(Number.parseInt(source.slice(at - 2, at), 16))
    }
    return kind === "b" || kind === "z" || kind === "B" ? "" : (named[kind] ?? kind)
  }

  const set = (): string => {
    at += 1
    const inverted = source[at] === "^"
    if (inverted) at += 1
    let chars = ""
    for (let first = true; first || source[at] !== "]"; first = false) {
      if (source.startsWith("[:", at)) {
        const close = source.indexOf(":]", at)
        chars += posix[source.slice(at + 2, close)] ?? ""
        at = close + 2
        continue
      }
      const start = source[at] === "\\" ? escape() : (source[at++] ?? "")
      if (start.length === 1 && source[at] === "-" && source[at + 1] !== "]") {
        at += 1
        const stop = source[at] === "\\" ? escape() : (source[at++] ?? "")
        for (let code = start.charCodeAt(0); code <= stop.charCodeAt(0); code++) chars += String.fromCharCode(code)
      } else chars += start
    }
    at += 1
    return inverted ? [...printable].filter((char) => !chars.includes(char)).join("") : chars
  }

  const times = (): number => {
    const quantifier = /^(?:\{(\d+)(,(\d*))?\}|[*+?])\??/.exec(source.slice(at, at + 16))
    if (quantifier === null) return 1
    at += quantifier[0].length
    const [all, least, open, most] = quantifier
    const low = least === undefined ? (all.startsWith("+") ? 1 : 0) : Number(least)
    const high =
      least === undefined
        ? all.startsWith("?")
          ? 1
          : low + 8
        : open === undefined
          ? low
          : most === ""
            ? low + 8
            : Number(most)
    return low + Math.floor(random() * (Math.min(high, low + 40) - low + 1))
  }

  type Part = () => string
  const repeated = (part: Part): Part => {
    const count = times()
    return () => Array.from({ length: count }, part).join("")
  }

  const alternatives = (): Part => {
    const before = ignoreCase
    const branches: Array<ReadonlyArray<Part>> = []
    let parts: Array<Part> = []
    while (at < source.length && source[at] !== ")") {
      const char = source[at] ?? ""
      if (char === "|") {
        at += 1
        branches.push(parts)
        parts = []
      } else if (char === "(") parts.push(group())
      else if (char === "[") {
        const chars = set()
        parts.push(repeated(() => pick(chars)))
      } else if (char === "\\") {
        const chars = escape()
        parts.push(repeated(() => pick(chars)))
      } else if (char === "^" || char === "$") at += 1
      else {
        at += 1
        const chars = char === "." && /[*+{]/.test(source[at] ?? "") ? alphanumeric : char
        parts.push(repeated(() => pick(chars)))
      }
    }
    branches.push(parts)
    ignoreCase = before
    const branch = branches[Math.floor(random() * branches.length)] ?? []
    return () => branch.map((part) => part()).join("")
  }

  const group = (): Part => {
    at += 1
    const kind = /^\?(?:(<?[=!])|P?<\w+>|([a-z]*)(?:-[a-z]+)?(:|\)))/.exec(source.slice(at, at + 40))
    if (kind !== null) at += kind[0].length
    if (kind?.[3] === ")") return () => ""
    const part = alternatives()
    at += 1
    return kind?.[1] === undefined ? repeated(part) : () => ""
  }

  return alternatives()()
}

/** A text that a whole JavaScript expression matches, looks to either side included. */
export const matching = (source: string, random: Random): string => {
  const whole = new RegExp(`^(?:${source})$`)
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const made = sample(source, random)
    if (whole.test(made)) return made
  }
  throw new Error(`nothing matches ${source}`)
}
