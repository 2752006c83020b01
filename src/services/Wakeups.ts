import { Deferred, Effect, FiberId } from "effect"
import type { TaskId } from "../domain/Task.js"

interface Bell {
  readonly rung: Deferred.Deferred<void>
  listeners: number
}

/** Tells the waiting fibers of this process that a task has changed. */
export interface Wakeups {
  readonly ring: (id: TaskId) => Effect.Effect<void>
  /** Runs a look at the task with a signal that every ring from now on completes, so none between look and wait is missed. */
  readonly listen: <A, E>(id: TaskId, look: (rung: Effect.Effect<void>) => Effect.Effect<A, E>) => Effect.Effect<A, E>
}

export const makeWakeups = Effect.sync((): Wakeups => {
  const bells = new Map<TaskId, Bell>()

  const join = (id: TaskId) =>
    Effect.sync(() => {
      const bell = bells.get(id) ?? { rung: Deferred.unsafeMake<void>(FiberId.none), listeners: 0 }
      bell.listeners++
      bells.set(id, bell)
      return bell
    })

  const leave = (id: TaskId, bell: Bell) =>
    Effect.sync(() => {
      bell.listeners--
      if (bell.listeners === 0 && bells.get(id) === bell) bells.delete(id)
    })

  return {
    ring: (id) =>
      Effect.suspend(() => {
        const bell = bells.get(id)
        if (bell === undefined) return Effect.void
        bells.delete(id)
        return Effect.asVoid(Deferred.succeed(bell.rung, undefined))
      }),
    listen: (id, look) =>
      Effect.acquireUseRelease(
        join(id),
        (bell) => look(Deferred.await(bell.rung)),
        (bell) => leave(id, bell)
      )
  }
})
