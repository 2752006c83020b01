import { notApplicable, reasonOf, revisions } from "./Expectations.js"
import type { Outcome } from "./Suite.js"

/** `STALE` is green, and listed as if it were not. */
type Verdict = "passed" | "not applicable" | "FAILED" | "STALE"

export const verdictOf = ({ problem, revision, scenario }: Outcome): Verdict => {
  const listed = reasonOf(scenario, revision) !== undefined
  if (problem === undefined) return listed ? "STALE" : "passed"
  return listed ? "not applicable" : "FAILED"
}

export const lineOf = (outcome: Outcome): string => {
  const verdict = verdictOf(outcome)
  const why = verdict === "FAILED" ? outcome.problem : reasonOf(outcome.scenario, outcome.revision)
  return `${outcome.revision}  ${verdict.padEnd(14)}  ${outcome.scenario}${why === undefined ? "" : `: ${why}`}`
}

const count = (found: ReadonlyArray<Outcome>, verdict: Verdict): number =>
  found.filter((outcome) => verdictOf(outcome) === verdict).length

export const sumOf = (found: ReadonlyArray<Outcome>): string =>
  `${found.length} scenarios: ${count(found, "passed")} passed, ${count(found, "not applicable")} not applicable, ${count(found, "FAILED")} failed, ${count(found, "STALE")} stale`

const sentenceOf = (found: ReadonlyArray<Outcome>): string =>
  `Of its ${found.length} scenarios for ${revisions.join(" and ")}, ${count(found, "passed")} pass and ${count(found, "not applicable")} do not apply:`

const rows: ReadonlyArray<string> = notApplicable.map(
  ({ because, scenarios }) => `| ${because} | ${scenarios.map((name) => `\`${name}\``).join(", ")} |`
)

/** What README.md says of all this. */
export const readmeOf = (found: ReadonlyArray<Outcome>): string =>
  [sentenceOf(found), "", "| Why not | Scenarios |", "| --- | --- |", ...rows].join("\n")

export const missingIn = (readme: string, found: ReadonlyArray<Outcome>): boolean => !readme.includes(readmeOf(found))
