import { namesCredential } from "./CredentialNames.js"
import { secretIn } from "./SecretScan.js"

/** A value of this machine that nobody else may see; the name says which in its place. */
export interface KnownValue {
  readonly name: string
  readonly value: string
}

/** Shorter values are too likely to be a part of something harmless. */
export const shortestKnown = 8

/** Values that stand for nothing, though a credential's variable holds them. */
const commonplace = new Set(["password", "changeme", "undefined", "disabled", "required", "optional"])

/** Variables of programs that spell their names without a word's border, such as PGPASSWORD, and keys of any kind. */
const namesSecret = (name: string): boolean =>
  namesCredential(name) || /(?:passw(?:or)?d|passphrase|secret|token|apikey|_key|_pat|_pwd|_pass|_auth)$/i.test(name)

const isPath = (value: string): boolean => /^(?:~|\.{1,2})?(?:\/[\w.@ -]+)+\/?$|^[A-Za-z]:\\/.test(value)

/** The credentials among a process's variables: by their names, by their looks, and those that are named. */
export const hostSecrets = (
  environment: Readonly<Record<string, string | undefined>>,
  variables: ReadonlyArray<string>
): ReadonlyArray<KnownValue> =>
  Object.entries(environment).flatMap(([name, value]) => {
    if (value === undefined || value.length < shortestKnown || commonplace.has(value.toLowerCase())) return []
    if (/credentials?$/i.test(name) && isPath(value)) return []
    if (!namesSecret(name) && !variables.includes(name) && secretIn(value) === undefined) return []
    const password = /:\/\/[^\s:/@]*:([^\s/@]+)@/.exec(value)?.[1] ?? ""
    const parts = password.length >= shortestKnown ? [value, password] : [value]
    return parts.map((part) => ({ name, value: part }))
  })

/** Everything a value can look like in a text, as regular expressions without groups; longest first. */
export const spellings = (value: string, bytes: boolean): ReadonlyArray<string> => {
  const whole = [value, ...(value.includes("\n") ? linesOf(value) : [])]
  const raw = whole.flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1),
    encodeURIComponent(wellFormed(text)),
    encodeURIComponent(wellFormed(text)).replaceAll("%20", "+")
  ])
  const plain = raw
    .filter((text) => !text.includes("\n"))
    .flatMap(pieces)
    .map((text) => escaped(bytes ? binary(text) : text))
  const encoded = base64s(value)
    .flatMap(pieces)
    .map((text) => `${escaped(text)}(?:[\\w+/-]?={1,2})?`)
  return [...new Set([...plain, ...encoded])].sort((a, b) => b.length - a.length)
}

/** A match must fit into the window that texts are looked at through. */
const longestPiece = 512

const pieces = (text: string): ReadonlyArray<string> => {
  if (text.length <= longestPiece) return text.length < shortestKnown ? [] : [text]
  const count = Math.ceil(text.length / longestPiece)
  const size = Math.ceil(text.length / count)
  return Array.from({ length: count }, (_, index) => text.slice(index * size, (index + 1) * size))
}

/** Texts are looked at line by line; only lines of a value that say something are known by themselves. */
const linesOf = (value: string): ReadonlyArray<string> =>
  value
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.length >= 16 && /[\w+/=]{16,}/.test(line) && /\d/.test(line))

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, "\uFFFD")

const binary = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text))

/** Base64 of a text that begins at any place of a longer one, without the characters that its neighbours have a part in. */
const base64s = (value: string): ReadonlyArray<string> =>
  [0, 1, 2].flatMap((offset) => {
    const bytes = `${"\0".repeat(offset)}${Array.from(new TextEncoder().encode(value), (byte) => String.fromCharCode(byte)).join("")}`
    const text = btoa(bytes).slice([0, 2, 3][offset], Math.floor((bytes.length * 8) / 6))
    return text.length < shortestKnown ? [] : [text, text.replaceAll("+", "-").replaceAll("/", "_")]
  })
