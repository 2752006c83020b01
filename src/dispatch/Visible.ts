import { Effect } from "effect"
import { TaskNotFound } from "../domain/DispatchError.js"
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

/** Finds a task by the id a caller wrote; another principal's does not exist. */
export const makeVisible = Effect.map(Store, (store) => {
  const resolve = resolveTaskId(store)
  return (id: string) =>
    Effect.gen(function* () {
      const { principal } = yield* Caller
      const task = yield* Effect.flatMap(resolve(id), store.find)
      return isVisible(principal, task) ? task : yield* new TaskNotFound({ id: task.id })
    })
})
