import { Cause, Effect } from "effect"
import { ExitCode } from "./ExitCode.js"
import type { Command } from "./Invocation.js"
import { refuse } from "./Refusal.js"
import { Screen } from "./Screen.js"

/** Runs a command to its exit code: a refusal is told, a defect is shown whole to the person whose machine it is. */
export const perform = <R>(command: Command<R>, json: boolean): Effect.Effect<ExitCode, never, R | Screen> =>
  command.pipe(
    Effect.catchAll((refusal) => refuse(refusal, json)),
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.failCause(cause)
        : Effect.gen(function* () {
            const screen = yield* Screen
            const message = "The command broke down. Nothing that was accepted is lost; `agentdispatch list` has it."
            if (json) yield* screen.out(`${JSON.stringify({ error: { code: "internal", message } })}\n`)
            yield* screen.err(`internal: ${message}\n${Cause.pretty(cause)}\n`)
            return ExitCode.failed
          })
    )
  )
