import { Clock, Effect, Ref } from "effect"
import type { TaskId } from "../domain/Task.js"

/** How long a start that may be resent is resent, in milliseconds. */
export const resendWindow = 60_000
/** How long the far side may be silent before its task is given up, in milliseconds. */
export const observePatience = 10 * 60_000
export const cancelPatience = 2 * 60_000
/** How long work may take to stop after it was told to, in milliseconds. */
export const stoppingPatience = 10 * 60_000
/** How long a backend may ask to be left alone before it gets the task, in milliseconds. */
export const pausePatience = 24 * 3_600_000
export const resendPause = 1_000
export const storePause = 500

/** Milliseconds to wait before trying again: 0.5 s, doubling, half a minute at most. */
export const backoff = (attempt: number): number => Math.min(30_000, 250 * 2 ** Math.max(1, attempt))

/** `cancel` is a wish that cannot be told, `stop` one that was heard and takes its time. */
type Waiting = "start" | "observe" | "cancel" | "stop"

interface Silence {
  readonly since: number
  /** When it failed last. */
  readonly until: number
}

/** Remembers since when each task's far side has not answered; forgets with the process, which only lengthens the wait. */
export const makePatience = Effect.map(
  Ref.make<ReadonlyMap<TaskId, ReadonlyMap<Waiting, Silence>>>(new Map()),
  (silent) => ({
    /**
     * Another failure of the same thing; whether it has been failing for too long, in milliseconds. One call that hangs
     * can outlast any time, so whoever is given up was asked once more after it was over.
     */
    isOver: (id: TaskId, what: Waiting, window: number) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Ref.modify(silent, (known) => {
          const { since, until } = known.get(id)?.get(what) ?? { since: now, until: now }
          const ways = new Map(known.get(id)).set(what, { since, until: now })
          return [until - since >= window, new Map(known).set(id, ways)]
        })
      ),
    /** This one thing no longer fails. */
    heard: (id: TaskId, what: Waiting) =>
      Ref.update(silent, (known) => {
        if (known.get(id)?.has(what) !== true) return known
        const rest = new Map(known.get(id))
        rest.delete(what)
        return new Map(known).set(id, rest)
      }),
    regained: (id: TaskId) =>
      Ref.update(silent, (known) => {
        if (!known.has(id)) return known
        const rest = new Map(known)
        rest.delete(id)
        return rest
      })
  })
)

export type Patience = Effect.Effect.Success<typeof makePatience>
