import { Context, Effect, Either, Layer } from "effect"
import { type DispatchError, InvalidInput } from "../domain/DispatchError.js"
import { canonical } from "../domain/Json.js"
import { type GroupView, groupView, inOrder, type Item } from "../domain/Fanout.js"
import { routeSpawn, type SpawnCall } from "../domain/Routing.js"
import type { TaskId } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Caller } from "../services/Caller.js"
import { Ids } from "../services/Ids.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"
import { makeAccept } from "./Accept.js"
import { makeGroups } from "./Groups.js"

export interface FanoutCall {
  readonly items: ReadonlyArray<Item<SpawnCall>>
  /** The task that all of them are parts of. */
  readonly parent?: string | undefined
  readonly idempotencyKey?: string | undefined
}

/** Many pieces of work by one call. */
export class Fanout extends Context.Tag("agentdispatch/Fanout")<
  Fanout,
  {
    /** Accepts all of them or none, before anything runs; the same key with the same items is the same group. */
    readonly spawn: (call: FanoutCall) => Effect.Effect<GroupView, DispatchError>
    /** How the tasks of a group stand. */
    readonly view: (group: string) => Effect.Effect<GroupView, DispatchError>
  }
>() {
  static readonly layer = Layer.effect(
    Fanout,
    Effect.gen(function* () {
      const accept = yield* makeAccept
      const groups = yield* makeGroups
      const adapters = yield* Adapters
      const ids = yield* Ids
      const { config, environment } = yield* Settings
      const { secretIn } = yield* Redactor
      const world = { config, specs: adapters.specs, environment, secretIn }

      /** A repeated call finds its group by its key. */
      const groupOf = Effect.fnUntraced(function* (key: string | undefined) {
        const random = (yield* ids.taskId).slice("task_".length)
        if (key === undefined) return `group_${random}`
        const { principal } = yield* Caller
        return `group_${(yield* ids.digest(canonical(["group", principal, key]))).slice(0, random.length)}`
      })

      const spawn = Effect.fn("fanout.spawn")(function* ({ idempotencyKey, items, parent }: FanoutCall) {
        const ordered = yield* inOrder(items)
        const group = yield* groupOf(idempotencyKey)
        const known = new Map<string, TaskId>()
        for (const { key } of ordered) known.set(key, yield* ids.taskId)
        const whole = yield* groups.lineage({ parent })
        const calls = yield* Effect.forEach(
          ordered,
          Effect.fnUntraced(function* ({ call, dependsOn, key }) {
            const siblings = dependsOn.flatMap((needs) => known.get(needs) ?? [])
            const others = yield* groups.lineage({ dependsOn: dependsOn.filter((needs) => !known.has(needs)) })
            const needed = [...siblings, ...(others.dependsOn ?? [])]
            return {
              routed: Either.mapLeft(routeSpawn(world, call), (error) => asInput(error, key)),
              options: {
                id: known.get(key),
                lineage: { ...whole, group, key, ...(needed.length === 0 ? {} : { dependsOn: needed }) },
                idempotencyKey: idempotencyKey === undefined ? undefined : canonical([idempotencyKey, key])
              }
            }
          })
        )
        const made = yield* accept.all("spawn_cloud_agent", calls)
        const place = new Map(items.map(({ key }, index) => [key, index]))
        return groupView(
          group,
          made.toSorted(
            (one, other) => (place.get(one.lineage?.key ?? "") ?? 0) - (place.get(other.lineage?.key ?? "") ?? 0)
          )
        )
      })

      return { spawn, view: (group) => Effect.map(groups.tasks(group), (tasks) => groupView(group, tasks)) }
    })
  )
}

/** What is missing is said and not asked: an answer would have to name its item. */
const asInput = (error: DispatchError, key: string): DispatchError => {
  const [question] = error._tag === "NeedsAnswers" ? error.questions : []
  if (question === undefined) return error
  const choices = question.choices === undefined ? "" : ` One of: ${question.choices.join(", ")}.`
  return new InvalidInput({
    path: `items: ${key}: ${question.id}`,
    problem: `is missing. ${question.question}${choices} Give it in the item, or in shared for all of them.`
  })
}
