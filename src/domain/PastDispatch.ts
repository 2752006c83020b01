import { DateTime, Either, Option, Schema } from "effect"
import { defined, type JsonObject } from "./Json.js"
import { type Subject, subjectOf } from "./Policy.js"
import { DispatchTool } from "./PolicyConfig.js"
import { type Demand, demandOf } from "./PolicyLimits.js"
import type { RoutedRequest } from "./Task.js"

/** A dispatch as the audit remembers it: what a policy decided about, and how. */
export interface PastDispatch {
  /** The number of its record. */
  readonly seq: number
  readonly subject: Subject
  readonly demand: Demand
  readonly effect: "allow" | "deny"
  readonly rule: string
  /** The task it became, or already was. */
  readonly taskId?: string | undefined
  /** It named an earlier task and created none. */
  readonly repeated: boolean
}

/** The part of a dispatch's audit record that `fromRecord` reads again. */
export const detailOf = (request: RoutedRequest): JsonObject => {
  const { at: _, principal: __, tool: ___, ...subject } = subjectOf(request, { tool: "", principal: "", at: 0 })
  return defined({ ...subject, ...demandOf(request) })
}

const Detail = Schema.Struct({
  provider: Schema.String,
  accountProfile: Schema.String,
  capability: Schema.String,
  backend: Schema.String,
  taskType: Schema.String,
  targetMode: Schema.String,
  runtime: Schema.optional(Schema.String),
  framework: Schema.optional(Schema.String),
  lane: Schema.optional(Schema.String),
  deadlineSeconds: Schema.optional(Schema.Number)
})

/** Only what a policy decided: other refusals have no rule. */
const Ruled = Schema.Struct({
  seq: Schema.Int,
  at: Schema.String,
  event: DispatchTool,
  outcome: Schema.Literal("accepted", "repeated", "refused"),
  code: Schema.optional(Schema.Literal("policy.denied", "policy.quota_reached")),
  rule: Schema.String,
  who: Schema.Struct({
    principal: Schema.String,
    client: Schema.optional(Schema.Struct({ name: Schema.String }))
  }),
  taskId: Schema.optional(Schema.String),
  detail: Schema.optional(Schema.Unknown)
})

const decodeRuled = Schema.decodeUnknownOption(Ruled)
const decodeDetail = Schema.decodeUnknownOption(Detail)

/** A dispatch that a policy decided, nothing for any other record, or `incomplete` when it is one and does not say enough. */
export const fromRecord = (record: unknown): Option.Option<Either.Either<PastDispatch, "incomplete">> =>
  Option.map(decodeRuled(record), ({ at, detail, event, outcome, rule, seq, taskId, who }) =>
    Option.all({ instant: DateTime.make(at), known: decodeDetail(detail) }).pipe(
      Option.map(({ instant, known: { backend, deadlineSeconds, ...route } }) => ({
        seq,
        subject: {
          ...route,
          tool: event,
          principal: who.principal,
          client: who.client?.name,
          at: DateTime.toEpochMillis(instant)
        },
        demand: { backend, deadlineSeconds },
        effect: outcome === "refused" ? ("deny" as const) : ("allow" as const),
        rule,
        taskId,
        repeated: outcome === "repeated"
      })),
      Either.fromOption(() => "incomplete" as const)
    )
  )
