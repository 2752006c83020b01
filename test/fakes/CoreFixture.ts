import { Context, Effect, Fiber, Layer, Ref, Schema, TestClock } from "effect"
import { Answers } from "../../src/dispatch/Answers.js"
import { Awaiting } from "../../src/dispatch/Awaiting.js"
import { Dispatch } from "../../src/dispatch/Dispatch.js"
import { Drive } from "../../src/dispatch/Drive.js"
import { Fanout } from "../../src/dispatch/Fanout.js"
import { Preflight } from "../../src/dispatch/Preflight.js"
import { Watch } from "../../src/dispatch/Watch.js"
import type { Config } from "../../src/domain/Config.js"
import { type Task, TaskId } from "../../src/domain/Task.js"
import * as SchedulerLease from "../../src/drivers/SchedulerLease.js"
import { Audit, type AuditRecord } from "../../src/services/Audit.js"
import { Ids } from "../../src/services/Ids.js"
import { Scheduler } from "../../src/services/Scheduler.js"
import { Settings } from "../../src/services/Settings.js"
import { Store } from "../../src/services/Store.js"
import * as FakeAdapter from "./FakeAdapter.js"
import type { StoreFailed } from "../../src/domain/DispatchError.js"
import { around, type Around, broken, type Method } from "./StoreProxy.js"

export const leases: SchedulerLease.LeaseOptions = { lease: "5 seconds", poll: "500 millis", limit: 64 }

const profile = (backend: string) => ({ provider: "fake", account: "lab", capability: "agent-runtime", backend })

/** One runtime profile for each way to start, one with room for two tasks, and one that needs a machine of its own. */
export const config: Config = {
  accounts: { lab: { provider: "fake", credentialSource: "none" } },
  backends: {
    idempotent: { adapter: "fake-idempotent", account: "lab" },
    probe: { adapter: "fake-probe", account: "lab" },
    once: { adapter: "fake-once", account: "lab" },
    narrow: { adapter: "fake-idempotent", account: "lab", details: { maxConcurrent: 2 } }
  },
  runtimes: {
    idempotent: profile("idempotent"),
    probe: profile("probe"),
    once: profile("once"),
    narrow: profile("narrow"),
    machine: { ...profile("idempotent"), target: { mode: "runtime" } }
  },
  defaults: {},
  policy: { rules: [] }
}
export type Runtime = (typeof FakeAdapter.semantics)[number] | "narrow" | "machine"

/** What was written to the audit. */
export class Audited extends Context.Tag("test/Audited")<Audited, Ref.Ref<ReadonlyArray<AuditRecord>>>() {}

const audit = Layer.unwrapEffect(
  Effect.map(Ref.make<ReadonlyArray<AuditRecord>>([]), (seen) =>
    Layer.merge(Audit.layerMemory(seen), Layer.succeed(Audited, seen))
  )
)

/** The whole core over the memory store and the fake adapter; nothing drives until `startProcess`. */
export const core = (given: { readonly config?: Partial<Config>; readonly store?: Around } = {}) => {
  const { store = (call) => call } = given
  return Layer.mergeAll(Answers.layer, Awaiting.layer, Dispatch.layer, Drive.layer, Fanout.layer, Preflight.layer).pipe(
    Layer.provideMerge(Watch.layer),
    Layer.provideMerge(SchedulerLease.layer(leases)),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.effect(
          Store,
          Effect.map(Store, (memory) => around(memory, store))
        ).pipe(Layer.provide(Store.layerMemory)),
        Ids.layerMemory,
        audit,
        FakeAdapter.layer,
        Layer.succeed(Settings, {
          config: { ...config, ...given.config },
          source: "the test's config",
          environment: {}
        })
      )
    )
  )
}

const untouched = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E | StoreFailed> => call

/**
 * A server process on the shared store. `stop` ends it in order; `kill` as SIGKILL would: from then on it writes
 * nothing, not even that it is gone; `deafen` makes it lose its lease without knowing.
 */
export const startProcess = Effect.fnUntraced(function* (
  options: SchedulerLease.LeaseOptions = leases,
  fault: Around = untouched
) {
  const shared = yield* Store
  const state = { dead: false, deaf: false }
  const store = around(shared, <A, E>(call: Effect.Effect<A, E>, method: Method) =>
    Effect.suspend((): Effect.Effect<A, E | StoreFailed> =>
      state.dead || (state.deaf && (method === "renew" || method === "claim"))
        ? Effect.fail(broken)
        : fault(call, method)
    )
  )
  const context = yield* Layer.build(
    Layer.fresh(Layer.merge(Drive.layer, SchedulerLease.layer(options))).pipe(
      Layer.provide(Layer.succeed(Store, store))
    )
  )
  const scheduler = Context.get(context, Scheduler)
  const drive = Context.get(context, Drive)
  const fiber = yield* Effect.forkScoped(scheduler.run(drive.step))
  return {
    scheduler,
    drive,
    stop: Fiber.interrupt(fiber),
    kill: Effect.suspend(() => {
      state.dead = true
      return Fiber.interrupt(fiber)
    }),
    deafen: Effect.sync(() => void (state.deaf = true))
  }
})

export const idOf = Schema.decodeSync(TaskId)

/** Dispatches one piece of work; returns its id. */
export const spawned = (runtime: Runtime) =>
  Effect.flatMap(Dispatch, (dispatch) =>
    Effect.map(dispatch.spawn({ instruction: "do it", runtime }, {}), (handle) => idOf(handle.taskId))
  )

export const find = (id: TaskId) => Effect.flatMap(Store, (store) => store.find(id))

/** Lets time pass until the task is as wanted; dies when it never comes to that. */
export const until = Effect.fnUntraced(function* (id: TaskId, wanted: (task: Task) => boolean, step = 250, most = 400) {
  yield* TestClock.adjust(0)
  for (let round = 0; round < most; round++) {
    const task = yield* find(id)
    if (wanted(task)) return task
    yield* TestClock.adjust(step)
  }
  return yield* Effect.dieMessage(`${id} is still ${(yield* find(id)).status}`)
})

export const settled = (id: TaskId) => until(id, (task) => task.settled)
export const reaches = (id: TaskId, status: Task["status"]) => until(id, (task) => task.status === status)

export const eventTypes = (id: TaskId) =>
  Effect.flatMap(Store, (store) =>
    Effect.map(store.events(id, { afterRevision: 0, limit: 1_000 }), (events) => events.map((event) => event.type))
  )

/** The whole log. */
export const logOf = (id: TaskId) =>
  Effect.flatMap(Store, (store) => Effect.map(store.log(id, { cursor: 0, limit: 64_000 }), (page) => page.data))
