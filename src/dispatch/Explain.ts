import { Context, Effect, Either, Layer } from "effect"
import type { Question } from "../domain/Clarification.js"
import { type DispatchError, QuotaReached, type StoreFailed } from "../domain/DispatchError.js"
import type { UnitCall } from "../domain/LaneRouting.js"
import { limitsOf, subjectOf } from "../domain/Policy.js"
import { costOf, demandOf } from "../domain/PolicyLimits.js"
import { type DispatchCall, routeDispatch, routeSpawn, type SpawnCall } from "../domain/Routing.js"
import type { RoutedRequest } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { Lanes } from "./Lanes.js"
import { makeRuling, type Ruling } from "./Ruling.js"

/** A call of a tool that dispatches. */
export type Intention =
  | { readonly tool: "spawn_cloud_agent"; readonly call: SpawnCall }
  | { readonly tool: "dispatch_task"; readonly call: DispatchCall }
  | { readonly tool: "dispatch_unit"; readonly call: UnitCall }

/** One limit of the rule that allows a dispatch; `used` is absent where it is not known. */
interface LimitUse {
  readonly rule: string
  readonly limit: "perHour" | "concurrent" | "deadlineSeconds" | "costUsd"
  readonly used?: number
  readonly allowed: number
}

/** Where it would go. */
interface RequestSummary {
  readonly provider: string
  readonly accountProfile: string
  readonly backend: string
  readonly adapter: string
  readonly capability: string
  readonly taskType: string
  readonly runtime?: string
  readonly lane?: string
  readonly framework?: string
  readonly target: { readonly mode: string; readonly protocol?: string }
  readonly deadlineSeconds?: number
  /** The most it may cost: its backend's price until its deadline. */
  readonly estimatedCostUsd?: number
}

/** What would come of a dispatch now, and what would change it. */
export interface Explanation {
  readonly decision: "allow" | "deny" | "needs_answers" | "invalid"
  readonly rule?: string
  readonly reason: string
  readonly wouldChange: ReadonlyArray<string>
  readonly limits?: ReadonlyArray<LimitUse>
  readonly request?: RequestSummary
  readonly questions?: ReadonlyArray<Question>
  readonly error?: { readonly code: string; readonly message: string }
}

/** Says what would come of a dispatch; creates nothing, counts nothing and asks no backend. */
export class Explain extends Context.Tag("agentdispatch/Explain")<
  Explain,
  { readonly explain: (intention: Intention) => Effect.Effect<Explanation, StoreFailed> }
>() {
  static readonly layer = Layer.effect(
    Explain,
    Effect.gen(function* () {
      const adapters = yield* Adapters
      const lanes = yield* Lanes
      const store = yield* Store
      const { config, environment } = yield* Settings
      const ruled = yield* makeRuling
      const { secretIn } = yield* Redactor
      const world = { config, specs: adapters.specs, environment, secretIn }

      const route = (intention: Intention): Effect.Effect<RoutedRequest, DispatchError> => {
        switch (intention.tool) {
          case "spawn_cloud_agent":
            return routeSpawn(world, intention.call)
          case "dispatch_task":
            return routeDispatch(world, intention.call)
          case "dispatch_unit":
            return lanes.route(intention.call)
        }
      }

      const limitUses = Effect.fnUntraced(function* (request: RoutedRequest, { decision, quotas }: Ruling) {
        const { rule } = decision
        const limits = limitsOf(decision)
        const counted = yield* Effect.forEach(quotas, (quota) => store.quotaUse(quota.rule))
        const demand = demandOf(request)
        const used = {
          perHour: counted[0]?.lastHour,
          concurrent: counted[0]?.unfinished,
          deadlineSeconds: demand.deadlineSeconds,
          costUsd: costOf(config.policy, demand)
        }
        return limitNames.flatMap((limit): ReadonlyArray<LimitUse> => {
          const [allowed, use] = [limits[limit], used[limit]]
          return allowed === undefined ? [] : [{ rule, limit, ...(use === undefined ? {} : { used: use }), allowed }]
        })
      })

      const explain = Effect.fn("dispatch.explain")(function* (intention: Intention) {
        const routed = yield* Effect.either(Effect.tap(route(intention), ({ adapter }) => adapters.find(adapter)))
        if (Either.isLeft(routed)) return unrouted(routed.left)
        const request = routed.right
        const ruling = yield* ruled(intention.tool, request)
        const { advice, decision, refusal } = ruling
        const limits = yield* limitUses(request, ruling)
        const full = limits.find(isFull)
        const reached =
          full === undefined
            ? undefined
            : new QuotaReached({ rule: full.rule, limit: full.limit, allowed: full.allowed })
        const denied = refusal ?? reached
        return {
          decision: denied === undefined ? "allow" : "deny",
          rule: decision.rule,
          reason: denied?.reason ?? decision.reason,
          wouldChange: denied?.wouldChange ?? advice,
          ...(limits.length === 0 ? {} : { limits }),
          request: summaryOf(request, costOf(config.policy, demandOf(request))),
          ...(denied === undefined ? {} : { error: { code: denied.code, message: denied.message } })
        } satisfies Explanation
      })

      return { explain }
    })
  )
}

const limitNames = ["perHour", "concurrent", "deadlineSeconds", "costUsd"] as const

const isFull = (use: LimitUse): use is LimitUse & { readonly limit: "perHour" | "concurrent" } =>
  (use.limit === "perHour" || use.limit === "concurrent") && use.used !== undefined && use.used >= use.allowed

/** The explanation of a call that comes to no request, as every refusal of it says. */
export const unrouted = (error: DispatchError): Explanation => {
  const { code, message } = error
  switch (error._tag) {
    case "NeedsAnswers":
      return {
        decision: "needs_answers",
        reason: message,
        wouldChange: ["Answer the questions as arguments of the call."],
        questions: error.questions
      }
    case "CredentialRefused":
      return { decision: "deny", rule: "credentials", reason: message, wouldChange: [], error: { code, message } }
    default:
      return { decision: "invalid", reason: message, wouldChange: [], error: { code, message } }
  }
}

const summaryOf = (request: RoutedRequest, estimatedCostUsd: number | undefined): RequestSummary => {
  const { framework, lane } = subjectOf(request, { tool: "", principal: "", at: 0 })
  const { deadlineSeconds } = demandOf(request)
  return {
    provider: request.provider,
    accountProfile: request.accountProfile,
    backend: request.backend,
    adapter: request.adapter,
    capability: request.capability,
    taskType: request.taskType,
    ...(request.runtime === undefined ? {} : { runtime: request.runtime }),
    ...(lane === undefined ? {} : { lane }),
    ...(framework === undefined ? {} : { framework }),
    target: {
      mode: request.target.mode,
      ...(request.target.protocol === undefined ? {} : { protocol: request.target.protocol })
    },
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
    ...(estimatedCostUsd === undefined ? {} : { estimatedCostUsd })
  }
}
