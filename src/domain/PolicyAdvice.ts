import { DateTime } from "effect"
import {
  type Criterion,
  criteria,
  criterionNames,
  decide,
  type Decision,
  mismatches,
  placeOf,
  type Subject
} from "./Policy.js"
import type { Policy, PolicyRule } from "./PolicyConfig.js"
import { nextTurn } from "./PolicyHours.js"
import { TargetMode, TaskType } from "./Task.js"

/** So many ways out are told at most. */
const most = 3

/** What would have to be otherwise for another decision, each a sentence that was tried on the policy. */
export const adviceFor = (policy: Policy, subject: Subject, decision: Decision): ReadonlyArray<string> =>
  decision.effect === "allow"
    ? expiries(policy, subject, decision).slice(0, most)
    : [
        ...Array.from(new Set([...waysIn(policy, subject), ...waysOut(policy, subject, decision)])).slice(0, most),
        `Whoever keeps the config can change ${decision.rule}.`
      ]

/** Rules that would allow it if it fitted them, and were not overruled by an earlier one then. */
const waysIn = (policy: Policy, subject: Subject): ReadonlyArray<string> =>
  policy.rules.flatMap((rule, index) => {
    if (rule.effect === "deny") return []
    const missing = mismatches(rule, subject)
    const changes = missing.flatMap((name) => fitting(rule, subject, name) ?? [])
    if (missing.length === 0 || changes.length < missing.length) return []
    const changed = changes.reduce<Subject>((all, { change }) => ({ ...all, ...change }), subject)
    const then = decide(policy, changed)
    return then.effect === "allow" && then.matched === rule
      ? [`${placeOf(rule, index)} would allow it ${changes.map(({ words }) => words).join(", ")}.`]
      : []
  })

interface Wish {
  readonly change: Partial<Subject>
  readonly words: string
}

const fitting = (rule: PolicyRule, subject: Subject, name: Criterion | "hours"): Wish | undefined => {
  if (name === "hours") return laterThan(rule, subject)
  const [first]: ReadonlyArray<string> = rule[name] ?? []
  if (first === undefined) return undefined
  const change = { [criteria[name]]: first }
  const secret = hidden[name]
  return secret === undefined
    ? {
        change,
        words: `with ${words[name]} ${(rule[name] ?? [])
          .slice(0, 5)
          .map((known) => `"${known}"`)
          .join(" or ")}`
      }
    : { change, words: `for a ${secret} that it names` }
}

/** What a rule that denies it looks at, where anything else would be allowed. */
const waysOut = (policy: Policy, subject: Subject, { matched }: Decision): ReadonlyArray<string> => {
  if (matched === undefined) return []
  const tried: ReadonlyArray<Wish | undefined> = [
    ...criterionNames.filter((name) => matched[name] !== undefined).map((name) => otherThan(subject, name)),
    laterThan(matched, subject)
  ]
  return tried.flatMap((wish) => {
    if (wish === undefined) return []
    const then = decide(policy, { ...subject, ...wish.change })
    return then.effect === "allow" ? [`${then.rule} would allow it ${wish.words}.`] : []
  })
}

const otherThan = (subject: Subject, name: Criterion): Wish | undefined => {
  const value = subject[criteria[name]]
  const others: ReadonlyArray<string> =
    name === "taskTypes" ? TaskType.literals : name === "targetModes" ? TargetMode.literals : [nobody]
  const other = others.find((candidate) => candidate !== value)
  if (other === undefined || value === undefined) return undefined
  return {
    change: { [criteria[name]]: other },
    words: other === nobody ? `with another ${words[name]} than "${value}"` : `with ${words[name]} "${other}"`
  }
}

/** A name that no rule has. */
const nobody = "\u0000"

const laterThan = ({ hours }: PolicyRule, subject: Subject): Wish | undefined => {
  const at = hours === undefined ? undefined : nextTurn(hours, subject.at)
  return at === undefined ? undefined : { change: { at }, words: `from ${instant(at)} on` }
}

/** When an allowed dispatch would no longer be allowed. */
const expiries = (policy: Policy, subject: Subject, { rule }: Decision): ReadonlyArray<string> => {
  const turns = policy.rules.flatMap(({ hours }) => (hours === undefined ? [] : (nextTurn(hours, subject.at) ?? [])))
  const first = turns.sort((a, b) => a - b).find((at) => decide(policy, { ...subject, at }).effect === "deny")
  return first === undefined
    ? []
    : [`${rule} allows it until ${instant(first)}; then ${decide(policy, { ...subject, at: first }).rule} denies it.`]
}

const instant = (at: number): string => DateTime.formatIso(DateTime.unsafeMake(at))

const words: Readonly<Record<Criterion, string>> = {
  tools: "tool",
  runtimes: "runtime",
  lanes: "lane",
  providers: "provider",
  accountProfiles: "account profile",
  capabilities: "capability",
  taskTypes: "task type",
  targetModes: "target mode",
  frameworks: "framework",
  callers: "caller",
  clients: "client"
}

/** Who else may do something is nothing to tell everyone who may not. */
const hidden: Readonly<Partial<Record<Criterion, string>>> = { callers: "caller", clients: "client" }
