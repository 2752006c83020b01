import { ParseResult, Schema } from "effect"

/** Any value JSON can carry. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

export type JsonObject = { readonly [key: string]: Json }

const isPlainObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isJson = (root: unknown): root is Json => {
  const open: Array<unknown> = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (value === null || typeof value === "string" || typeof value === "boolean") continue
    if (typeof value === "number") {
      if (!Number.isFinite(value)) return false
    } else if (Array.isArray(value)) {
      for (const item of value) open.push(item)
    } else if (isPlainObject(value)) {
      for (const key of Object.keys(value)) if (value[key] !== undefined) open.push(value[key])
    } else return false
  }
  return true
}

/** Declared, not derived: values pass through uncopied, so a `__proto__` key stays an ordinary key. */
export const Json = Schema.declare(isJson, {
  identifier: "Json",
  description: "a JSON value",
  jsonSchema: { type: ["object", "array", "string", "number", "boolean", "null"] }
})

export const JsonObject = Schema.declare(
  (value: unknown): value is JsonObject => isPlainObject(value) && isJson(value),
  { identifier: "JsonObject", description: "a JSON object", jsonSchema: { type: "object" } }
)

/** JSON text as the value it spells. */
export const JsonText = Schema.parseJson(Json)

/** The one place that turns text into JSON; a failure names line and column where the engine tells them. */
export const decodeText = Schema.decodeUnknown(JsonText)

/** Compact JSON: no spaces, no line breaks. */
export const encodeText = (value: Json): string => JSON.stringify(value)

export const formatIssues = (
  error: ParseResult.ParseError
): ReadonlyArray<{ readonly path: string; readonly message: string }> =>
  ParseResult.ArrayFormatter.formatErrorSync(error).map((issue) => ({
    path: issue.path.map(String).join("."),
    message: issue.message
  }))

/** JSON with every object's keys in order: equal values spell equal texts. */
export const canonical = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  if (!isPlainObject(value)) return JSON.stringify(value)
  const members = Object.entries(value).flatMap(([key, member]) =>
    isJson(member) ? [`${JSON.stringify(key)}:${canonical(member)}`] : []
  )
  return `{${members.sort().join(",")}}`
}

/** The members that are there; JSON has no undefined. */
export const defined = (members: { readonly [key: string]: Json | undefined }): JsonObject =>
  Object.fromEntries(Object.entries(members).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
