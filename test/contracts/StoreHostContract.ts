import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, TestClock } from "effect"
import { Store } from "../../src/services/Store.js"
import { alive, claim, idsOf } from "../support/Claims.js"
import { apply, current, nextId, someRequest } from "../support/SomeTask.js"

/** Whose tasks are done where. */
export const storeHostContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store claims on several machines (${name})`, () => {
    const check = <E>(claims: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claims, () => Effect.provide(body(), layer))

    check(
      "leaves tasks that live on another machine to that one, queued or under way, also when asked for one alone",
      () =>
        Effect.gen(function* () {
          const store = yield* Store
          yield* Effect.all([alive("a"), alive("b")])
          const on = (host: string | undefined) =>
            Effect.flatMap(nextId, (id) =>
              Effect.map(store.create({ id, request: someRequest(), host }), ({ task }) => task)
            )
          const [queued, running, anywhere] = [yield* on("one"), yield* on("one"), yield* on(undefined)]
          yield* apply(running, { transition: "start" })
          assert.strictEqual((yield* current(queued)).host, "one")
          assert.deepStrictEqual(yield* claim("b", { host: "other", only: queued.id }), [])
          assert.deepStrictEqual(yield* claim("b", { host: "other", only: running.id }), [])
          assert.deepStrictEqual(idsOf(yield* claim("b", { host: "other" })), [anywhere.id])
          assert.deepStrictEqual(idsOf(yield* claim("a", { host: "one", limit: 1 })), [running.id])
          yield* store.release("a")
          yield* Effect.all([store.renew("a", 0), store.renew("b", 0), alive("c")])
          assert.deepStrictEqual(idsOf(yield* claim("c")), [running.id, queued.id, anywhere.id])
        })
    )

    check("gives each machine the room of a backend whose work it does itself, and counts nobody else's", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* Effect.all([alive("a"), alive("b")])
        const on = (host: string | undefined) =>
          Effect.flatMap(nextId, (id) => Effect.as(store.create({ id, request: someRequest(), host }), id))
        const mine = yield* Effect.all([on("one"), on("one"), on("one")])
        const theirs = yield* Effect.all([on("other"), on("other")])
        const two = { capacity: () => 2 }
        assert.deepStrictEqual(idsOf(yield* claim("a", { host: "one", ...two })), mine.slice(0, 2))
        assert.deepStrictEqual(idsOf(yield* claim("b", { host: "other", ...two })), theirs)
        for (const id of theirs) yield* apply({ id }, { transition: "start" })
        const waiting = Option.getOrThrow(yield* store.queue(mine[2] ?? assert.fail("three were made")))
        assert.deepStrictEqual([waiting.ahead, waiting.underWay], [2, 0])
        yield* on(undefined)
        assert.deepStrictEqual(yield* claim("a", { host: "one", ...two }), [])
      })
    )

    check("lets any machine fail a queued task whose own is not there in time", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* alive("b")
        const id = yield* nextId
        yield* store.create({ id, request: someRequest({ terms: { queueSeconds: 5 } }), host: "one" })
        assert.deepStrictEqual(yield* claim("b", { host: "other" }), [])
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(idsOf(yield* claim("b", { host: "other" })), [id])
      })
    )
  })
