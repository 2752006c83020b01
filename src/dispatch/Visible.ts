import { Effect } from "effect"
import { TaskNotFound } from "../domain/DispatchError.js"
import type { Task } from "../domain/Task.js"
import { Caller } from "../services/Caller.js"
import { Store } from "../services/Store.js"
import { resolveTaskId } from "./TaskIdInput.js"

/** The local user keeps the state folder and sees every task; everybody else sees what is their own. */
const seesAll = (principal: string): boolean => principal.startsWith("user:")

const isVisible = (principal: string, task: Task): boolean => seesAll(principal) || task.principal === principal

/** Whose tasks a look at many of them may find, as a part of the store's queries. */
export const ownOnly: Effect.Effect<{ readonly principal?: string }> = Effect.map(Caller, ({ principal }) =>
  seesAll(principal) ? {} : { principal }
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
