import { Context, Effect, Layer, Ref } from "effect"
import type { JsonObject } from "../domain/Json.js"

/** One line of who did what, when and how it went; who is the `Caller` of the call that appends it, when is now. */
export interface AuditRecord {
  readonly event: string
  readonly taskId?: string
  /** The other id a lane's task has. */
  readonly handle?: string
  readonly outcome: string
  readonly code?: string
  /** The policy rule that decided, as `policy.rules.N`, or `policy.defaultEffect`. */
  readonly rule?: string
  readonly detail?: JsonObject
  /** Kept beside the proof, which only commits to each member by a salted hash, so that it can be taken out later. */
  readonly sensitive?: JsonObject
}

/** Keeps a record of everything callers asked for, refusals included. A record that cannot be kept is reported to the operator. */
export class Audit extends Context.Tag("agentdispatch/Audit")<
  Audit,
  {
    readonly append: (record: AuditRecord) => Effect.Effect<void>
  }
>() {
  static readonly layerMemory = (seen: Ref.Ref<ReadonlyArray<AuditRecord>>) =>
    Layer.succeed(Audit, { append: (record) => Ref.update(seen, (records) => [...records, record]) })

  static readonly layerNone = Layer.succeed(Audit, { append: () => Effect.void })
}
