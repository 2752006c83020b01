import { Effect } from "effect"

/** Wakes whoever waits for something to change; a ring between the look and the wait is not missed. */
export interface Bell {
  /** How often it rang. */
  readonly count: () => number
  readonly ring: () => void
  /** Resolves once it has rung more often than so. */
  readonly after: (count: number) => Effect.Effect<void>
}

export const makeBell = (): Bell => {
  let count = 0
  const waiting = new Set<() => void>()
  return {
    count: () => count,
    ring: () => {
      count++
      for (const wake of waiting) wake()
    },
    after: (seen) =>
      Effect.async<void>((resume) => {
        const wake = () => {
          waiting.delete(wake)
          resume(Effect.void)
        }
        if (count > seen) return wake()
        waiting.add(wake)
        return Effect.sync(() => waiting.delete(wake))
      })
  }
}
