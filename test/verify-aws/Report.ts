import type { Check } from "./Check.js"
import { beyond, checks } from "./Checks.js"
import { type Finding, verdictOf } from "./Finding.js"
import { costOf, machine, prices, usd } from "./Price.js"

const howTo = `How to run it
  npm run verify:aws -- --live --runtime-arn ARN [--region R] [--profile P] [--image ECR_URI --role ROLE_ARN] [--only NAME]
  ARN is a runtime of this product's worker (src/worker/Dockerfile) that speaks HTTP. --image and --role let it make
  runtimes of its own, which it deletes again. --only may be given more than once. --endpoint URL runs the same against
  an emulated service, and --speed N says how many times faster its clock goes.
  Exit code: 0 all pass, 1 something differs or is left over, 2 wrong usage, 130 interrupted.`

const priceNote = `A session is billed by what it uses, at ${prices.vcpuHour} USD per vCPU-hour and ${prices.gbHour} USD per GB-hour
(${prices.source}, ${prices.date}; today's are at ${prices.official}).
The amounts here take a whole machine, ${machine.vcpu} vCPU and ${machine.gb} GB, as used all the time; the bill will be lower.`

const told = ({ name, shows, calls, sessionSeconds, takes, needs, slow }: Check): string =>
  [
    `${name}${slow === true ? "  (slow: only with --only)" : ""}`,
    `  shows  ${shows}`,
    `  calls  ${calls}`,
    `  costs  up to ${usd(costOf(sessionSeconds))} for about ${sessionSeconds} s of session, takes ${takes}${needs === "image" ? ", needs --image and --role" : ""}`
  ].join("\n")

/** All that would be done, and what it would cost. */
export const planText = (only: ReadonlyArray<string>): string => {
  const listed = only.length === 0 ? checks : checks.filter(({ name }) => only.includes(name))
  const usual = listed.filter(({ slow }) => only.length > 0 || slow !== true)
  const sum = usual.reduce((seconds, { sessionSeconds }) => seconds + sessionSeconds, 0)
  return [
    "What only a real account can show. Nothing was sent.",
    ...listed.map(told),
    `In all up to about ${usd(costOf(sum))} for the ${usual.length} checks that a run${only.length > 0 ? " with these names" : " without --only"} makes.\n${priceNote}`,
    `What this cannot show either\n${beyond.map((line) => `  ${line}`).join("\n")}`,
    howTo
  ].join("\n\n")
}

export const usageText = (problem: string): string => `${problem}\n\n${howTo}`

const oneLine = (text: string): string => text.replace(/\s+/g, " ")

/** One check's outcome, with every value beside the one that the sources promise. */
export const findingText = ({ name }: Check, finding: Finding, interrupted: boolean): string => {
  const { seen, requests, seconds, left } = finding
  const verdict = interrupted ? "interrupted" : verdictOf(finding)
  return [
    `${verdict.padEnd(8)} ${name}  (${seconds.toFixed(1)} s of session, at most ${usd(costOf(seconds))})`,
    ...seen.map(
      ({ what, expected, observed, holds }) =>
        `  ${holds ? "     " : "WRONG"} ${what}: expected ${expected}, observed ${oneLine(observed)}`
    ),
    ...left.map((what) => `  LEFT  ${oneLine(what)}: end it by hand`),
    ...(requests.length === 0
      ? []
      : [`  requests ${requests.map(({ operation, words, id }) => `${operation} ${words} ${id}`).join("; ")}`])
  ].join("\n")
}

export const skippedText = ({ name }: Check, reason: string): string => `skipped  ${name}  (${reason})`

export const sumText = (findings: ReadonlyArray<Finding>): string => {
  const seconds = findings.reduce((sum, finding) => sum + finding.seconds, 0)
  const left = findings.flatMap((finding) => finding.left)
  return [
    `In all ${seconds.toFixed(1)} s of session: at most ${usd(costOf(seconds))}.`,
    left.length === 0
      ? "Everything that was opened is stopped or deleted."
      : `NOT confirmed gone, and perhaps billed: ${left.map(oneLine).join("; ")}`
  ].join("\n")
}
