import { Context, Effect, Layer, Schema, Stream } from "effect"
import { JsonObject } from "../domain/Json.js"

/** One record of the audit as it is stored: what was asked, by whom, and what came of it. */
export const KeptRecord = Schema.Struct({
  /** From 1, without gaps; records keep this order whatever the clock did. */
  seq: Schema.Int,
  /** What the clock said when it was written, as ISO 8601. */
  at: Schema.String,
  /** The tool or command, or `audit.…` for what the log says of itself. */
  event: Schema.String,
  who: Schema.Struct({
    principal: Schema.String,
    client: Schema.optional(Schema.Struct({ name: Schema.String, version: Schema.String }))
  }),
  taskId: Schema.optional(Schema.String),
  handle: Schema.optional(Schema.String),
  outcome: Schema.String,
  code: Schema.optional(Schema.String),
  rule: Schema.optional(Schema.String),
  detail: Schema.optional(JsonObject),
  /** The names of the sensitive values and what commits to each: SHA-256 over its salt and its canonical JSON. */
  sealed: Schema.optional(JsonObject),
  /** The sensitive values that nobody took out; salts are hexadecimal. */
  open: Schema.optional(JsonObject)
})
export type KeptRecord = typeof KeptRecord.Type

/** One thing that is not as it was written. */
export interface Finding {
  readonly file: string
  /** From 1. */
  readonly line?: number | undefined
  /** The number of the record that is broken, or should be where something else is. */
  readonly record?: number | undefined
  readonly what: string
}

export interface Verdict {
  /** Nothing is broken. */
  readonly whole: boolean
  readonly records: number
  /** So many signatures were checked, the newest record's included. */
  readonly checkpoints: number
  /** The id of the key that the checkpoints were checked with: SHA-256 of the public key. */
  readonly key?: string | undefined
  /** The first broken record comes first. */
  readonly broken: ReadonlyArray<Finding>
  /** What is strange and yet proves nothing, such as a clock that jumped back. */
  readonly notes: ReadonlyArray<Finding>
}

export interface Evidence {
  /** The log of an export, or its folder; the state folder's own without it. */
  readonly file?: string | undefined
  /** The file of the public key that must have signed; the one beside the log without it. */
  readonly key?: string | undefined
  /** The folder of an earlier export that the log must go on from. */
  readonly against?: string | undefined
}

/** A file of the audit that was named or is needed, and cannot be used. */
export class AuditUnusable extends Schema.TaggedError<AuditUnusable>()("AuditUnusable", {
  path: Schema.String,
  problem: Schema.String
}) {
  readonly code = "audit.unusable"
  override get message() {
    return `${this.path} ${this.problem}`
  }
}

/** Reads and proves what `Audit` kept. */
export class AuditTrail extends Context.Tag("agentdispatch/AuditTrail")<
  AuditTrail,
  {
    /** Every record that can be read, in order; what cannot is for `verify` to name. */
    readonly records: Stream.Stream<KeptRecord, AuditUnusable>
    readonly verify: (evidence: Evidence) => Effect.Effect<Verdict, AuditUnusable>
    /** Copies the log with everything that proves it into a new folder; the number of records under its last signature. */
    readonly exportTo: (folder: string) => Effect.Effect<number, AuditUnusable>
    /** Takes the sensitive values of one record out for good, all of them if none is named; the names of those it took. */
    readonly redact: (seq: number, names: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, AuditUnusable>
  }
>() {
  /** A trail of records that need no proof. */
  static readonly layerMemory = (records: ReadonlyArray<KeptRecord>) =>
    Layer.succeed(AuditTrail, {
      records: Stream.fromIterable(records),
      verify: () => Effect.succeed({ whole: true, records: records.length, checkpoints: 0, broken: [], notes: [] }),
      exportTo: (folder) => new AuditUnusable({ path: folder, problem: "cannot be filled from memory" }),
      redact: () => Effect.succeed([])
    })
}
