import { Cause, Deferred, Effect, Exit, Fiber, ManagedRuntime, Option } from "effect"
import { setImmediate } from "node:timers/promises"
import { Drive } from "../dispatch/Drive.js"
import { Sweeper } from "../dispatch/Sweeper.js"
import { ClockApart, judge } from "../domain/ClockDifference.js"
import type { ConfigInvalid } from "../domain/ConfigInvalid.js"
import * as RedactorHost from "../drivers/RedactorHost.js"
import { offer, offerWithLanes, type Run, type Serving } from "../mcp/Server.js"
import { Allowlist } from "../services/Allowlist.js"
import { clockDifference } from "../services/DatabaseClock.js"
import { Ids } from "../services/Ids.js"
import { Leaving } from "../services/Leaving.js"
import { Scheduler } from "../services/Scheduler.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { layer, version } from "./Composition.js"

/** What is said before there are settings loses the secrets of the environment. */
export const redacted = RedactorHost.ofEnvironment(process.env)

export const say = (text: string) => process.stderr.write(`${redacted.text(text)}\n`)

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A refused message may be quoted whole in its error. */
export const brief = (text: string) => text.replaceAll(/\s+/g, " ").slice(0, 300)

/** What every connection is served with; the key outlives the process, for clients carry what it signs. */
const surroundings = (check: Check) =>
  Effect.gen(function* () {
    const settings = yield* Settings
    yield* check(settings)
    const store = yield* Store
    const difference = Option.getOrUndefined(yield* clockDifference)
    if (difference !== undefined && judge(difference) === "apart") return yield* new ClockApart(difference)
    const ids = yield* Ids
    const stateKey = yield* store.agreed("requestState", yield* ids.digest(`${yield* ids.token}${yield* ids.token}`))
    const { configured: lanes } = yield* Allowlist
    return { settings, store, stateKey, lanes }
  })

/** What a server must be sure of before anything is driven. */
type Check = (settings: typeof Settings.Service) => Effect.Effect<void, ConfigInvalid>

/** Opens the installation and drives its tasks until `stop`; what cannot be used ends the process with what to mend. */
export const start = async (
  config: string | undefined,
  { check = () => Effect.void, stays = false }: { readonly check?: Check; readonly stays?: boolean } = {}
) => {
  const runtime = ManagedRuntime.make(layer(config, stays))
  const started = await runtime.runPromiseExit(surroundings(check))
  if (Exit.isFailure(started)) {
    say(messageOf(Cause.squash(started.cause)))
    process.exit(2)
  }
  const { lanes, settings, stateKey, store } = started.value
  const driving = runtime.runFork(
    Effect.gen(function* () {
      const scheduler = yield* Scheduler
      const drive = yield* Drive
      const sweeper = yield* Sweeper
      return yield* Effect.zipRight(scheduler.run(drive.step), sweeper.run, { concurrent: true })
    })
  )

  const left = Deferred.unsafeMake<void>(Fiber.id(driving))
  const answering = new Set<Promise<unknown>>()
  const run: Run = (effect, signal) => {
    const answer = runtime.runPromise(Effect.provideService(effect, Leaving, Deferred.await(left)), { signal })
    answering.add(answer)
    return answer.finally(() => answering.delete(answer))
  }
  const serving: Serving = {
    run,
    version,
    stateKey,
    offer: lanes ? offerWithLanes : offer,
    runtimes: Object.keys(settings.config.runtimes),
    waits: settings.config.waits ?? {}
  }

  return {
    settings,
    store,
    serving,
    /** Runs what is no call of a client's. */
    perform: <A>(effect: Effect.Effect<A>): Promise<A> => runtime.runPromise(effect),
    /** How many calls are being answered. */
    busy: () => answering.size,
    /** Ends when nothing is being answered, and `elsewhere` says that nothing is on its way. */
    allAnswered: async (elsewhere: () => boolean = () => false) => {
      for (;;) {
        await setImmediate()
        if (answering.size === 0 && !elsewhere()) return
        await Promise.allSettled(answering)
      }
    },
    /** From now on whoever waits for a change gets the answer of the moment. */
    leaveWaits: () => void Deferred.unsafeDone(left, Effect.void),
    /** Hands the tasks back for others to drive. */
    stop: async () => {
      await runtime.runPromise(Fiber.interrupt(driving))
      await runtime.dispose()
    }
  }
}
