import { Effect, Fiber, Layer, Ref, TestClock } from "effect"
import { layer as laneAdapter } from "../../adapters/github-lane/Adapter.js"
import { spec } from "../../adapters/github-lane/Spec.generated.js"
import { Dispatch } from "../../src/dispatch/Dispatch.js"
import { Lanes } from "../../src/dispatch/Lanes.js"
import type { Config } from "../../src/domain/Config.js"
import { AdapterNotFound } from "../../src/domain/DispatchError.js"
import type { LaneConfig } from "../../src/domain/LaneConfig.js"
import * as IdsRandom from "../../src/drivers/IdsRandom.js"
import * as SchedulerLease from "../../src/drivers/SchedulerLease.js"
import { Adapter, Adapters } from "../../src/services/Adapter.js"
import { Allowlist } from "../../src/services/Allowlist.js"
import { Audit, type AuditRecord } from "../../src/services/Audit.js"
import { Settings } from "../../src/services/Settings.js"
import { Store } from "../../src/services/Store.js"
import { leases, until } from "../fakes/CoreFixture.js"
import { fakeTransport } from "../fakes/FakeTransport.js"
import { allowlist, settings, withLanes } from "./LaneBench.js"

/** The core over the memory store and one lane whose machine is a fake. */
export const laneCore = (lanes: LaneConfig = {}, more: Partial<Config> = {}) => {
  const machine = fakeTransport()
  const audited = Ref.unsafeMake<ReadonlyArray<AuditRecord>>([])
  const list: { read: (typeof Allowlist.Service)["read"] } = { read: Effect.succeed(allowlist) }
  const audit = Audit.layerMemory(audited)
  const adapters = Layer.effect(
    Adapters,
    Effect.map(Adapter, (adapter) => ({
      specs: [spec],
      find: (name) =>
        name === spec.name ? Effect.succeed(adapter) : Effect.fail(new AdapterNotFound({ name, known: [spec.name] }))
    }))
  ).pipe(Layer.provide(Layer.provide(laneAdapter, Layer.merge(machine.layer, audit))))
  const layer = Layer.mergeAll(Lanes.layer, Dispatch.layer).pipe(
    Layer.provideMerge(SchedulerLease.layer(leases)),
    Layer.provideMerge(
      Layer.mergeAll(
        Store.layerMemory,
        IdsRandom.layer,
        audit,
        adapters,
        Allowlist.layerMemory(
          Effect.suspend(() => list.read),
          settings
        ),
        Layer.succeed(Settings, {
          config: { ...withLanes(lanes), ...more },
          source: "the test's config",
          environment: {}
        })
      )
    )
  )
  return { machine, audited: Ref.get(audited), list, layer }
}

/** Lets time pass until the call has its answer. */
export const inTime = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(call)
    for (let round = 0; round < 400 && fiber.unsafePoll() === null; round++) yield* TestClock.adjust("250 millis")
    return yield* Fiber.join(fiber)
  })

export const web = (task: string) => ({ orguser: "web-bot", repo: "storefront", task })

/** Dispatches one unit to the storefront and lets time pass until the command has ended. */
export const dispatched = (task: string, idempotencyKey?: string) =>
  Effect.flatMap(Lanes, (lanes) => inTime(lanes.dispatchUnit(web(task), { idempotencyKey })))

const taskOf = (name: string) => Effect.flatMap(Store, (store) => Effect.flatMap(store.resolve(name), store.find))
/** The unit's task once nothing is left to do for it. */
export const settledUnit = (name: string) => Effect.flatMap(taskOf(name), ({ id }) => until(id, (task) => task.settled))

/** The vector of a task for the storefront. */
export const fixed = (task: string): readonly [string, ...ReadonlyArray<string>] => [
  "dotfiles-dispatch",
  "web-bot",
  "storefront",
  task,
  "--host",
  "localhost",
  "--max",
  "50"
]
