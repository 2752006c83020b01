import { Either } from "effect"
import { suggestion } from "../src/domain/Nearest.js"
import type { Entry, Failure } from "./Entry.js"
import type { DetailField } from "./Field.js"
import { className, errorCode, holes } from "./Names.js"

type Problems = ReadonlyArray<string>

const repeats = (path: string, values: ReadonlyArray<string>): Problems =>
  values.flatMap((value, index) =>
    values.indexOf(value) < index ? [`${path}[${index}]: repeats ${JSON.stringify(value)}`] : []
  )

const compiles = (pattern: string) => Either.isRight(Either.try(() => new RegExp(pattern)))

const bounds = (
  field: { readonly default?: number; readonly min?: number; readonly max?: number },
  path: string
): Problems => {
  const { default: value, min, max } = field
  if (min !== undefined && max !== undefined && min > max) return [`${path}.min: is above max, ${max}`]
  if (value === undefined) return []
  if (min !== undefined && value < min) return [`${path}.default: is below min, ${min}`]
  return max !== undefined && value > max ? [`${path}.default: is above max, ${max}`] : []
}

const ofType = (field: DetailField, path: string): Problems => {
  switch (field.type) {
    case "string":
      if (field.pattern === undefined) return []
      if (!compiles(field.pattern)) return [`${path}.pattern: is not a regular expression`]
      return field.default === undefined || new RegExp(field.pattern).test(field.default)
        ? []
        : [`${path}.default: does not match ${field.pattern}`]
    case "int":
    case "number":
      return bounds(field, path)
    case "string[]":
      return field.default !== undefined && field.default.length < (field.min ?? 0)
        ? [`${path}.default: has fewer elements than min, ${field.min}`]
        : []
    case "enum": {
      const unknown = field.default !== undefined && !field.values.includes(field.default)
      return [
        ...repeats(`${path}.values`, field.values),
        ...(unknown
          ? [`${path}.default: expected one of ${field.values.join(", ")}, got ${JSON.stringify(field.default)}`]
          : [])
      ]
    }
    default:
      return []
  }
}

const ofField = (field: DetailField, path: string): Problems => [
  ...ofType(field, path),
  ...(field.required === true && "default" in field
    ? [`${path}.required: a field with a default is never missing; remove one of the two`]
    : [])
]

const ofNeed = (entry: Entry, need: Entry["needs"][number], path: string): Problems => {
  const field = Object.hasOwn(entry.details.fields, need.id) ? entry.details.fields[need.id] : undefined
  if (field === undefined) {
    const known = Object.keys(entry.details.fields)
    return [`${path}.id: names no detail.${suggestion(need.id, known)} Known: ${known.join(", ") || "none"}`]
  }
  const beyond = (kind: string, wanted: ReadonlyArray<string>, offered: ReadonlyArray<string>) =>
    wanted.flatMap((value, index) =>
      offered.includes(value)
        ? []
        : [`${path}.${kind}[${index}]: the adapter does not offer "${value}"; it offers ${offered.join(", ")}`]
    )
  return [
    ...(field.caller === true
      ? []
      : [`${path}.id: the answer comes with a call, so details.fields.${need.id} needs caller: true`]),
    ...(field.required === true
      ? [`${path}.id: what is asked for may be missing; remove required from details.fields.${need.id}`]
      : []),
    ...beyond("modes", need.modes ?? [], entry.targetModes),
    ...beyond("taskTypes", need.taskTypes ?? [], entry.taskTypes)
  ]
}

const ownToErrors = [
  "code",
  "retryable",
  "delivery",
  "details",
  "message",
  "name",
  "stack",
  "cause",
  "constructor",
  "toString",
  "pipe",
  "commit"
]
const ownToSpecs = ["Account", "AdapterSpec", "Details", "Json", "NoDetails", "Schema"]

const ofFailure = (name: string, failure: Failure, path: string): Problems => {
  const known = Object.keys(failure.fields)
  return [
    ...(ownToSpecs.includes(className(name))
      ? [`${path}: the name is taken; choose another, such as ${name}_failed`]
      : []),
    ...known
      .filter((field) => ownToErrors.includes(field))
      .map((field) => `${path}.fields.${field}: every error has its own; choose another name`),
    ...holes(failure.message)
      .filter((hole) => !known.includes(hole))
      .map(
        (hole) =>
          `${path}.message: {${hole}} names no field.${suggestion(hole, known)} Known: ${known.join(", ") || "none"}`
      )
  ]
}

const ofEntry = (name: string, entry: Entry): Problems => {
  const path = `adapters.${name}`
  const codes = Object.entries(entry.errors).map(([error, failure]) => errorCode(name, error, failure))
  return [
    ...repeats(`${path}.taskTypes`, entry.taskTypes),
    ...repeats(`${path}.targetModes`, entry.targetModes),
    ...repeats(`${path}.protocols`, entry.protocols),
    ...Object.entries(entry.account.fields).flatMap(([field, value]) => [
      ...ofField(value, `${path}.account.fields.${field}`),
      ...(value.caller === true
        ? [`${path}.account.fields.${field}.caller: an account comes from the config alone`]
        : [])
    ]),
    ...Object.entries(entry.details.fields).flatMap(([field, value]) =>
      ofField(value, `${path}.details.fields.${field}`)
    ),
    ...entry.needs.flatMap((need, index) => ofNeed(entry, need, `${path}.needs[${index}]`)),
    ...Object.entries(entry.errors).flatMap(([error, failure], index) => [
      ...ofFailure(error, failure, `${path}.errors.${error}`),
      ...(codes.indexOf(codes[index] ?? "") < index
        ? [`${path}.errors.${error}.code: another error has the code "${codes[index]}"`]
        : [])
    ])
  ]
}

/** What no single field shows: names that do not meet, defaults out of range, two of one kind. */
export const inconsistencies = (adapters: { readonly [name: string]: Entry }): Problems =>
  Object.entries(adapters).flatMap(([name, entry]) => ofEntry(name, entry))
