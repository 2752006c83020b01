import { ParseResult, Schema } from "effect"
import { JsonObject } from "./Json.js"
import type { TargetMode, TaskType } from "./Task.js"

/**
 * What a resend of the same start does at the far side: nothing (`idempotent`), unknown but it can be asked
 * (`probe`), or perhaps a second run (`once`: never resend).
 */
export type StartSemantics = "idempotent" | "probe" | "once"

/** Something a request must bring; asked for when nobody brought it. */
export interface Need {
  /** The input field that answers, and the detail it fills. */
  readonly id: string
  readonly question: string
  readonly modes: ReadonlyArray<TargetMode>
  readonly taskTypes: ReadonlyArray<TaskType>
  /** An environment variable of the server that may answer. */
  readonly environment?: string
}

/** One kind of backend as data, generated from `adapters.manifest.yaml`. */
export interface AdapterSpec {
  readonly name: string
  readonly title: string
  readonly provider: string
  readonly capability: string
  readonly taskTypes: ReadonlyArray<TaskType>
  readonly targetModes: ReadonlyArray<TargetMode>
  readonly protocols: ReadonlyArray<string>
  readonly start: StartSemantics
  readonly transport: "process" | "http" | "sdk"
  /** `host`: its work can only be started, seen and stopped from the machine that accepted it. */
  readonly placement: "anywhere" | "host"
  /** How many tasks of one backend may be under way at once, unless its details say otherwise. */
  readonly maxConcurrent: number
  readonly accountDetails: Schema.Schema<JsonObject, unknown>
  readonly details: Schema.Schema<JsonObject, unknown>
  /** The details a call may set; all others come from the config alone. */
  readonly callerDetails: ReadonlyArray<string>
  readonly needs: ReadonlyArray<Need>
}

/** Fields as a backend's or an account's details: unknown keys are refused, defaults filled in. */
export const detailSchema = <A extends JsonObject, I>(
  fields: Schema.Schema<A, I>
): Schema.Schema<JsonObject, unknown> => {
  const decode = ParseResult.decodeUnknownEither(fields, { errors: "all", onExcessProperty: "error" })
  return Schema.transformOrFail(Schema.Unknown, JsonObject, {
    strict: true,
    decode: (input) => decode(input),
    encode: (details) => ParseResult.succeed(details)
  })
}

/** Details of which there are none: an empty `Schema.Struct` would let every key pass. */
export const NoDetails = JsonObject.pipe(
  Schema.filter((details) =>
    Object.keys(details).map((key) => ({ path: [key], message: "is not a known key: nothing can be set here" }))
  )
)
