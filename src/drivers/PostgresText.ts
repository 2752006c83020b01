/**
 * PostgreSQL stores neither NUL nor half of a surrogate pair in a text, and both may be in what callers bring as a key
 * or look for. A code unit it cannot store is written as this noncharacter and its four hex digits, and so is the
 * noncharacter itself; nothing else changes.
 */
const mark = "\uFDD0"

export const storedText = (text: string): string =>
  text.replace(/[\u0000\uFDD0\p{Surrogate}]/gu, (unit) => mark + unit.charCodeAt(0).toString(16).padStart(4, "0"))

export const givenText = (stored: string): string =>
  stored.includes(mark)
    ? stored.replace(/\uFDD0([0-9a-f]{4})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    : stored

/** Type numbers of PostgreSQL's catalogue, which do not change. */
const oid = { bool: 16, int8: 20, int2: 21, int4: 23, text: 25, float4: 700, float8: 701, varchar: 1043, numeric: 1700 }

const numbers = new Set([oid.int8, oid.int2, oid.int4, oid.float4, oid.float8, oid.numeric])
const texts = new Set([oid.text, oid.varchar])

/** Values as SQLite gives them: counts and times are numbers, which stay far below the limit of exact ones. */
export const types = {
  getTypeParser: (type: number): ((value: string) => unknown) => {
    if (numbers.has(type)) return Number
    if (texts.has(type)) return givenText
    return type === oid.bool ? (value) => value === "t" : (value) => value
  }
}
