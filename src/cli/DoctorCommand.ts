import { CommandDescriptor as Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { Preflight } from "../dispatch/Preflight.js"
import { Sweeper } from "../dispatch/Sweeper.js"
import { inWords } from "./CheckReport.js"
import type { Entry } from "./CommandLine.js"
import { ExitCode } from "./ExitCode.js"
import * as Flags from "./Flags.js"
import { UsageInvalid } from "./Refusal.js"
import { Screen } from "./Screen.js"
import { inJson, inLines } from "./SweepReport.js"

/** Says what would go wrong, of one runtime profile as its tool answers or of all of them, and what is left over. */
const doctor = Effect.fn("cli.doctor")(function* (runtime: string | undefined, live: boolean, json: boolean) {
  const preflight = yield* Preflight
  const sweeper = yield* Sweeper
  const screen = yield* Screen
  if (runtime !== undefined) {
    const report = yield* preflight.check({ runtime }, live)
    yield* screen.out(json ? `${JSON.stringify(report)}\n` : inWords([report]))
    return report.ok ? ExitCode.ok : ExitCode.failed
  }
  const runtimes = yield* preflight.checkAll(live)
  const ok = runtimes.every((report) => report.ok)
  const left = (yield* sweeper.look(live)).map((finding) => ({ finding }))
  if (json) yield* screen.out(`${JSON.stringify({ ok, runtimes, sweep: inJson(left) })}\n`)
  else {
    yield* screen.out(inWords(runtimes))
    if (left.length > 0) {
      yield* screen.out(`\nleft over or stuck, ${left.length} in all:\n${inLines(left)}`)
      yield* screen.err("agentdispatch doctor --reap does all that at once.\n")
    }
  }
  return ok ? ExitCode.ok : ExitCode.failed
})

/** Shows what is left over and acts on it at once. */
const reap = Effect.fn("cli.doctorReap")(function* (json: boolean) {
  const sweeper = yield* Sweeper
  const screen = yield* Screen
  if (!json) {
    const left = (yield* sweeper.look(true)).map((finding) => ({ finding }))
    yield* screen.err(left.length === 0 ? "Nothing is left over.\n" : `left over or stuck:\n${inLines(left)}`)
    if (left.length === 0) return ExitCode.ok
  }
  const swept = Option.getOrUndefined(yield* sweeper.reap)
  if (swept === undefined) {
    if (json) yield* screen.out(`${JSON.stringify({ ok: false, sweep: [], busy: true })}\n`)
    yield* screen.err("Another process is sweeping and does not stop; nothing was done. Try again.\n")
    return ExitCode.failed
  }
  if (!json && swept.length === 0) yield* screen.err("Nothing is left over any more; another process was faster.\n")
  const ok = swept.every(({ act }) => act?.outcome !== "failed")
  yield* screen.out(json ? `${JSON.stringify({ ok, sweep: inJson(swept) })}\n` : inLines(swept))
  return ok ? ExitCode.ok : ExitCode.failed
})

export const doctorEntry: Entry = {
  words: "[--runtime NAME] [--aws-live] [--reap]",
  summary: "say whether the runtime profiles are ready and what is left over; --reap removes it",
  read: (name) =>
    Command.make(
      name,
      Options.all({
        runtime: Flags.text("runtime", "Only this runtime profile"),
        awsLive: Flags.flag("aws-live", "Also ask the backends"),
        reap: Flags.flag("reap", "Remove what is left over and wake what is stuck, at once"),
        ...Flags.common
      })
    ).pipe(
      Command.map(({ options: { awsLive, config, json, reap: reaps, runtime } }) => ({
        kind: "installed",
        config,
        json,
        command: !reaps
          ? doctor(runtime, awsLive, json)
          : runtime === undefined
            ? reap(json)
            : new UsageInvalid({ problem: "--reap is about the whole installation; leave --runtime out." })
      }))
    )
}
