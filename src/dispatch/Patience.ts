import { Clock, Effect, Ref } from "effect"
import type { TaskId } from "../domain/Task.js"

type Waiting = "start" | "observe" | "cancel"

/** Remembers since when each task's far side has not answered; forgets with the process, which only lengthens the wait. */
export const makePatience = Effect.map(
  Ref.make<ReadonlyMap<TaskId, { readonly what: Waiting; readonly since: number }>>(new Map()),
  (silent) => ({
    /** Another failure of the same thing: how long it has been failing, in milliseconds. */
    lost: (id: TaskId, what: Waiting) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Ref.modify(silent, (known) => {
          const first = known.get(id)
          return first?.what === what ? [now - first.since, known] : [0, new Map(known).set(id, { what, since: now })]
        })
      ),
    regained: (id: TaskId) =>
      Ref.update(silent, (known) => {
        if (!known.has(id)) return known
        const rest = new Map(known)
        rest.delete(id)
        return rest
      })
  })
)
