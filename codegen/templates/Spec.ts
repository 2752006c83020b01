import type { Entry, Failure } from "../Entry.js"
import type { DetailField } from "../Field.js"
import { className, errorCode, pieces } from "../Names.js"
import { header } from "./Header.js"

const quoted = (value: unknown): string => JSON.stringify(value)

const list = (values: ReadonlyArray<string>): string => `[${values.map(quoted).join(", ")}]`

const numeric = (base: string, field: { readonly min?: number; readonly max?: number }): string => {
  const bounds = [
    ...(field.min === undefined ? [] : [`Schema.greaterThanOrEqualTo(${field.min})`]),
    ...(field.max === undefined ? [] : [`Schema.lessThanOrEqualTo(${field.max})`])
  ]
  if (field.min !== undefined && field.max !== undefined)
    return `${base}.pipe(Schema.between(${field.min}, ${field.max}))`
  return bounds.length === 0 ? base : `${base}.pipe(${bounds.join(", ")})`
}

const valueSchema = (field: DetailField): string => {
  switch (field.type) {
    case "string":
      return field.pattern === undefined
        ? "Schema.String"
        : `Schema.String.pipe(Schema.pattern(new RegExp(${quoted(field.pattern)})))`
    case "int":
      return numeric("Schema.Int", field)
    case "number":
      return numeric("Schema.Finite", field)
    case "boolean":
      return "Schema.Boolean"
    case "string[]":
      return field.min === undefined
        ? "Schema.Array(Schema.String)"
        : `Schema.Array(Schema.String).pipe(Schema.minItems(${field.min}))`
    case "record":
      return "Schema.Record({ key: Schema.String, value: Schema.String })"
    case "enum":
      return `Schema.Literal(${field.values.map(quoted).join(", ")})`
    case "json":
      return "Json"
  }
}

const byDefault = (field: DetailField): string | undefined => {
  if (!("default" in field) || field.default === undefined) return undefined
  return field.type === "record"
    ? `(${quoted(field.default)})`
    : Array.isArray(field.default)
      ? list(field.default)
      : quoted(field.default)
}

const property = (name: string, field: DetailField): string => {
  const schema = valueSchema(field)
  const value = byDefault(field)
  const given = value === undefined ? "{ exact: true }" : `{ exact: true, default: () => ${value} }`
  const signature =
    field.required === true ? `Schema.propertySignature(${schema})` : `Schema.optionalWith(${schema}, ${given})`
  return `  ${name}: ${signature}.annotations({\n    description: ${quoted(field.description)}\n  })`
}

const fieldGroup = (name: string, fields: { readonly [name: string]: DetailField }): string => {
  const properties = Object.entries(fields).map(([key, field]) => property(key, field))
  const schema = properties.length === 0 ? "NoDetails" : `Schema.Struct({\n${properties.join(",\n")}\n})`
  return `export const ${name} = ${schema}\nexport type ${name} = typeof ${name}.Type\n`
}

const need = (entry: Entry, value: Entry["needs"][number]): string => {
  const environment = value.environment === undefined ? [] : [`      environment: ${quoted(value.environment)}`]
  return `    {\n${[
    `      id: ${quoted(value.id)}`,
    `      question: ${quoted(value.question)}`,
    `      modes: ${list(value.modes ?? entry.targetModes)}`,
    `      taskTypes: ${list(value.taskTypes ?? entry.taskTypes)}`,
    ...environment
  ].join(",\n")}\n    }`
}

const spec = (name: string, entry: Entry): string => {
  const caller = Object.entries(entry.details.fields).flatMap(([key, field]) => (field.caller === true ? [key] : []))
  const needs = entry.needs.map((value) => need(entry, value))
  const members = [
    `name: ${quoted(name)}`,
    `title: ${quoted(entry.title)}`,
    `provider: ${quoted(entry.provider)}`,
    `capability: ${quoted(entry.capability)}`,
    `taskTypes: ${list(entry.taskTypes)}`,
    `targetModes: ${list(entry.targetModes)}`,
    `protocols: ${list(entry.protocols)}`,
    `start: ${quoted(entry.start)}`,
    `transport: ${quoted(entry.transport)}`,
    `placement: ${quoted(entry.placement)}`,
    `maxConcurrent: ${entry.maxConcurrent}`,
    "accountDetails: detailSchema(Account)",
    "details: detailSchema(Details)",
    `callerDetails: ${list(caller)}`,
    needs.length === 0 ? "needs: []" : `needs: [\n${needs.join(",\n")}\n  ]`
  ]
  return `export const spec: AdapterSpec = {\n${members.map((member) => `  ${member}`).join(",\n")}\n}\n`
}

const errorSchemas = {
  string: "Schema.String",
  int: "Schema.Int",
  number: "Schema.Number",
  boolean: "Schema.Boolean",
  "string[]": "Schema.Array(Schema.String)",
  json: "Json"
} as const

const escaped = (text: string): string => text.replace(/[\\`]|\$(?=\{)/g, "\\$&").replaceAll("\r", "\\r")

const filled = (field: string, failure: Failure): string => {
  const type = failure.fields[field]
  if (type === "string[]") return `\${this.${field}.join(", ") || "none"}`
  return type === "json" ? `\${JSON.stringify(this.${field})}` : `\${this.${field}}`
}

const failureClass = (adapter: string, name: string, failure: Failure): string => {
  const type = className(name)
  const fields = Object.entries(failure.fields).map(([key, kind]) => `  ${key}: ${errorSchemas[kind]}`)
  const shape = fields.length === 0 ? "{}" : `{\n${fields.join(",\n")}\n}`
  const known = Object.keys(failure.fields).map((key) => `${key}: this.${key}`)
  const message = pieces(failure.message).map((piece, index) =>
    index % 2 === 0 ? escaped(piece) : filled(piece, failure)
  )
  return [
    `export class ${type} extends Schema.TaggedError<${type}>()(${quoted(`${adapter}/${type}`)}, ${shape}) {`,
    `  readonly code = ${quoted(errorCode(adapter, name, failure))}`,
    `  readonly retryable = ${failure.retryable}`,
    `  readonly delivery = ${quoted(failure.delivery)}`,
    ...(known.length === 0 ? [] : ["  get details() {", `    return { ${known.join(", ")} }`, "  }"]),
    "  override get message() {",
    `    return \`${message.join("")}\``,
    "  }",
    "}\n"
  ].join("\n")
}

/** `adapters/<name>/Spec.generated.ts`. */
export const specFile = (name: string, entry: Entry): string => {
  const groups = [entry.account.fields, entry.details.fields]
  const json =
    groups.some((fields) => Object.values(fields).some((field) => field.type === "json")) ||
    Object.values(entry.errors).some((failure) => Object.values(failure.fields).includes("json"))
  const noDetails = groups.some((fields) => Object.keys(fields).length === 0)
  const classes = Object.entries(entry.errors).map(([error, failure]) => failureClass(name, error, failure))
  const schema = classes.length > 0 || groups.some((fields) => Object.keys(fields).length > 0)
  const imports = [
    ...(schema ? ['import { Schema } from "effect"'] : []),
    `import { type AdapterSpec, detailSchema${noDetails ? ", NoDetails" : ""} } from "../../src/domain/AdapterSpec.js"`,
    ...(json ? ['import { Json } from "../../src/domain/Json.js"'] : [])
  ]
  return [
    `${header(`adapters.${name}`)}${imports.join("\n")}\n`,
    fieldGroup("Account", entry.account.fields),
    fieldGroup("Details", entry.details.fields),
    spec(name, entry),
    ...classes
  ].join("\n")
}
