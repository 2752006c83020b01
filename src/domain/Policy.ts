import { Either } from "effect"
import type { Policy, PolicyRule } from "./Config.js"
import { PolicyDenied } from "./DispatchError.js"
import type { RoutedRequest } from "./Task.js"

const matches = (rule: PolicyRule, request: RoutedRequest): boolean => {
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
export const decide = (policy: Policy, request: RoutedRequest): Either.Either<void, PolicyDenied> => {
  const index = policy.rules.findIndex((rule) => matches(rule, request))
  const rule = policy.rules[index]
  const effect = rule?.effect ?? policy.defaultEffect ?? "allow"
  if (effect === "allow") return Either.void
  const reason =
    rule === undefined ? "no rule allows it and policy.defaultEffect is deny" : (rule.reason ?? `policy.rules.${index}`)
  return Either.left(new PolicyDenied({ reason }))
}
