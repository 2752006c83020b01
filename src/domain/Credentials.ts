import type { Json, JsonObject } from "./Json.js"

/** Last words of a key that holds a credential, after the key is split into words. */
const secretEndings = [
  "access key id",
  "secret access key",
  "secret key",
  "session token",
  "api key",
  "client secret",
  "private key",
  "password",
  "passwd",
  "passphrase",
  "token",
  "secret",
  "credential",
  "credentials",
  "connection string"
]

const joinedEndings = new Set(secretEndings.map((ending) => ending.replaceAll(" ", "")))

/** `aws_secret_access_key`, `AWSSecretAccessKey` and `aws-secret-access-key` are the same four words. */
const words = (key: string): ReadonlyArray<string> =>
  key
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "")

/** Tokens of these kinds are positions or vocabulary, not secrets. */
const harmlessTokens = new Set([
  "next",
  "page",
  "continuation",
  "stop",
  "start",
  "end",
  "pad",
  "eos",
  "bos",
  "cursor",
  "sync"
])

const namesCredential = (key: string): boolean => {
  const spelled = words(key)
  const last = spelled[spelled.length - 1]
  if (last === "token" && harmlessTokens.has(spelled[spelled.length - 2] ?? "")) return false
  return spelled.some((_, index) => joinedEndings.has(spelled.slice(index).join("")))
}

/** Shapes so particular that nothing else looks like them. */
const secretShapes: ReadonlyArray<RegExp> = [
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{36,}\b/,
  /\bgithub_pat_[A-Za-z0-9_]{60,}\b/,
  /\bglpat-[A-Za-z0-9_-]{20,}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{20,}\b/,
  /\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}\b/,
  /\bAIza[0-9A-Za-z_-]{35}\b/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/,
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:[^\s:/@]+@/i
]

const reference = /^\$\{[a-z]+:[^}]+\}$/i

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A schema that describes a field called `password` carries no password. */
const describesSchema = (value: JsonObject): boolean =>
  ["type", "$ref", "anyOf", "oneOf", "allOf", "enum"].some((keyword) => Object.hasOwn(value, keyword))

const harmlessUnder = (value: Json): boolean =>
  value === null || (typeof value === "string" && reference.test(value)) || (isObject(value) && describesSchema(value))

/** The path of the first credential in a value, or nothing; keys match in any letter case and at any depth. */
export const findCredential = (value: Json, path: string): string | undefined => {
  if (typeof value === "string") return secretShapes.some((shape) => shape.test(value)) ? path : undefined
  if (Array.isArray(value)) return firstOf(value.map((item, index) => [`${path}[${index}]`, item]))
  if (!isObject(value)) return undefined
  const named = Object.keys(value).find((key) => {
    const member = value[key]
    return member !== undefined && namesCredential(key) && !harmlessUnder(member)
  })
  return named === undefined
    ? firstOf(Object.keys(value).map((key) => [`${path}.${key}`, value[key] ?? null]))
    : `${path}.${named}`
}

const firstOf = (entries: ReadonlyArray<readonly [path: string, value: Json]>): string | undefined => {
  for (const [path, value] of entries) {
    const found = findCredential(value, path)
    if (found !== undefined) return found
  }
  return undefined
}
