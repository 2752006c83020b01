import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, TestClock } from "effect"
import type { Task } from "../../src/domain/Task.js"
import { type ClaimRequest, Store } from "../../src/services/Store.js"
import { accepted, current } from "../support/SomeTask.js"

const idsOf = (tasks: ReadonlyArray<Task>) => tasks.map(({ id }) => id)

const claim = (owner: string, request: Partial<ClaimRequest> = {}) =>
  Effect.flatMap(Store, (store) => store.claim({ owner, limit: 100, capacity: () => 100, ...request }))

/** Lives for ten seconds from now. */
const alive = (owner: string) =>
  Effect.flatMap(Store, (store) =>
    Effect.flatMap(TestClock.currentTimeMillis, (now) => store.renew(owner, now + 10_000))
  )

/** Whose turn it is, where claimants agree beforehand on who takes what. */
export const storeTurnContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store claims in turn (${name})`, () => {
    const check = <E>(claims: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claims, () => Effect.provide(body(), layer))

    check("leaves what is not the claimant's to others, and its room too", () =>
      Effect.gen(function* () {
        yield* Effect.all([alive("a"), alive("b")])
        const tasks = yield* Effect.replicateEffect(accepted(), 3)
        const [first, second, third] = tasks.map(({ id }) => id)
        const onlyFor = (wanted: string | undefined) => ({ mine: (id: string) => id === wanted, capacity: () => 2 })
        assert.deepStrictEqual(yield* claim("b", onlyFor(third)), [])
        assert.deepStrictEqual(yield* claim("b", { ...onlyFor(second), limit: 1, capacity: () => 9 }), [])
        assert.deepStrictEqual(idsOf(yield* claim("b", onlyFor(second))), [second])
        // One of two places is taken now, and the other is the first's.
        assert.deepStrictEqual(yield* claim("b", onlyFor(third)), [])
        assert.deepStrictEqual(idsOf(yield* claim("a", onlyFor(first))), [first])
        const epochs = yield* Effect.forEach(tasks, (task) => Effect.map(current(task), ({ epoch }) => epoch))
        assert.deepStrictEqual(epochs, [1, 1, 0])
      })
    )

    check("leaves what is not the claimant's also when it is under way, can only fail, or is asked for by name", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* Effect.all([alive("a"), alive("b")])
        const begun = yield* accepted()
        const [claimed] = yield* claim("a", { only: begun.id })
        if (claimed === undefined) return assert.fail("nothing was claimed")
        yield* store.commit(claimed, { transition: "start" })
        const ending = yield* accepted({ terms: { queueSeconds: 1 } })
        const queued = yield* accepted()
        yield* TestClock.adjust("11 seconds")
        yield* alive("b")
        const all = [begun, ending, queued].map(({ id }) => id)
        for (const only of [undefined, ...all])
          assert.deepStrictEqual(yield* claim("b", { mine: () => false, ...(only === undefined ? {} : { only }) }), [])
        const taken = yield* Effect.forEach(all, (wanted) => claim("b", { mine: (id) => id === wanted }))
        assert.deepStrictEqual(taken.map(idsOf), [[begun.id], [ending.id], [queued.id]])
      })
    )
  })
