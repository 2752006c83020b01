import { Effect, Option, Schema } from "effect"
import { InvalidInput } from "../domain/DispatchError.js"
import { decodeText, JsonObject } from "../domain/Json.js"
import { jsonFault } from "../domain/JsonFault.js"

const json = (flag: string, text: string) =>
  Effect.mapError(decodeText(text), () => {
    const fault = jsonFault(text)
    return new InvalidInput({
      path: flag,
      problem:
        fault === undefined
          ? "is not JSON"
          : `is not JSON: line ${fault.line}, column ${fault.column}: ${fault.problem}`
    })
  })

const flagOf = <A, I>(expected: string, schema: Schema.Schema<A, I>) =>
  Effect.fn("cli.jsonFlag")(function* (flag: string, text: string | undefined) {
    if (text === undefined) return undefined
    const value = yield* json(flag, text)
    return yield* Effect.mapError(
      Schema.decodeUnknown(schema)(value),
      () => new InvalidInput({ path: flag, problem: `must be ${expected}` })
    )
  })

/** A flag whose value is a JSON object. */
export const jsonObjectFlag = flagOf('a JSON object, such as {"key": "value"}', JsonObject)

/** A flag whose value is a model: its name as a JSON string, or an object. */
export const modelFlag = flagOf(
  "a JSON object, or a name in double quotes, such as '\"small\"'",
  Schema.Union(Schema.String, JsonObject)
)

/** `NAME=VALUE` pairs as one object; a name given twice keeps its last value. */
export const variables = Effect.fn("cli.variables")(function* (flag: string, pairs: ReadonlyArray<string>) {
  if (pairs.length === 0) return undefined
  const entries = yield* Effect.forEach(pairs, (pair) =>
    Option.match(Option.fromNullable(/^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(pair)), {
      onNone: () => new InvalidInput({ path: flag, problem: `"${pair.slice(0, 60)}" is not NAME=VALUE` }),
      onSome: (match) => Effect.succeed([match[1] ?? "", match[2] ?? ""] as const)
    })
  )
  return Object.fromEntries(entries)
})
