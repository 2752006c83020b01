import { JSONSchema, type Schema } from "effect"
import type { StandardSchemaWithJSON } from "@modelcontextprotocol/server"

type JsonSchemaNode = { readonly [key: string]: unknown }

const isNode = (value: unknown): value is JsonSchemaNode =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Words that cost tokens and tell a client nothing it does not see from the keywords beside them. */
const derived = new Set(["$schema", "$id", "$comment", "title"])
const derivedDescriptions = /^(a|an) (string|number|boolean|integer|non-negative|positive|JSON|valid|Date|value|between)/i

/** The schema with references put in place and derived texts left out. */
const plain = (value: unknown, definitions: JsonSchemaNode): unknown => {
  if (Array.isArray(value)) return value.map((item) => plain(item, definitions))
  if (!isNode(value)) return value
  const reference = value["$ref"]
  if (typeof reference === "string") return plain(definitions[reference.replace(/^#\/\$defs\//, "")], definitions)
  const members = Object.entries(value).flatMap(([key, member]) => {
    if (derived.has(key) && typeof member === "string") return []
    if (key === "$defs" || (key === "description" && typeof member === "string" && derivedDescriptions.test(member))) return []
    if (key === "properties" && isNode(member)) {
      return [[key, Object.fromEntries(Object.entries(member).map(([name, property]) => [name, plain(property, definitions)]))]]
    }
    return [[key, plain(member, definitions)]]
  })
  return Object.fromEntries(members)
}

/** What `tools/list` shows for a schema. */
export const jsonSchemaOf = <A, I>(schema: Schema.Schema<A, I>): Record<string, unknown> => {
  const made: JsonSchemaNode = { ...JSONSchema.make(schema, { target: "jsonSchema2020-12" }) }
  const definitions = made["$defs"]
  const root = plain(made, isNode(definitions) ? definitions : {})
  return isNode(root) ? { ...root } : {}
}

/**
 * A schema as the SDK wants it. It lets every value through: the handler decodes, so that a refusal carries a code, the
 * field and the remedy instead of the SDK's sentence.
 */
export const standardSchema = <A, I>(schema: Schema.Schema<A, I>): StandardSchemaWithJSON<unknown, unknown> => {
  const json = jsonSchemaOf(schema)
  return {
    "~standard": {
      version: 1,
      vendor: "effect",
      validate: (value) => ({ value }),
      jsonSchema: { input: () => json, output: () => json }
    }
  }
}
