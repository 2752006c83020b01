import { Schema } from "effect"

/** Words for people or programs; never blank. */
export const text = Schema.String.pipe(Schema.pattern(/\S/, { description: "text" }))

/** A name that is a property in JSON and in TypeScript alike. */
export const FieldName = Schema.String.pipe(
  Schema.pattern(/^[a-z][A-Za-z0-9]*$/, { description: "a name in camelCase, such as imageUri" })
)

export const optional = <A, I>(schema: Schema.Schema<A, I>, description: string) =>
  Schema.optionalWith(schema, { exact: true }).annotations({ description })

export const required = <A, I>(schema: Schema.Schema<A, I>, description: string) =>
  Schema.propertySignature(schema).annotations({ description })

const common = {
  description: required(text, "What it means, with its unit."),
  required: optional(Schema.Boolean, "Whether every config must give it."),
  caller: optional(Schema.Boolean, "Whether a tool call may set it; otherwise it comes from the config alone.")
}

const Text = Schema.Struct({
  type: Schema.Literal("string"),
  ...common,
  default: optional(Schema.String, "Used when nobody gives it."),
  pattern: optional(text, "A regular expression the whole check consists of.")
})

const range = {
  default: optional(Schema.Finite, "Used when nobody gives it."),
  min: optional(Schema.Finite, "The least it may be."),
  max: optional(Schema.Finite, "The most it may be.")
}

const Int = Schema.Struct({
  type: Schema.Literal("int"),
  ...common,
  ...range,
  default: optional(Schema.Int, "Used when nobody gives it.")
})
const Float = Schema.Struct({ type: Schema.Literal("number"), ...common, ...range })

const Flag = Schema.Struct({
  type: Schema.Literal("boolean"),
  ...common,
  default: optional(Schema.Boolean, "Used when nobody gives it.")
})

const Texts = Schema.Struct({
  type: Schema.Literal("string[]"),
  ...common,
  default: optional(Schema.Array(Schema.String), "Used when nobody gives it."),
  min: optional(Schema.NonNegativeInt, "The fewest elements it may have.")
})

const Table = Schema.Struct({
  type: Schema.Literal("record"),
  ...common,
  default: optional(Schema.Record({ key: Schema.String, value: Schema.String }), "Used when nobody gives it.")
})

const Choice = Schema.Struct({
  type: Schema.Literal("enum"),
  ...common,
  values: required(Schema.NonEmptyArray(text), "What it may be."),
  default: optional(text, "Used when nobody gives it.")
})

const Anything = Schema.Struct({ type: Schema.Literal("json"), ...common })

/** One field of an account's or a backend's details. */
export const DetailField = Schema.Union(Text, Int, Float, Flag, Texts, Table, Choice, Anything)
export type DetailField = typeof DetailField.Type
