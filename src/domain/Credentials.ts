import { namesCredential } from "./CredentialNames.js"
import type { Json, JsonObject } from "./Json.js"
import { secretIn } from "./SecretScan.js"

/** Says which secret a text holds, by its looks or because it is a value of this machine. */
export type SecretIn = (text: string) => string | undefined

const reference = /^\$\{[a-z]+:[^}]+\}$/i

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A schema that describes a field called `password` carries no password. */
const describesSchema = (value: JsonObject): boolean =>
  ["type", "$ref", "anyOf", "oneOf", "allOf", "enum"].some((keyword) => Object.hasOwn(value, keyword))

const harmlessUnder = (value: Json): boolean =>
  value === null || (typeof value === "string" && reference.test(value)) || (isObject(value) && describesSchema(value))

/** The path of the first credential in a value, or nothing; keys match in any letter case and at any depth. */
export const findCredential = (value: Json, path: string, secret: SecretIn = secretIn): string | undefined => {
  if (typeof value === "string") return secret(value) === undefined ? undefined : path
  if (Array.isArray(value))
    return firstOf(
      value.map((item, index) => [`${path}[${index}]`, item]),
      secret
    )
  if (!isObject(value)) return undefined
  // A key that is a secret itself is not repeated in its path.
  if (Object.keys(value).some((key) => secret(key) !== undefined)) return path
  const named = Object.keys(value).find((key) => {
    const member = value[key]
    return member !== undefined && namesCredential(key) && !harmlessUnder(member)
  })
  return named === undefined
    ? firstOf(
        Object.keys(value).map((key) => [`${path}.${key}`, value[key] ?? null]),
        secret
      )
    : `${path}.${named}`
}

const firstOf = (
  entries: ReadonlyArray<readonly [path: string, value: Json]>,
  secret: SecretIn
): string | undefined => {
  for (const [path, value] of entries) {
    const found = findCredential(value, path, secret)
    if (found !== undefined) return found
  }
  return undefined
}
