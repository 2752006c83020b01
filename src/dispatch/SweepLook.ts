import { Clock, Effect, Option } from "effect"
import type { AdapterSpec } from "../domain/AdapterSpec.js"
import type { StoreFailed } from "../domain/DispatchError.js"
import { dayMillis, defaults } from "../domain/RetentionConfig.js"
import { type Finding, inWords, looseFindings, remnantFindings } from "../domain/Sweep.js"
import type { Task } from "../domain/Task.js"
import { isTerminal } from "../domain/Lifecycle.js"
import { type Adapter, type AdapterFailure, Adapters, type Ledger } from "../services/Adapter.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { guard, keptUntil } from "./AdapterAnswer.js"

/** How many tasks one look takes in of each kind; the next look goes on with what is left. */
const most = 500
/** How many ended tasks of one adapter are worth asking its far side about, newest first. */
const mostSettled = 300
const page = 100
/** A listener that has been silent for so long does not come back, in milliseconds. */
const listening = 7 * dayMillis

/** Looks at everything that may be left over or stuck; changes nothing. `live` also asks other machines. */
export const makeLook = Effect.gen(function* () {
  const store = yield* Store
  const adapters = yield* Adapters
  const { config } = yield* Settings
  const { upkeep } = store
  const retention = { ...defaults, ...config.retention }

  const loose = Effect.fnUntraced(function* (now: number) {
    const known = new Set(adapters.specs.map(({ name }) => name))
    const found = yield* Effect.forEach(yield* upkeep.loose(most), (one) =>
      Effect.gen(function* () {
        const adapterUnknown = !known.has(one.task.request.adapter)
        if (!isTerminal(one.task.status)) return { ...one, adapterUnknown }
        return { ...one, adapterUnknown, keptUntil: keptUntil(yield* store.resources(one.task.id)) }
      })
    )
    return looseFindings(found, now)
  })

  /** The far side is asked first and the store afterwards, so a task that is made meanwhile is known by then. */
  const leftAt = (spec: AdapterSpec, now: number) =>
    Effect.gen(function* () {
      const adapter = yield* adapters.find(spec.name)
      const { remnants } = adapter
      if (remnants === undefined) return []
      const there = yield* guard("remnants", () => remnants(ledgerOf(store, spec)))
      const standings = yield* upkeep.standings([...new Set(there.map(({ taskId }) => taskId))])
      return remnantFindings(spec.name, there, standings, now)
    }).pipe(
      Effect.catchAll((failure) =>
        "_tag" in failure && failure._tag === "StoreFailed"
          ? Effect.fail(failure)
          : Effect.succeed([unasked(spec.name, failure.message, now)])
      )
    )

  const isWorthAsking = (spec: AdapterSpec, live: boolean) =>
    spec.transport === "process"
      ? Effect.succeed(true)
      : live
        ? Effect.map(store.list({ provider: spec.provider, limit: 1 }), ({ tasks }) => tasks.length > 0)
        : Effect.succeed(false)

  const expired = Effect.fnUntraced(function* (now: number) {
    const query = { listeningSince: now - listening, limit: most }
    const { ttl, maxStateBytes } = retention
    const old = ttl === undefined ? [] : yield* upkeep.ended({ ...query, before: now - ttl * dayMillis })
    const found = old.map((task) =>
      forgettable(task.id, task.updatedAt, `ended ${inWords(now - task.updatedAt)} ago`, "task.expired")
    )
    if (maxStateBytes === undefined) return found
    const { total, oldest } = yield* upkeep.weights({ ...query, before: now - dayMillis })
    let over = total - maxStateBytes
    for (const { id, bytes } of oldest) {
      if (over <= 0) break
      over -= bytes
      if (!found.some(({ taskId }) => taskId === id))
        found.push(forgettable(id, now, `is among the oldest, and all records hold ${total} bytes`, "task.crowded"))
    }
    return found
  })

  const longLogs = Effect.fnUntraced(function* (now: number) {
    const { logDays, maxLogBytes } = retention
    if (maxLogBytes === false) return []
    const long = yield* upkeep.longLogs({ before: now - logDays * dayMillis, bytes: maxLogBytes, limit: most })
    return long.map(({ id, bytes }): Finding => ({
      key: `log.long:${id}`,
      kind: "log.long",
      taskId: id,
      since: now,
      what: `its log has ${bytes} bytes`,
      action: { do: "shorten", bytes: maxLogBytes }
    }))
  })

  return Effect.fn("sweep.look")(function* (live: boolean) {
    const now = yield* Clock.currentTimeMillis
    const specs = yield* Effect.filter(adapters.specs, (spec) => isWorthAsking(spec, live))
    const left = yield* Effect.forEach(specs, (spec) => leftAt(spec, now))
    const overdue = yield* expired(now)
    const going = new Set(overdue.map(({ taskId }) => taskId))
    const long = (yield* longLogs(now)).filter(({ taskId }) => !going.has(taskId))
    return [...(yield* loose(now)), ...left.flat(), ...overdue, ...long]
  })
})

const forgettable = (taskId: string, since: number, what: string, kind: string): Finding => ({
  key: `${kind}:${taskId}`,
  kind,
  taskId,
  since,
  what,
  action: { do: "forget" }
})

const unasked = (adapter: string, message: string, now: number): Finding => ({
  key: `unasked:${adapter}`,
  kind: "adapter.unasked",
  taskId: "",
  since: now,
  what: `${adapter} could not say what is left at its far side`,
  action: { do: "report", because: message }
})

/** The store as an adapter may ask it. */
export const ledgerOf = (store: typeof Store.Service, spec: (typeof Adapter.Service)["spec"]): Ledger => {
  const failed = ({ code, message }: StoreFailed): AdapterFailure => ({
    code,
    message,
    retryable: true,
    delivery: "none"
  })
  const settled = (
    before: Option.Option<number>,
    found: ReadonlyArray<Task>
  ): Effect.Effect<ReadonlyArray<Task>, StoreFailed> =>
    Effect.flatMap(
      store.list({
        statuses: ["succeeded", "failed", "cancelled"],
        provider: spec.provider,
        limit: page,
        before: Option.getOrUndefined(before)
      }),
      ({ tasks, next }) => {
        const all = [...found, ...tasks.filter((task) => task.settled && task.request.adapter === spec.name)]
        return next === undefined || all.length >= mostSettled ? Effect.succeed(all) : settled(Option.some(next), all)
      }
    )
  return {
    settled: Effect.mapError(settled(Option.none(), []), failed),
    resources: (id) => Effect.mapError(store.resources(id), failed)
  }
}
