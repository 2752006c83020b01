import { randomUUID } from "node:crypto"
import { Clock, Effect } from "effect"

/** This life of the process; minted by the first request, because a snapshot of the fresh process has many lives. */
export interface Boot {
  readonly boot: string
  readonly bootAgeMs: number
}

export const makeBoot = (): Effect.Effect<Boot> => {
  let minted: { readonly id: string; readonly at: number } | undefined
  return Effect.map(Clock.currentTimeMillis, (now) => {
    minted ??= { id: randomUUID({ disableEntropyCache: true }), at: now }
    return { boot: minted.id, bootAgeMs: Math.max(0, now - minted.at) }
  })
}
