import { Effect } from "effect"
import type { TaskId } from "../../src/domain/Task.js"
import { extend } from "../../src/services/Journal.js"
import type { Change, Store } from "../../src/services/Store.js"
import type { Plant } from "./Simulation.js"

type AStore = typeof Store.Service

/** Says that the intent is written, and writes it a little later. */
const writesBehind = (store: AStore): AStore => ({
  ...store,
  commit: (basis, change) =>
    change.transition !== "start"
      ? store.commit(basis, change)
      : Effect.flatMap(Effect.orDie(Effect.retry(store.find(basis.id), { times: 20 })), (task) => {
          const addition = extend({ task, eventCount: 1, artifactCount: 0 }, basis, change, task.updatedAt)
          return addition === undefined
            ? store.commit(basis, change)
            : Effect.as(
                Effect.forkDaemon(Effect.ignoreLogged(Effect.delay(store.commit(basis, change), 200))),
                addition.task
              )
        })
})

/** Takes a write on whatever basis it was decided. */
const unfenced = (store: AStore): AStore => ({
  ...store,
  commit: (basis, change) =>
    Effect.matchEffect(store.find(basis.id), {
      onFailure: () => store.commit(basis, change),
      onSuccess: (now) => store.commit(now, change)
    })
})

/** Flips the status first and stores what it promises after that. */
const statusFirst = (store: AStore): AStore => ({
  ...store,
  commit: (basis, change) => {
    const { artifacts, outcome, ...rest } = change
    const promised: Change = {
      ...(artifacts === undefined ? {} : { artifacts }),
      ...(outcome === undefined ? {} : { outcome })
    }
    return change.transition === "finish"
      ? Effect.flatMap(store.commit(basis, rest), (task) => store.commit(task, promised))
      : store.commit(basis, change)
  }
})

const keyless = (store: AStore): AStore => ({
  ...store,
  createAll: (tasks) => store.createAll(tasks.map((task) => ({ ...task, idempotency: undefined })))
})

/** Forgets how a task hangs together with others. */
const unrelated =
  (kin: "dependsOn" | "parent") =>
  (store: AStore): AStore => ({
    ...store,
    createAll: (tasks) =>
      store.createAll(tasks.map((task) => ({ ...task, lineage: { ...task.lineage, [kin]: undefined } })))
  })

/** One defect for each rule, and for the guards that several rules lean on; the rule that must name it stands first. */
export const plants: ReadonlyArray<{
  readonly rules: ReadonlyArray<number>
  readonly name: string
  readonly plant: Plant
}> = [
  { rules: [1], name: "a start that leaves before its intent is on disk", plant: { store: writesBehind } },
  {
    rules: [2],
    name: "a resend of a start that may never be resent",
    plant: {
      adapter: (adapter) =>
        adapter.spec.start === "once"
          ? { ...adapter, spec: { ...adapter.spec, start: "idempotent" as const } }
          : adapter
    }
  },
  { rules: [2], name: "an idempotency key that is not looked at", plant: { store: keyless } },
  {
    rules: [3],
    name: "a position that only the process remembers",
    plant: {
      adapter: (adapter) => {
        const positions = new Map<TaskId, number>()
        return {
          ...adapter,
          observe: (task) =>
            Effect.map(adapter.observe({ ...task, cursor: positions.get(task.id) ?? 0 }), (seen) => {
              if (typeof seen.cursor === "number") positions.set(task.id, seen.cursor)
              return { ...seen, cursor: 0 }
            })
        }
      }
    }
  },
  {
    rules: [4],
    name: "a lease that never runs out",
    plant: { lease: (lease) => ({ ...lease, lease: "365 days" }) }
  },
  {
    rules: [5],
    name: "a cancel that is confirmed before anybody looked",
    plant: {
      adapter: (adapter) => ({
        ...adapter,
        cancel: (task) => Effect.as(adapter.cancel(task), { state: "stopped" as const })
      })
    }
  },
  {
    rules: [6],
    name: "a ledger that is written after the machine is made",
    plant: { adapter: (adapter) => ({ ...adapter, prepare: () => Effect.succeed({}) }) }
  },
  { rules: [7], name: "an outcome that is stored after the status", plant: { store: statusFirst } },
  { rules: [8], name: "a dependency that is forgotten", plant: { store: unrelated("dependsOn") } },
  {
    rules: [9],
    name: "a claim that looks at no limit",
    plant: { store: (store) => ({ ...store, claim: (request) => store.claim({ ...request, most: () => undefined }) }) }
  },
  { rules: [10], name: "a parent that is forgotten", plant: { store: unrelated("parent") } },
  { rules: [2, 3, 4, 7], name: "a write under a stale epoch that is taken", plant: { store: unfenced } }
]
