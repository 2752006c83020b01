import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, TestClock } from "effect"
import type { Lineage, RoutedRequest, Task } from "../../src/domain/Task.js"
import { type ClaimRequest, Store } from "../../src/services/Store.js"
import { apply, nextId, someRequest } from "../support/SomeTask.js"

interface Given {
  readonly request?: Partial<RoutedRequest>
  readonly principal?: string
  readonly lineage?: Lineage
}

const made = Effect.fnUntraced(function* ({ request = {}, ...rest }: Given = {}) {
  const store = yield* Store
  return (yield* store.create({ id: yield* nextId, request: someRequest(request), ...rest })).task
})

const claimed = (request: Partial<ClaimRequest> = {}) =>
  Effect.gen(function* () {
    const store = yield* Store
    const now = yield* TestClock.currentTimeMillis
    yield* store.renew("owner", now + 1_000_000)
    const tasks = yield* store.claim({ owner: "owner", limit: 100, capacity: () => 100, ...request })
    return tasks.map(({ id }) => id)
  })

const idsOf = (tasks: ReadonlyArray<Pick<Task, "id">>) => tasks.map(({ id }) => id)

/** Who may leave the queue and when: limits, priorities, shares, deadlines, dependencies. */
export const storeAdmissionContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store admission (${name})`, () => {
    const check = <E>(claims: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claims, () => Effect.provide(body(), layer))

    check("lets higher priorities out first, and those that came together by turns with others", () =>
      Effect.gen(function* () {
        const group = { lineage: { group: "g" } }
        const fan = yield* Effect.replicateEffect(made(group), 3)
        const single = yield* made()
        const urgent = yield* made({ principal: "user:bob", request: { terms: { priority: 2 } } })
        const [first, second, third] = idsOf(fan)
        assert.deepStrictEqual(yield* claimed({ limit: 3 }), [urgent.id, first, single.id])
        assert.deepStrictEqual(yield* claimed(), [second, third])
      })
    )

    check("keeps to a limit over everything that is under way, whoever drives it", () =>
      Effect.gen(function* () {
        const most = (key: string) => (key === "principal:ann" ? 2 : key === "all" ? 3 : undefined)
        const ann = yield* Effect.replicateEffect(made({ principal: "ann" }), 3)
        const bob = yield* Effect.replicateEffect(made({ principal: "bob" }), 3)
        const first = yield* claimed({ most })
        assert.lengthOf(first, 3)
        assert.isAtMost(first.filter((id) => idsOf(ann).includes(id)).length, 2)
        assert.deepStrictEqual(yield* claimed({ most }), [])
        for (const id of first) yield* apply({ id }, { transition: "start" })
        assert.deepStrictEqual(yield* claimed({ most }), [])
        for (const id of first) yield* apply({ id }, { transition: "fail", settled: true })
        assert.lengthOf(yield* claimed({ most }), 3)
        assert.lengthOf(bob, 3)
      })
    )

    check("keeps to it also when an owner that was paused comes back to what it had claimed", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const one = { most: (key: string) => (key === "all" ? 1 : undefined) }
        const [early] = [yield* made(), yield* store.renew("paused", 10_000)]
        const [held] = yield* store.claim({ owner: "paused", limit: 9, capacity: () => 9, ...one })
        assert.strictEqual(held?.id, early.id)
        yield* TestClock.adjust("11 seconds")
        const urgent = yield* made({ request: { terms: { priority: 2 } } })
        assert.deepStrictEqual(yield* claimed(one), [urgent.id])
        const late = yield* Effect.flip(store.commit(held ?? early, { transition: "start" }))
        assert.strictEqual(late._tag, "TaskChanged")
        yield* apply(urgent, { transition: "fail", settled: true })
        assert.deepStrictEqual(yield* claimed(one), [early.id])
      })
    )

    check("hands over tasks whose queue time is over although there is no room, and no others", () =>
      Effect.gen(function* () {
        const late = yield* made({ request: { terms: { queueSeconds: 5 } } })
        yield* made()
        const none = { capacity: () => 0 }
        assert.deepStrictEqual(yield* claimed(none), [])
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* claimed(none), [late.id])
      })
    )

    check("holds a task back until everything it depends on has succeeded", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const [one, other] = [yield* made(), yield* made()]
        const last = yield* made({ lineage: { dependsOn: [one.id, other.id] } })
        assert.deepStrictEqual(last.lineage?.dependsOn, [one.id, other.id])
        assert.deepStrictEqual(yield* claimed(), [one.id, other.id])
        const end = Effect.fnUntraced(function* (task: Task) {
          yield* apply(task, { transition: "start" })
          yield* apply(task, { transition: "finish", outcome: { ok: true } })
          yield* apply(task, { transition: "succeed", settled: true })
        })
        yield* end(one)
        assert.deepStrictEqual(yield* claimed(), [])
        assert.deepStrictEqual(
          (yield* store.dependencies(last.id)).map(({ status }) => status),
          ["succeeded", "queued"]
        )
        yield* end(other)
        assert.deepStrictEqual(yield* claimed(), [last.id])
        const after = yield* made({ lineage: { dependsOn: [one.id] } })
        assert.deepStrictEqual(yield* claimed(), [after.id])
      })
    )

    check("hands over a task that can only fail because one it depends on did not succeed", () =>
      Effect.gen(function* () {
        const first = yield* made()
        yield* claimed()
        const waiting = yield* made({ lineage: { dependsOn: [first.id] } })
        yield* apply(first, { transition: "fail", settled: true })
        assert.deepStrictEqual(yield* claimed({ capacity: () => 0 }), [waiting.id])
        const late = yield* made({ lineage: { dependsOn: [first.id] } })
        assert.deepStrictEqual(yield* claimed({ capacity: () => 0 }), [late.id])
      })
    )

    check("creates all or none, each depending on those before it, and finds them by group and parent", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const parent = yield* made()
        const [a, b, c] = [yield* nextId, yield* nextId, yield* nextId]
        const lineage = { group: "g", parent: parent.id }
        const pair = [
          { id: a, request: someRequest(), lineage, idempotency: { key: "a", fingerprint: "1" } },
          { id: b, request: someRequest(), lineage: { ...lineage, dependsOn: [a] } }
        ]
        yield* store.createAll(pair)
        assert.deepStrictEqual(idsOf((yield* store.list({ group: "g", limit: 10 })).tasks), [b, a])
        assert.deepStrictEqual(idsOf((yield* store.list({ parent: parent.id, limit: 10 })).tasks), [b, a])
        const [known, renamed] = yield* store.createAll([
          { ...pair[0], id: c, request: someRequest(), idempotency: { key: "a", fingerprint: "1" } },
          { id: yield* nextId, request: someRequest(), lineage: { dependsOn: [c] } }
        ])
        assert.deepStrictEqual([known?.existed, known?.task.id, renamed?.task.lineage?.dependsOn], [true, a, [a]])
        const before = (yield* store.list({ limit: 100 })).tasks.length
        const unknown = yield* nextId
        for (const wrong of [{ dependsOn: [unknown] }, { parent: unknown }]) {
          const refused = yield* Effect.flip(
            store.createAll([
              { id: yield* nextId, request: someRequest(), idempotency: { key: "new", fingerprint: "1" } },
              { id: yield* nextId, request: someRequest(), lineage: wrong }
            ])
          )
          assert.strictEqual(refused._tag, "InvalidInput")
          assert.include(refused.message, unknown)
        }
        assert.lengthOf((yield* store.list({ limit: 100 })).tasks, before)
        yield* apply(parent, { transition: "cancel", settled: true })
        const late = yield* Effect.flip(
          store.create({ id: yield* nextId, request: someRequest(), lineage: { parent: parent.id } })
        )
        assert.include(late.message, "is cancelled")
      })
    )

    check("tells what a queued task has before it", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const done = yield* made()
        yield* TestClock.adjust("1 seconds")
        yield* apply(done, { transition: "start" })
        yield* TestClock.adjust("10 seconds")
        yield* apply(done, { transition: "fail", settled: true })
        yield* apply(yield* made(), { transition: "start" })
        yield* Effect.replicateEffect(made(), 2)
        yield* made({ request: { backend: "cloud" } })
        const own = yield* made()
        yield* made()
        yield* made({ request: { terms: { priority: 1 } } })
        assert.deepStrictEqual(yield* store.queue(own.id), Option.some({ ahead: 3, underWay: 1, lately: [10_000] }))
        assert.deepStrictEqual(yield* store.queue(done.id), Option.none())
      })
    )

    check("remembers when a task left the queue and when it first ran", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* made()
        yield* TestClock.setTime(1_000)
        yield* apply(task, { transition: "start" })
        yield* TestClock.setTime(2_000)
        yield* apply(task, { transition: "run", usage: { costUsd: 0.5 } })
        yield* TestClock.setTime(3_000)
        const stopping = { code: "run.expired", message: "too long" }
        yield* apply(task, { transition: "cancel", stopping })
        const found = yield* store.find(task.id)
        assert.deepStrictEqual(
          [found.admittedAt, found.startedAt, found.usage, found.stopping],
          [1_000, 2_000, { costUsd: 0.5 }, stopping]
        )
        const waiting = yield* made()
        assert.strictEqual((yield* apply(waiting, { waitingUntil: 9_000 })).waitingUntil, 9_000)
        assert.strictEqual((yield* store.find(waiting.id)).waitingUntil, 9_000)
        yield* apply(waiting, { transition: "start" })
        assert.isUndefined((yield* store.find(waiting.id)).waitingUntil)
      })
    )
  })
