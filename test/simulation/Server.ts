import { Context, Effect, Fiber, Layer, Runtime } from "effect"
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

/** What the servers of a world are told, with room for so many tasks at once. */
export const configFor = (room: number | undefined): Config => ({
  ...fakes,
  runtimes: { ...fakes.runtimes, "machine-probe": machines("probe"), "machine-once": machines("once") },
  ...(room === undefined ? {} : { concurrency: { all: room } })
})

/** What callers reach in a running server. */
export interface Services {
  readonly dispatch: () => typeof Dispatch.Service
  readonly answers: () => typeof Answers.Service
}

export interface Server {
  readonly process: Process
  /** Nothing while it starts. */
  services: Services | undefined
  /** Ends it in order; its finalizers run. */
  readonly leave: () => void
}

type Below = Store | AdaptersTag | Ids | Settings | Audit | Scheduler

interface Parts {
  readonly config: Config
  readonly store: typeof Store.Service
  readonly adapters: typeof Adapters.Service
  readonly ids: typeof Ids.Service
  readonly lease: SchedulerLease.LeaseOptions
}

/** Starts the real scheduler, drive and dispatch in a simulated process. */
export const startServer = (process: Process, { adapters, config, ids, lease, store }: Parts): Server => {
  const world = Context.mergeAll(
    Context.make(Store, store),
    Context.make(AdaptersTag, adapters),
    Context.make(Ids, ids),
    Context.make(Settings, { config, source: "the simulation", environment: {} }),
    silence
  )
  const main = Effect.scoped(
    Effect.gen(function* () {
      const below = Context.merge(world, yield* Layer.build(SchedulerLease.layer(lease)))
      const scheduler = Context.get(below, Scheduler)
      const drive = Context.get(yield* Effect.provide(Layer.build(Drive.layer), below), Drive)
      server.services = lazily(process, below)
      return yield* scheduler.run(drive.step)
    }).pipe(Effect.provide(world))
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

const silence = Effect.runSync(Effect.scoped(Layer.build(Audit.layerNone)))

/** Most servers are never asked anything before they are gone. */
const lazily = (process: Process, below: Context.Context<Below>): Services => {
  const built = <A, E>(layer: Layer.Layer<A, E, Below>) =>
    Runtime.runSync(process.runtime)(Effect.provide(Effect.scoped(Layer.build(layer)), below))
  let dispatch: typeof Dispatch.Service | undefined
  let answers: typeof Answers.Service | undefined
  return {
    dispatch: () => (dispatch ??= Context.get(built(Dispatch.layer), Dispatch)),
    answers: () => (answers ??= Context.get(built(Answers.layer), Answers))
  }
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
