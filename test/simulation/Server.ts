import { Context, Effect, Fiber, Layer } from "effect"
import { Answers } from "../../src/dispatch/Answers.js"
import { Dispatch } from "../../src/dispatch/Dispatch.js"
import { Drive } from "../../src/dispatch/Drive.js"
import type { Config } from "../../src/domain/Config.js"
import { TaskId } from "../../src/domain/Task.js"
import * as SchedulerLease from "../../src/drivers/SchedulerLease.js"
import type { Adapters } from "../../src/services/Adapter.js"
import { Adapters as AdaptersTag } from "../../src/services/Adapter.js"
import { Audit } from "../../src/services/Audit.js"
import { Ids } from "../../src/services/Ids.js"
import { Scheduler } from "../../src/services/Scheduler.js"
import { Settings } from "../../src/services/Settings.js"
import { Store } from "../../src/services/Store.js"
import { config as fakes } from "../fakes/CoreFixture.js"
import type { Process } from "./Process.js"

const machines = (backend: string) => ({
  provider: "fake",
  account: "lab",
  capability: "agent-runtime",
  backend,
  target: { mode: "runtime" as const }
})

const config: Config = {
  ...fakes,
  runtimes: { ...fakes.runtimes, "machine-probe": machines("probe"), "machine-once": machines("once") }
}

/** What callers reach in a running server. */
export interface Services {
  readonly dispatch: typeof Dispatch.Service
  readonly answers: typeof Answers.Service
}

export interface Server {
  readonly process: Process
  /** Nothing while it starts. */
  services: Services | undefined
  /** Ends it in order; its finalizers run. */
  readonly leave: () => void
}

interface Parts {
  readonly store: typeof Store.Service
  readonly adapters: typeof Adapters.Service
  readonly ids: typeof Ids.Service
  readonly lease: SchedulerLease.LeaseOptions
}

/** Starts the real scheduler, drive and dispatch in a simulated process. */
export const startServer = (process: Process, { adapters, ids, lease, store }: Parts): Server => {
  const layers = Layer.mergeAll(Answers.layer, Dispatch.layer, Drive.layer).pipe(
    Layer.provideMerge(SchedulerLease.layer(lease)),
    Layer.provide(
      Layer.mergeAll(
        Layer.succeed(Store, store),
        Layer.succeed(AdaptersTag, adapters),
        Layer.succeed(Ids, ids),
        Layer.succeed(Settings, { config, source: "the simulation", environment: {} }),
        Audit.layerNone
      )
    )
  )
  const main = Effect.scoped(
    Effect.gen(function* () {
      const context = yield* Layer.build(layers)
      server.services = { dispatch: Context.get(context, Dispatch), answers: Context.get(context, Answers) }
      return yield* Context.get(context, Scheduler).run(Context.get(context, Drive).step)
    })
  )
  const server: Server = {
    process,
    services: undefined,
    leave: () => {
      server.services = undefined
      process.run(Effect.asVoid(Fiber.interrupt(fiber)), () => process.kill())
    }
  }
  const fiber = process.run(main, () => undefined)
  return server
}

/** Counts over all processes of a world, so that every id is new and the same seed gives the same ids. */
export const countingIds = (): typeof Ids.Service => {
  let count = 0
  const next = () => (++count).toString().padStart(26, "0")
  return {
    taskId: Effect.sync(() => TaskId.make(`task_${next()}`)),
    token: Effect.sync(next),
    digest: (text) => Effect.succeed(text)
  }
}
