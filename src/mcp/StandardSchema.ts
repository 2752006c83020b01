import { JSONSchema, type Schema } from "effect"
import type { StandardSchemaWithJSON } from "@modelcontextprotocol/server"

type JsonSchemaNode = { readonly [key: string]: unknown }

const isNode = (value: unknown): value is JsonSchemaNode =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Words that cost tokens and tell a client nothing it does not see from the keywords beside them. */
const derived = new Set(["$schema", "$id", "$comment", "title"])
const derivedDescriptions =
  /^(a|an) (string|number|boolean|integer|non-negative|positive|JSON|valid|Date|value|between)/i

/** The schema with references put in place, derived texts left out, and "any type" said by saying nothing. */
const plain = (value: unknown, definitions: JsonSchemaNode): unknown => {
  if (Array.isArray(value)) return value.map((item) => plain(item, definitions))
  if (!isNode(value)) return value
  if (Array.isArray(value["type"])) return {}
  const reference = value["$ref"]
  if (typeof reference === "string") {
    const { $ref: _, ...beside } = value
    const referred = plain(definitions[reference.replace(/^#\/\$defs\//, "")], definitions)
    return Object.fromEntries([...membersOf(referred), ...membersOf(plain(beside, definitions))])
  }
  const members = Object.entries(value).flatMap(([key, member]): ReadonlyArray<readonly [string, unknown]> => {
    if (saysNothing(key, member)) return []
    if (key === "allOf" && Array.isArray(member)) return member.flatMap((part) => membersOf(plain(part, definitions)))
    if (key === "properties" && isNode(member)) {
      return [
        [
          key,
          Object.fromEntries(Object.entries(member).map(([name, property]) => [name, plain(property, definitions)]))
        ]
      ]
    }
    return [[key, plain(member, definitions)]]
  })
  return Object.fromEntries(members)
}

const membersOf = (value: unknown) => (isNode(value) ? Object.entries(value) : [])

const saysNothing = (key: string, member: unknown): boolean =>
  key === "$defs" ||
  (derived.has(key) && typeof member === "string") ||
  (key === "description" && typeof member === "string" && derivedDescriptions.test(member)) ||
  (key === "required" && Array.isArray(member) && member.length === 0) ||
  (key === "properties" && isNode(member) && Object.keys(member).length === 0)

/** The root of what a tool takes or answers. */
export interface ObjectSchema {
  type: "object"
  [keyword: string]: unknown
}

/** What `tools/list` shows for a schema. */
export const jsonSchemaOf = <A, I>(schema: Schema.Schema<A, I>): ObjectSchema => {
  const made: JsonSchemaNode = { ...JSONSchema.make(schema, { target: "jsonSchema2020-12" }) }
  const definitions = made["$defs"]
  const root = plain(made, isNode(definitions) ? definitions : {})
  return { ...(isNode(root) ? root : {}), type: "object" }
}

/** A member of an answer by its kind alone: what is within it, the value itself shows. */
const kindOf = (member: unknown): JsonSchemaNode => {
  if (!isNode(member)) return {}
  const { description, type } = member
  return {
    ...(typeof type === "string" ? { type } : {}),
    ...(typeof description === "string" ? { description } : {})
  }
}

/**
 * What `tools/list` shows for what a tool answers: what is always there, and what needs a word. The rest shows itself,
 * and an answer may gain members for which no client must refuse it.
 */
export const outputSchemaOf = <A, I>(schema: Schema.Schema<A, I>): ObjectSchema => {
  const { properties, required } = jsonSchemaOf(schema)
  const always: ReadonlyArray<unknown> = Array.isArray(required) ? required : []
  return {
    type: "object",
    ...(always.length === 0 ? {} : { required }),
    properties: Object.fromEntries(
      membersOf(properties)
        .map(([name, member]) => [name, kindOf(member)] as const)
        .filter(([name, kind]) => always.includes(name) || "description" in kind)
    )
  }
}

/**
 * A schema as the SDK wants it. It lets every value through: the handler decodes, so that a refusal carries a code, the
 * field and the remedy instead of the SDK's sentence.
 */
export const standardSchema = <A, I>(schema: Schema.Schema<A, I>): StandardSchemaWithJSON<unknown, unknown> => {
  const input = jsonSchemaOf(schema)
  return {
    "~standard": {
      version: 1,
      vendor: "effect",
      validate: (value) => ({ value }),
      jsonSchema: { input: () => input, output: () => input }
    }
  }
}
