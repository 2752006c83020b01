import type { Json, JsonObject } from "./Json.js"
import type { Limits, Policy, PolicyRule } from "./PolicyConfig.js"
import { isWithin } from "./PolicyHours.js"
import type { RoutedRequest } from "./Task.js"

/** What a policy decides about. */
export interface Subject {
  readonly tool: string
  readonly runtime?: string | undefined
  /** `orguser/repo` of a repository lane. */
  readonly lane?: string | undefined
  readonly provider: string
  readonly accountProfile: string
  readonly capability: string
  readonly taskType: string
  readonly targetMode: string
  readonly framework?: string | undefined
  /** As `Caller` names it. */
  readonly principal: string
  /** As the MCP client calls itself. */
  readonly client?: string | undefined
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Everything that is not of the request itself. */
export interface Circumstances {
  readonly tool: string
  readonly principal: string
  readonly client?: string | undefined
  readonly at: number
}

export interface Decision {
  readonly effect: "allow" | "deny"
  /** `policy.rules.N`, or `policy.defaultEffect` when no rule matched. */
  readonly rule: string
  readonly reason: string
  /** The rule that matched. */
  readonly matched?: PolicyRule | undefined
}

export const subjectOf = (request: RoutedRequest, { at, client, principal, tool }: Circumstances): Subject => ({
  tool,
  runtime: request.runtime,
  lane: laneOf(request),
  provider: request.provider,
  accountProfile: request.accountProfile,
  capability: request.capability,
  taskType: request.taskType,
  targetMode: request.target.mode,
  framework: textOf(request.input["framework"]),
  principal,
  client,
  at
})

/** The lists a rule may have, each with the one word of a subject that must be in it. */
export const criteria = {
  tools: "tool",
  runtimes: "runtime",
  lanes: "lane",
  providers: "provider",
  accountProfiles: "accountProfile",
  capabilities: "capability",
  taskTypes: "taskType",
  targetModes: "targetMode",
  frameworks: "framework",
  callers: "principal",
  clients: "client"
} as const satisfies { readonly [List in keyof PolicyRule]?: keyof Subject }
export type Criterion = keyof typeof criteria
export const criterionNames = [
  "tools",
  "runtimes",
  "lanes",
  "providers",
  "accountProfiles",
  "capabilities",
  "taskTypes",
  "targetModes",
  "frameworks",
  "callers",
  "clients"
] as const satisfies ReadonlyArray<Criterion>

/** The lists of a rule that a subject does not fit, `hours` among them. */
export const mismatches = (rule: PolicyRule, subject: Subject): ReadonlyArray<Criterion | "hours"> => [
  ...criterionNames.filter((name) => {
    const wanted: ReadonlyArray<string> | undefined = rule[name]
    const value = subject[criteria[name]]
    return wanted !== undefined && (value === undefined || !wanted.includes(value))
  }),
  ...(rule.hours === undefined || isWithin(rule.hours, subject.at) ? [] : (["hours"] as const))
]

/** The first rule that matches decides, else the default, which is to allow. */
export const decide = (policy: Policy, subject: Subject): Decision => {
  const index = policy.rules.findIndex((rule) => mismatches(rule, subject).length === 0)
  const rule = policy.rules[index]
  if (rule !== undefined) {
    const place = placeOf(rule, index)
    return { effect: rule.effect, rule: place, reason: rule.reason ?? `${place} ${plain[rule.effect]}`, matched: rule }
  }
  const effect = policy.defaultEffect ?? "allow"
  return {
    effect,
    rule: "policy.defaultEffect",
    reason: effect === "allow" ? "no rule denies it" : "no rule allows it and policy.defaultEffect is deny"
  }
}

/** How messages and the audit call a rule: by its place and its name, if it has one. */
export const placeOf = ({ name }: PolicyRule, index: number): string =>
  `policy.rules.${index}${name === undefined ? "" : ` (${name})`}`

export const limitsOf = ({ matched }: Decision): Limits => matched?.limits ?? {}

const plain = { allow: "allows it", deny: "denies it" } as const

const textOf = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined)

/** A lane's details say where its work goes, whatever the input says beside them. */
export const laneOf = ({ details, input, provider }: RoutedRequest): string | undefined => {
  if (provider !== "lane") return undefined
  const named = ({ orguser, repo }: JsonObject) =>
    typeof orguser === "string" && typeof repo === "string" ? `${orguser}/${repo}` : undefined
  return named(details) ?? named(input)
}
