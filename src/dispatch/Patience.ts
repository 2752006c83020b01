import { Clock, Effect, Ref } from "effect"
import type { TaskId } from "../domain/Task.js"

/** Remembers since when each task's far side has not answered; forgets with the process, which only lengthens the wait. */
export const makePatience = Effect.map(Ref.make<ReadonlyMap<TaskId, number>>(new Map()), (since) => ({
  /** Another failure: how long it has been failing, in milliseconds. */
  lost: (id: TaskId) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Ref.modify(since, (known) => {
        const first = known.get(id)
        return first === undefined ? [0, new Map(known).set(id, now)] : [now - first, known]
      })
    ),
  regained: (id: TaskId) =>
    Ref.update(since, (known) => {
      if (!known.has(id)) return known
      const rest = new Map(known)
      rest.delete(id)
      return rest
    })
}))
