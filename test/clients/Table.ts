import { patience } from "./Profile.js"
import { checks, scale, type Verdict } from "./Scenario.js"

const seconds = (value: number): string => (Number.isFinite(value) ? `${value} s` : "none known")

/** What README shows: a row for each client, a column for each check. */
export const markdown = (verdicts: ReadonlyArray<Verdict>): string => {
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  const headings = ["survives your client", "protocol", "its limit", "our wait", ...checks]
  const rows = verdicts.map(({ failed, profile, waitSeconds }) => [
    profile.client,
    profile.protocol,
    seconds(patience(profile)),
    waitSeconds === undefined ? "a task" : seconds(waitSeconds),
    ...checks.map((check) => (failed[check] === undefined ? "yes" : "no"))
  ])
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n")
}

/** What a reader of the table should know of it. */
export const note = `Clients are scripted after what is known of them (November 2026); limits and waits are ${scale} times shorter here.`
