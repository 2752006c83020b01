import { Predicate } from "effect"
import { lookup } from "./Config.js"
import { canonical, type JsonObject } from "./Json.js"
import { criterionNames, type Decision, limitsOf } from "./Policy.js"
import type { Policy, PolicyRule } from "./PolicyConfig.js"
import type { Terms } from "./Terms.js"

/** What a task may use up, as far as it is known before it runs. */
export interface Demand {
  readonly backend: string
  /** In seconds from its start. */
  readonly deadlineSeconds?: number | undefined
}

/** A limit of the rule that allowed a dispatch, and how to keep to it. */
export interface Excess {
  readonly limit: "deadlineSeconds" | "costUsd"
  readonly problem: string
  readonly remedy: string
}

/** The earlier of the deadlines that its backend and its terms set. */
export const demandOf = (request: {
  readonly backend: string
  readonly details: JsonObject
  readonly terms?: Terms | undefined
}): Demand => {
  const deadlines = [request.details["deadlineSeconds"], request.terms?.runSeconds].filter(Predicate.isNumber)
  return { backend: request.backend, ...(deadlines.length === 0 ? {} : { deadlineSeconds: Math.min(...deadlines) }) }
}

/** The most a task costs, in US dollars: its backend's price until its deadline. Unknown without either, but for what is free. */
export const costOf = (policy: Policy, { backend, deadlineSeconds }: Demand): number | undefined => {
  const price = lookup(policy.prices ?? {}, backend)
  if (price === undefined || price === 0) return price
  return deadlineSeconds === undefined ? undefined : (deadlineSeconds / 3_600) * price
}

/** Every limit of deadline and cost that a demand does not keep; `settable` says whether a call may set a deadline there. */
export const excesses = (
  policy: Policy,
  decision: Decision,
  demand: Demand,
  settable: boolean
): ReadonlyArray<Excess> => {
  const { costUsd, deadlineSeconds: latest } = limitsOf(decision)
  const { backend, deadlineSeconds: deadline } = demand
  const found: Array<Excess> = []
  const exceeds = (limit: Excess["limit"], problem: string, remedy: string) => found.push({ limit, problem, remedy })
  const { rule } = decision
  if (latest !== undefined && (deadline === undefined || deadline > latest)) {
    exceeds(
      "deadlineSeconds",
      deadline === undefined
        ? `it has no deadline and ${rule} allows ${latest} s at most`
        : `its deadline of ${deadline} s is above the ${latest} s that ${rule} allows`,
      soon(backend, latest, settable, deadline)
    )
  }
  if (costUsd === undefined) return found
  const price = lookup(policy.prices ?? {}, backend)
  const cost = costOf(policy, demand)
  if (price === undefined) {
    exceeds(
      "costUsd",
      `${rule} allows ${dollars(costUsd)} a task and what backend "${backend}" costs is not known`,
      `Whoever keeps the config can set policy.prices.${backend} to its price in US dollars an hour.`
    )
  } else if (cost === undefined || cost > costUsd) {
    const affordable = Math.floor((costUsd / price) * 3_600)
    exceeds(
      "costUsd",
      cost === undefined
        ? `${rule} allows ${dollars(costUsd)} a task and without a deadline what it may cost is not known`
        : `until its deadline of ${deadline ?? 0} s it may cost ${dollars(cost)} and ${rule} allows ${dollars(costUsd)}`,
      affordable < 1
        ? `Use a backend that costs less than "${backend}".`
        : soon(backend, affordable, settable, deadline)
    )
  }
  return found
}

/** What a rule's limits are counted under: its name, or else what it matches, wherever among the rules it stands. */
export const countedAs = (rule: PolicyRule): string => {
  if (rule.name !== undefined) return canonical({ name: rule.name })
  const lists = criterionNames.flatMap((criterion) => {
    const names: ReadonlyArray<string> | undefined = rule[criterion]
    return names === undefined ? [] : [[criterion, Array.from(new Set(names)).sort()] as const]
  })
  const { hours } = rule
  return canonical({
    ...Object.fromEntries(lists),
    ...(hours === undefined ? {} : { hours: { ...hours, days: [...(hours.days ?? [])].sort() } })
  })
}

const soon = (backend: string, latest: number, settable: boolean, deadline: number | undefined): string => {
  const verb = deadline === undefined ? "Set" : "Lower"
  return settable
    ? `${verb} target.details.deadlineSeconds to ${latest} or less.`
    : `A call cannot set a deadline for backend "${backend}"; use one that has a deadline of ${latest} s or less.`
}

const dollars = (amount: number): string => `$${String(Number(amount.toFixed(amount < 1 ? 4 : 2)))}`
