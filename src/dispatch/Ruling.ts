import { Clock, Effect } from "effect"
import { PolicyDenied } from "../domain/DispatchError.js"
import * as Policy from "../domain/Policy.js"
import { adviceFor } from "../domain/PolicyAdvice.js"
import { countedAs, demandOf, type Excess, excesses } from "../domain/PolicyLimits.js"
import type { RoutedRequest } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Caller } from "../services/Caller.js"
import { Ids } from "../services/Ids.js"
import { Settings } from "../services/Settings.js"
import type { Quota } from "../services/Store.js"

/** What the policy makes of a request, and what its creation must still keep. */
export interface Ruling {
  readonly decision: Policy.Decision
  readonly principal: string
  /** What is counted when the task is created. */
  readonly quotas: ReadonlyArray<Quota>
  /** What would change the decision, each a sentence. */
  readonly advice: ReadonlyArray<string>
  readonly refusal?: PolicyDenied | undefined
}

/** The one way a policy is decided: for a dispatch, for its explanation and for a preflight. */
export const makeRuling = Effect.gen(function* () {
  const { specs } = yield* Adapters
  const ids = yield* Ids
  const {
    config: { policy }
  } = yield* Settings

  return Effect.fn("policy.rule")(function* (tool: string, request: RoutedRequest) {
    const { client, principal } = yield* Caller
    const at = yield* Clock.currentTimeMillis
    const subject = Policy.subjectOf(request, { tool, principal, client: client?.name, at })
    const decision = Policy.decide(policy, subject)
    const advice = adviceFor(policy, subject, decision)
    if (decision.effect === "deny") {
      const { reason, rule } = decision
      const refusal = new PolicyDenied({ reason, rule, wouldChange: advice })
      return { decision, principal, quotas: [], advice, refusal } satisfies Ruling
    }
    const settable =
      specs.find(({ name }) => name === request.adapter)?.callerDetails.includes("deadlineSeconds") ?? false
    const exceeded = excesses(policy, decision, demandOf(request), settable)
    const remedies = remediesOf(exceeded, decision.rule)
    const refusal =
      exceeded.length === 0
        ? undefined
        : new PolicyDenied({
            reason: exceeded.map(({ problem }) => problem).join("; "),
            rule: decision.rule,
            wouldChange: remedies
          })
    const { concurrent, perHour } = Policy.limitsOf(decision)
    const quotas =
      decision.matched === undefined || (concurrent === undefined && perHour === undefined)
        ? []
        : [{ rule: yield* ids.digest(countedAs(decision.matched)), perHour, concurrent }]
    return {
      decision,
      principal,
      quotas,
      advice: refusal === undefined ? advice : remedies,
      refusal
    } satisfies Ruling
  })
})

const remediesOf = (exceeded: ReadonlyArray<Excess>, rule: string): ReadonlyArray<string> => [
  ...new Set(exceeded.map(({ remedy }) => remedy)),
  `Whoever keeps the config can change the limits of ${rule}.`
]
