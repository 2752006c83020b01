import { Effect } from "effect"
import { TaskNotFound } from "../domain/DispatchError.js"
import type { Expired } from "../domain/Expired.js"
import type { Task } from "../domain/Task.js"
import { Caller, isLocal } from "../services/Caller.js"
import { Store } from "../services/Store.js"
import { resolveTaskId } from "./TaskIdInput.js"

/** The local user sees every task; everybody else sees what is their own. */
const isVisible = (principal: string, task: Task): boolean => isLocal(principal) || task.principal === principal

/** Whose tasks a look at many of them may find, as a part of the store's queries. */
export const ownOnly: Effect.Effect<{ readonly principal?: string }> = Effect.map(Caller, ({ principal }) =>
  isLocal(principal) ? {} : { principal }
)

/** What a caller may know of a deleted task; where its export lies is for the local user alone. */
export const expiredFor = (principal: string, expired: Expired | undefined): Expired | undefined => {
  if (expired === undefined || isLocal(principal)) return expired
  const { export: _, ...told } = expired
  return expired.principal === principal ? told : undefined
}

/** Finds a task by the id a caller wrote; another principal's does not exist. */
export const makeVisible = Effect.map(Store, (store) => {
  const resolve = resolveTaskId(store)
  return (id: string) =>
    Effect.gen(function* () {
      const { principal } = yield* Caller
      const task = yield* Effect.mapError(Effect.flatMap(resolve(id), store.find), (error) =>
        error._tag === "TaskNotFound"
          ? new TaskNotFound({ id: error.id, expired: expiredFor(principal, error.expired) })
          : error
      )
      return isVisible(principal, task) ? task : yield* new TaskNotFound({ id: task.id })
    })
})
