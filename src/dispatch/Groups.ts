import { Effect } from "effect"
import { TaskNotFound } from "../domain/DispatchError.js"
import { groupPattern, mostItems } from "../domain/Fanout.js"
import type { Lineage, Task, TaskId } from "../domain/Task.js"
import { Store } from "../services/Store.js"
import { makeVisible, ownOnly } from "./Visible.js"

export const isGroup = (id: string): boolean => groupPattern.test(id.trim())

/** Other tasks as a caller names them. */
export interface Relatives {
  readonly parent?: string | undefined
  readonly dependsOn?: ReadonlyArray<string> | undefined
}

/** Finds the tasks of a group, and a task's relatives; another principal's do not exist. */
export const makeGroups = Effect.gen(function* () {
  const store = yield* Store
  const find = yield* makeVisible

  /** In the order they were dispatched. */
  const tasks = Effect.fn("groups.tasks")(function* (id: string) {
    const group = id.trim()
    const page = yield* store.list({ ...(yield* ownOnly), group, limit: mostItems })
    if (page.tasks.length === 0) return yield* new TaskNotFound({ id: group })
    return page.tasks.toReversed()
  })

  /** The tasks that are named, one by one or by their group, each once. */
  const named = Effect.fn("groups.named")(function* (ids: Iterable<string>) {
    const found = yield* Effect.forEach(
      new Set(ids),
      (id): Effect.Effect<ReadonlyArray<Task>, Effect.Effect.Error<ReturnType<typeof find>>> =>
        isGroup(id) ? tasks(id) : Effect.map(find(id), (task) => [task])
    )
    return [...new Map(found.flat().map((task) => [task.id, task])).values()]
  })

  const lineage = Effect.fn("groups.lineage")(function* ({ dependsOn = [], parent }: Relatives) {
    const idOf = (id: string): Effect.Effect<TaskId, Effect.Effect.Error<ReturnType<typeof find>>> =>
      Effect.map(find(id), (task) => task.id)
    return {
      ...(parent === undefined ? {} : { parent: yield* idOf(parent) }),
      ...(dependsOn.length === 0 ? {} : { dependsOn: yield* Effect.forEach(new Set(dependsOn), idOf) })
    } satisfies Lineage
  })

  return { tasks, named, lineage }
})
