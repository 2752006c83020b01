import { Effect } from "effect"
import { Preflight } from "../dispatch/Preflight.js"
import { inWords } from "./CheckReport.js"
import { ExitCode } from "./ExitCode.js"
import { Screen } from "./Screen.js"

/** Says what would go wrong: of one runtime profile as its tool answers, or of all of them. */
export const doctor = Effect.fn("cli.doctor")(function* (runtime: string | undefined, live: boolean, json: boolean) {
  const preflight = yield* Preflight
  const screen = yield* Screen
  const reports = runtime === undefined ? yield* preflight.checkAll(live) : [yield* preflight.check({ runtime }, live)]
  const ok = reports.every((report) => report.ok)
  yield* screen.out(
    json ? `${JSON.stringify(runtime === undefined ? { ok, runtimes: reports } : reports[0])}\n` : inWords(reports)
  )
  return ok ? ExitCode.ok : ExitCode.failed
})
