import type { Policy, PolicyRule } from "./Config.js"
import type { RoutedRequest } from "./Task.js"

/** What a policy decides about. */
export interface Subject {
  readonly tool: string
  readonly request: RoutedRequest
  /** As `Caller` names it. */
  readonly principal: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface Decision {
  readonly effect: "allow" | "deny"
  /** `policy.rules.N`, or `policy.defaultEffect` when no rule matched. */
  readonly rule: string
  readonly reason: string
}

const matches = (rule: PolicyRule, { request }: Subject): boolean => {
  const among = (names: ReadonlyArray<string> | undefined, value: string) =>
    names === undefined || names.includes(value)
  return (
    among(rule.providers, request.provider) &&
    among(rule.accountProfiles, request.accountProfile) &&
    among(rule.capabilities, request.capability) &&
    among(rule.taskTypes, request.taskType) &&
    among(rule.targetModes, request.target.mode)
  )
}

/** The first rule that matches decides, else the default, which is to allow. */
export const decide = (policy: Policy, subject: Subject): Decision => {
  const index = policy.rules.findIndex((rule) => matches(rule, subject))
  const rule = policy.rules[index]
  if (rule !== undefined) {
    const name = `policy.rules.${index}`
    return { effect: rule.effect, rule: name, reason: rule.reason ?? name }
  }
  const effect = policy.defaultEffect ?? "allow"
  return {
    effect,
    rule: "policy.defaultEffect",
    reason: effect === "allow" ? "no rule denies it" : "no rule allows it and policy.defaultEffect is deny"
  }
}
