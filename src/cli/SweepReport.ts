import { DateTime } from "effect"
import { inWords as actionInWords } from "../dispatch/SweepActs.js"
import type { Swept } from "../dispatch/Sweeper.js"
import { plain } from "./Table.js"

/** What was found, and done where something was done, as JSON. */
export const inJson = (swept: ReadonlyArray<Swept>) =>
  swept.map(({ act, finding: { action, kind, since, taskId, what } }) => ({
    kind,
    ...(taskId === "" ? {} : { taskId }),
    what,
    ...(since > 0 && since < Number.MAX_SAFE_INTEGER ? { since: DateTime.formatIso(DateTime.unsafeMake(since)) } : {}),
    action: action.do,
    ...(action.do === "report" ? { because: action.because } : {}),
    ...act
  }))

/** The same for a person: one line each. */
export const inLines = (swept: ReadonlyArray<Swept>): string =>
  swept
    .map(({ act, finding: { action, kind, taskId, what } }) => {
      const next = action.do === "report" ? action.because : actionInWords[action.do]
      const came = act === undefined ? next : [act.outcome, act.detail].filter(Boolean).join(": ")
      return `  ${kind} ${plain(`${taskId} ${what}: ${came}`)}\n`
    })
    .join("")
