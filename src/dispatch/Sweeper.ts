import { Clock, Context, type Duration, Effect, Layer, Option, Schedule } from "effect"
import type { StoreFailed } from "../domain/DispatchError.js"
import { type Finding, isDue } from "../domain/Sweep.js"
import { Ids } from "../services/Ids.js"
import { Store } from "../services/Store.js"
import { type Act, makeActs } from "./SweepActs.js"
import { makeLook } from "./SweepLook.js"

export interface SweepOptions {
  /** From the start of a process to its first sweep. */
  readonly first: Duration.DurationInput
  /** From one sweep of all processes together to the next, in milliseconds. */
  readonly period: number
}

export const defaults: SweepOptions = { first: "5 seconds", period: 10 * 60_000 }

/** A finding, and what came of it where something was done. */
export interface Swept {
  readonly finding: Finding
  readonly act?: Act | undefined
}

/** So long a sweep whose process has died keeps others from sweeping, in milliseconds. */
const reserved = 60_000
const renewal = "20 seconds"
/** How long a person waits for the sweep of another process: longer than one that has died is reserved. */
const turn = Schedule.spaced("500 millis").pipe(Schedule.upTo(reserved + 5_000))

/**
 * Finds what is left over, stuck or too old, and removes it: an earlier look must have found the same, unless a person
 * asks. At most one process of an installation sweeps at a time.
 */
export class Sweeper extends Context.Tag("agentdispatch/Sweeper")<
  Sweeper,
  {
    /** What is found now; changes nothing. `live` also asks backends on other machines. */
    readonly look: (live: boolean) => Effect.Effect<ReadonlyArray<Finding>, StoreFailed>
    /** Acts at once on all of it; nothing if another process does not stop sweeping. */
    readonly reap: Effect.Effect<Option.Option<ReadonlyArray<Swept>>, StoreFailed>
    /** Looks, and acts on what an earlier sweep has found as well; nothing if another process is sweeping. */
    readonly sweep: Effect.Effect<Option.Option<ReadonlyArray<Swept>>, StoreFailed>
    /** Sweeps soon after the start and then from time to time, until interrupted. */
    readonly run: Effect.Effect<never>
  }
>() {
  static readonly layer = (options: SweepOptions = defaults) =>
    Layer.effect(
      Sweeper,
      Effect.gen(function* () {
        const { upkeep } = yield* Store
        const look = yield* makeLook
        const perform = yield* makeActs
        const owner = yield* (yield* Ids).token

        const reserve = (name: string, millis: number) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => upkeep.reserve(name, owner, now + millis))

        const alone = <A>(work: Effect.Effect<A, StoreFailed>) =>
          Effect.acquireUseRelease(
            reserve("sweep", reserved),
            (got) => (got ? Effect.asSome(Effect.raceFirst(work, keeping)) : Effect.succeed(Option.none<A>())),
            (got) => (got ? Effect.orElseSucceed(reserve("sweep", 0), () => false) : Effect.void)
          )

        const keeping = Effect.delay(reserve("sweep", reserved), renewal).pipe(
          Effect.catchAll((error) => Effect.logWarning(`the sweep could not be reserved on: ${error.message}`)),
          Effect.forever
        )

        const round = Effect.fn("sweep.round")(function* (asked: boolean) {
          const found = yield* look(true)
          const seen = yield* upkeep.note(found.map(({ key }) => key))
          const now = yield* Clock.currentTimeMillis
          return yield* Effect.forEach(found, (finding) =>
            isDue(finding, { seen, now, asked })
              ? Effect.map(perform(finding), (act): Swept => ({ finding, act }))
              : Effect.succeed<Swept>({ finding })
          )
        })

        const sweep = alone(round(false))

        /** After the first, only where no other process has had its turn. */
        const scheduled = Effect.flatMap(reserve("sweep.turn", options.period * 0.9), (mine) =>
          mine ? sweep : Effect.succeedNone
        )

        return {
          look,
          sweep,
          reap: alone(round(true)).pipe(
            Effect.filterOrFail(Option.isSome, () => "taken" as const),
            Effect.retry({ schedule: turn, while: (error) => error === "taken" }),
            Effect.catchAll((error) => (error === "taken" ? Effect.succeedNone : Effect.fail(error)))
          ),
          run: Effect.zipRight(
            Effect.delay(told(sweep), options.first),
            Effect.forever(Effect.delay(told(scheduled), options.period))
          )
        }
      })
    )
}

/** A sweep that failed is told to the operator and made again. */
const told = (sweep: Effect.Effect<Option.Option<ReadonlyArray<Swept>>, StoreFailed>) =>
  sweep.pipe(
    Effect.tap(
      Option.match({
        onNone: () => Effect.void,
        onSome: (swept) =>
          Effect.forEach(swept, ({ act, finding }) =>
            act === undefined
              ? Effect.logDebug(`sweep found ${finding.kind} ${finding.taskId}: ${finding.what}`)
              : Effect.logInfo(`sweep ${act.outcome} ${finding.kind} ${finding.taskId}: ${finding.what}`)
          )
      })
    ),
    Effect.catchAllCause((cause) => Effect.logWarning("a sweep failed and will be made again", cause))
  )
