import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, TestClock } from "effect"
import type { RoutedRequest, Task } from "../../src/domain/Task.js"
import { type ClaimRequest, Store } from "../../src/services/Store.js"
import { accepted, apply, current, nextId, someRequest } from "../support/SomeTask.js"

const idsOf = (tasks: ReadonlyArray<Task>) => tasks.map(({ id }) => id)

const claim = (owner: string, request: Partial<ClaimRequest> = {}) =>
  Effect.flatMap(Store, (store) => store.claim({ owner, limit: 100, capacity: () => 100, ...request }))

/** Lives for ten seconds from now. */
const alive = (owner: string) =>
  Effect.flatMap(Store, (store) =>
    Effect.flatMap(TestClock.currentTimeMillis, (now) => store.renew(owner, now + 10_000))
  )

const roomOf = ({ details }: RoutedRequest) => (typeof details["room"] === "number" ? details["room"] : 0)

export const storeClaimContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store claims (${name})`, () => {
    const check = <E>(claims: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claims, () => Effect.provide(body(), layer))

    check("gives each task to one living owner, under a new epoch", () =>
      Effect.gen(function* () {
        yield* Effect.all([alive("a"), alive("b")])
        const task = yield* accepted()
        const claimed = yield* claim("a")
        assert.deepStrictEqual(claimed, [{ ...task, epoch: 1 }])
        assert.deepStrictEqual(yield* current(task), { ...task, epoch: 1 })
        assert.deepStrictEqual(yield* claim("b"), [])
        assert.deepStrictEqual(yield* claim("a"), [])
      })
    )

    check("fences off the earlier owner once the lease is over and another took the task", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* Effect.all([alive("a"), alive("b")])
        yield* accepted()
        const [first] = yield* claim("a")
        yield* TestClock.adjust("9999 millis")
        yield* alive("b")
        assert.deepStrictEqual(yield* claim("b"), [])
        yield* TestClock.adjust("1 millis")
        const [second] = yield* claim("b")
        if (first === undefined || second === undefined) return assert.fail("nothing was claimed")
        assert.strictEqual(second.id, first.id)
        assert.strictEqual(second.epoch, 2)
        const late = yield* Effect.flip(store.commit(first, { transition: "start" }))
        assert.strictEqual(late._tag, "TaskChanged")
        assert.strictEqual((yield* store.commit(second, { transition: "start" })).status, "starting")
      })
    )

    check("keeps the tasks of an owner that renews in time", () =>
      Effect.gen(function* () {
        yield* alive("a")
        yield* accepted()
        yield* claim("a")
        yield* TestClock.adjust("6 seconds")
        yield* alive("a")
        yield* TestClock.adjust("6 seconds")
        yield* alive("b")
        assert.deepStrictEqual(yield* claim("b"), [])
      })
    )

    check("never gives an owner its own tasks again, for it may be in the middle of starting one", () =>
      Effect.gen(function* () {
        yield* alive("a")
        yield* accepted()
        const [first] = yield* claim("a")
        if (first === undefined) return assert.fail("nothing was claimed")
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* claim("a"), [])
        const store = yield* Store
        assert.strictEqual((yield* store.commit(first, { transition: "start" })).status, "starting")
        yield* alive("b")
        assert.lengthOf(yield* claim("b"), 1)
      })
    )

    check("lets an owner's renewal to the past end its lease", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* TestClock.setTime(50_000)
        yield* Effect.all([alive("a"), alive("b")])
        yield* accepted()
        yield* claim("a")
        yield* store.renew("a", 0)
        assert.lengthOf(yield* claim("b"), 1)
      })
    )

    check("takes tasks under way before queued ones, each oldest first, at most as many as asked for", () =>
      Effect.gen(function* () {
        yield* alive("a")
        const queuedFirst = yield* accepted()
        const running = yield* accepted()
        const queuedLast = yield* accepted()
        const cleaning = yield* accepted()
        yield* apply(running, { transition: "start" })
        yield* apply(cleaning, { transition: "cancel" })
        assert.deepStrictEqual(idsOf(yield* claim("a", { limit: 0 })), [])
        assert.deepStrictEqual(idsOf(yield* claim("a", { limit: 1 })), [running.id])
        assert.deepStrictEqual(idsOf(yield* claim("a", { limit: 2 })), [cleaning.id, queuedFirst.id])
        assert.deepStrictEqual(idsOf(yield* claim("a")), [queuedLast.id])
      })
    )

    check("leaves settled tasks and tasks that are not due", () =>
      Effect.gen(function* () {
        yield* alive("a")
        const settled = yield* accepted()
        yield* apply(settled, { transition: "cancel", settled: true })
        const later = yield* accepted()
        yield* apply(later, { dueAt: 5_000 })
        const postponed = yield* accepted()
        yield* apply(postponed, { transition: "start", dueAt: 5_000 })
        assert.deepStrictEqual(yield* claim("a"), [])
        yield* TestClock.setTime(5_000)
        assert.deepStrictEqual(idsOf(yield* claim("a")), [postponed.id, later.id])
      })
    )

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

    check("fills each backend up to its room, counting everybody's tasks, oldest first over all backends", () =>
      Effect.gen(function* () {
        yield* Effect.all([alive("a"), alive("b")])
        const desk = (room: number) => accepted({ backend: "desk", details: { room } })
        const cloud = accepted({ backend: "cloud", details: { room: 1 } })
        const elsewhere = yield* desk(3)
        yield* claim("b", { capacity: () => 1 })
        yield* apply(elsewhere, { transition: "start" })
        const [cloudOne, deskOne, deskTwo, cloudTwo, deskThree] = [
          yield* cloud,
          yield* desk(3),
          yield* desk(3),
          yield* cloud,
          yield* desk(3)
        ]
        assert.deepStrictEqual(idsOf(yield* claim("a", { capacity: roomOf })), idsOf([cloudOne, deskOne, deskTwo]))
        assert.deepStrictEqual(yield* claim("b", { capacity: roomOf }), [])
        yield* apply(elsewhere, { transition: "cancel" })
        assert.deepStrictEqual(yield* claim("b", { capacity: roomOf }), [])
        yield* apply(elsewhere, { transition: "stopped" })
        yield* apply(cloudOne, { transition: "cancel", settled: true })
        assert.deepStrictEqual(idsOf(yield* claim("b", { capacity: roomOf })), idsOf([cloudTwo, deskThree]))
      })
    )

    check("lets no younger task overtake the oldest of its backend that finds no room", () =>
      Effect.gen(function* () {
        yield* alive("a")
        const rooms = [1, 2, 1, 9]
        const made = yield* Effect.forEach(rooms, (room) => accepted({ details: { room } }))
        assert.deepStrictEqual(idsOf(yield* claim("a", { capacity: roomOf })), idsOf(made.slice(0, 2)))
        yield* Effect.forEach(made.slice(0, 2), (task) => apply(task, { transition: "cancel" }))
        assert.deepStrictEqual(idsOf(yield* claim("a", { capacity: roomOf })), idsOf(made.slice(2)))
      })
    )

    check("takes over tasks under way even where no room is left", () =>
      Effect.gen(function* () {
        yield* alive("a")
        const tasks = yield* Effect.replicateEffect(accepted(), 3)
        yield* Effect.forEach(tasks, (task) => apply(task, { transition: "start" }))
        assert.deepStrictEqual(idsOf(yield* claim("a", { capacity: () => 0 })), idsOf(tasks))
      })
    )

    check("claims only the named task, if it is claimable", () =>
      Effect.gen(function* () {
        yield* Effect.all([alive("a"), alive("b")])
        const [first, second, third] = [yield* accepted(), yield* accepted(), yield* accepted()]
        yield* apply(third, { transition: "start" })
        assert.deepStrictEqual(idsOf(yield* claim("a", { only: second.id })), [second.id])
        assert.deepStrictEqual(yield* claim("b", { only: second.id }), [])
        assert.deepStrictEqual(idsOf(yield* claim("b", { only: third.id })), [third.id])
        assert.deepStrictEqual(yield* claim("b", { only: first.id, capacity: () => 2 }), [])
        assert.deepStrictEqual(idsOf(yield* claim("b", { only: first.id, capacity: () => 3 })), [first.id])
      })
    )

    check("gives back the named tasks or all, and only the owner's", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* Effect.all([alive("a"), alive("b")])
        const [first, second, third] = [yield* accepted(), yield* accepted(), yield* accepted()]
        yield* claim("a", { limit: 2 })
        yield* claim("b")
        yield* store.release("a", [])
        yield* store.release("a", [third.id])
        assert.deepStrictEqual(yield* claim("b"), [])
        yield* store.release("a", [first.id])
        assert.deepStrictEqual(idsOf(yield* claim("b")), [first.id])
        yield* store.release("b")
        assert.deepStrictEqual(idsOf(yield* claim("a")), [first.id, third.id])
        assert.strictEqual((yield* current(second)).epoch, 1)
      })
    )

    check("tells an owner which of its tasks somebody wants cancelled", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* Effect.all([alive("a"), alive("b")])
        const [first, second, third] = [yield* accepted(), yield* accepted(), yield* accepted()]
        yield* claim("a", { limit: 2 })
        yield* claim("b")
        yield* Effect.forEach([first, second, third], (task) => apply(task, { transition: "start" }))
        assert.deepStrictEqual(yield* store.wanted("a"), [])
        yield* Effect.forEach([second, third], (task) => apply(task, { transition: "cancel" }))
        assert.deepStrictEqual(yield* store.wanted("a"), [second.id])
        assert.deepStrictEqual(yield* store.wanted("b"), [third.id])
      })
    )

    check("names all tasks of an owner, until it gives them back", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const [first, second] = [yield* accepted(), yield* accepted()]
        yield* Effect.forEach(["a", "b"], alive)
        yield* claim("a", { limit: 2 })
        assert.deepStrictEqual(yield* store.owned("a"), [first.id, second.id])
        assert.deepStrictEqual(yield* store.owned("b"), [])
        yield* store.release("a", [first.id])
        assert.deepStrictEqual(yield* store.owned("a"), [second.id])
      })
    )

    check("shares a long queue among owners that claim at once, each task once", () =>
      Effect.gen(function* () {
        const tasks = yield* Effect.replicateEffect(accepted(), 60)
        const owners = ["a", "b", "c", "d"]
        yield* Effect.forEach(owners, alive)
        const claimed = yield* Effect.forEach(
          [...owners, ...owners],
          (owner) => claim(owner, { limit: 10, capacity: () => 55 }),
          { concurrency: "unbounded" }
        )
        const ids = claimed.flatMap(idsOf)
        assert.lengthOf(ids, 55)
        assert.deepStrictEqual([...ids].sort(), idsOf(tasks).slice(0, 55).sort())
      })
    )
  })
