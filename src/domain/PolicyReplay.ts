import { DateTime } from "effect"
import type { PastDispatch } from "./PastDispatch.js"
import { decide, type Decision, limitsOf } from "./Policy.js"
import type { Policy } from "./PolicyConfig.js"
import { countedAs, excesses } from "./PolicyLimits.js"

const hour = 3_600_000

/** A dispatch that another policy would have decided otherwise. */
export interface Difference {
  readonly record: number
  readonly at: string
  readonly principal: string
  readonly client?: string
  readonly tool: string
  /** Where its work went or would have gone. */
  readonly route: string
  readonly taskId?: string
  readonly from: { readonly effect: "allow" | "deny"; readonly rule: string }
  readonly to: { readonly effect: "allow" | "deny"; readonly rule: string; readonly reason: string }
}

export interface Replay {
  readonly replayed: number
  readonly changes: ReadonlyArray<Difference>
  /** What could not be found out. */
  readonly notes: ReadonlyArray<string>
}

/**
 * Decides past dispatches again, in the order of their records, each at its own time. `endOf` is when a task ended, in
 * milliseconds since 1970; infinite while it has not, absent when nobody knows.
 */
export const replay = (
  policy: Policy,
  dispatches: ReadonlyArray<PastDispatch>,
  endOf: (taskId: string) => number | undefined
): Replay => {
  const counted = new Map<string, Array<Use>>()
  const blind = { concurrent: 0 }
  const changes = dispatches.flatMap((dispatch) => {
    const decision = decide(policy, dispatch.subject)
    const to = limited(policy, decision, dispatch, counted, endOf, blind)
    return to.effect === dispatch.effect ? [] : [differenceOf(dispatch, to)]
  })
  return {
    replayed: dispatches.length,
    changes,
    notes:
      blind.concurrent === 0
        ? []
        : [
            `When ${blind.concurrent} of the tasks ended, or would have, is not known; they took no place under limits.concurrent.`
          ]
  }
}

interface Use {
  readonly at: number
  readonly end: number
}

/** The decision with the limits of its rule kept, as far as earlier dispatches of the replay tell. */
const limited = (
  policy: Policy,
  decision: Decision,
  { demand, repeated, subject: { at }, taskId }: PastDispatch,
  counted: Map<string, Array<Use>>,
  endOf: (taskId: string) => number | undefined,
  blind: { concurrent: number }
): Pick<Decision, "effect" | "rule" | "reason"> => {
  const denied = (reason: string) => ({ effect: "deny" as const, rule: decision.rule, reason })
  const { matched } = decision
  if (decision.effect === "deny" || matched === undefined) return decision
  const [excess] = excesses(policy, decision, demand, true)
  if (excess !== undefined) return denied(excess.problem)
  const { concurrent, perHour } = limitsOf(decision)
  if (repeated || (concurrent === undefined && perHour === undefined)) return decision
  const key = countedAs(matched)
  const uses = counted.get(key) ?? []
  if (perHour !== undefined && uses.filter((use) => use.at > at - hour && use.at <= at).length >= perHour) {
    return denied(`${decision.rule} allows ${perHour} dispatches an hour`)
  }
  if (concurrent !== undefined && uses.filter((use) => use.at <= at && use.end > at).length >= concurrent) {
    return denied(`${decision.rule} allows ${concurrent} unfinished tasks at once`)
  }
  const end = taskId === undefined ? undefined : endOf(taskId)
  if (end === undefined && concurrent !== undefined) blind.concurrent += 1
  counted.set(key, [...uses, { at, end: end ?? at }])
  return decision
}

const differenceOf = (
  { effect, rule, seq, subject, taskId }: PastDispatch,
  { effect: next, reason, rule: by }: Pick<Decision, "effect" | "rule" | "reason">
): Difference => ({
  record: seq,
  at: DateTime.formatIso(DateTime.unsafeMake(subject.at)),
  principal: subject.principal,
  ...(subject.client === undefined ? {} : { client: subject.client }),
  tool: subject.tool,
  route: [subject.lane ?? subject.runtime ?? subject.accountProfile, subject.taskType, subject.targetMode].join(" "),
  ...(taskId === undefined ? {} : { taskId }),
  from: { effect, rule },
  to: { effect: next, rule: by, reason }
})
