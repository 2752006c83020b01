import { Effect, TestClock } from "effect"
import type { Task } from "../../src/domain/Task.js"
import { type ClaimRequest, Store } from "../../src/services/Store.js"

export const idsOf = (tasks: ReadonlyArray<Task>) => tasks.map(({ id }) => id)

export const claim = (owner: string, request: Partial<ClaimRequest> = {}) =>
  Effect.flatMap(Store, (store) => store.claim({ owner, limit: 100, capacity: () => 100, ...request }))

/** Lives for ten seconds from now. */
export const alive = (owner: string) =>
  Effect.flatMap(Store, (store) =>
    Effect.flatMap(TestClock.currentTimeMillis, (now) => store.renew(owner, now + 10_000))
  )
