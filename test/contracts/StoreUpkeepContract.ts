import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, TestClock } from "effect"
import { dayMillis } from "../../src/domain/RetentionConfig.js"
import { Store } from "../../src/services/Store.js"
import { accepted, apply, current, nextId, someRequest } from "../support/SomeTask.js"

const log = (text: string) => ({ entries: [{ log: text }] })

/** A settled task with something in every table. */
const settled = Effect.fnUntraced(function* (text = "one line\n", key?: string) {
  const store = yield* Store
  const { task } = yield* store.create({
    id: yield* nextId,
    request: someRequest(),
    principal: "user:ann",
    quotas: [{ rule: "r", perHour: 100 }],
    ...(key === undefined ? {} : { idempotency: { key, fingerprint: "f" } })
  })
  yield* apply(task, { transition: "start", resources: [{ key: "a", kind: "k", ref: {}, state: "created" }] })
  yield* apply(task, { ...log(text), artifacts: [{ uri: "u", kind: "k" }] })
  yield* apply(task, { transition: "fail", error: { code: "c", message: "m" } })
  return yield* apply(task, { settled: true, resources: [{ key: "a", kind: "k", ref: {}, state: "gone" }] })
})

const wholeLog = (id: Parameters<(typeof Store.Service)["log"]>[0]) =>
  Effect.flatMap(Store, (store) =>
    Effect.gen(function* () {
      let [text, cursor] = ["", 0]
      for (;;) {
        const page = yield* store.log(id, { cursor, limit: 5_000 })
        if (page.nextCursor === cursor) return text
        text += page.data
        cursor = page.nextCursor
      }
    })
  )

export const storeUpkeepContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store upkeep (${name})`, () => {
    const check = <E>(claim: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claim, () => Effect.provide(body(), layer))

    check("gives a name to one of many who ask at once, and to the next when its time is over", () =>
      Effect.gen(function* () {
        const { upkeep } = yield* Store
        yield* TestClock.setTime(1_000)
        const asked = yield* Effect.forEach(["a", "b", "c", "d"], (owner) => upkeep.reserve("sweep", owner, 2_000), {
          concurrency: "unbounded"
        })
        assert.lengthOf(asked.filter(Boolean), 1)
        const holder = ["a", "b", "c", "d"][asked.indexOf(true)] ?? ""
        assert.isTrue(yield* upkeep.reserve("sweep", holder, 3_000))
        assert.isTrue(yield* upkeep.reserve("other", "z", 3_000))
        assert.isFalse(yield* upkeep.reserve("sweep", "z", 9_000))
        yield* TestClock.setTime(3_000)
        assert.isTrue(yield* upkeep.reserve("sweep", "z", 9_000))
        assert.isFalse(yield* upkeep.reserve("sweep", holder, 9_000))
      })
    )

    check("says since when a finding is known, and forgets one that was not found again", () =>
      Effect.gen(function* () {
        const { upkeep } = yield* Store
        const note = (at: number, ...keys: ReadonlyArray<string>) =>
          Effect.zipRight(
            TestClock.setTime(at),
            Effect.map(upkeep.note(keys), (known) => [...known].sort())
          )
        assert.deepStrictEqual(yield* note(1_000, "a", "b", "'; DROP TABLE tasks; --"), [])
        assert.deepStrictEqual(yield* note(2_000, "a", "c"), [["a", 1_000]])
        assert.deepStrictEqual(yield* note(3_000, "a", "b", "c"), [
          ["a", 1_000],
          ["c", 2_000]
        ])
        assert.deepStrictEqual(yield* note(4_000), [])
        assert.deepStrictEqual(yield* note(5_000, "a"), [])
      })
    )

    check("tells of unsettled tasks who drives them and when they are due", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* TestClock.setTime(1_000)
        yield* settled()
        const free = yield* accepted()
        yield* apply(free, { transition: "start", dueAt: 77_000 })
        yield* store.renew("me", 50_000)
        yield* TestClock.setTime(2_000)
        const owned = yield* accepted()
        yield* store.claim({ owner: "me", limit: 1, only: owned.id, capacity: () => 9 })
        const loose = yield* store.upkeep.loose(10)
        assert.deepStrictEqual(loose, [
          { task: yield* current(free), dueAt: 77_000 },
          { task: yield* current(owned), dueAt: 0, owner: "me", leaseUntil: 50_000 }
        ])
        assert.lengthOf(yield* store.upkeep.loose(1), 1)
      })
    )

    check("forgets a settled task as a whole, says what it was, and runs nothing again for its key", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* TestClock.setTime(10_000)
        const task = yield* settled("x", "nightly")
        const stays = yield* settled("y", "other")
        yield* TestClock.setTime(20_000)
        assert.isTrue(yield* store.upkeep.forget(task, "/exports/it.jsonl"))
        assert.isFalse(yield* store.upkeep.forget(task, "/exports/it.jsonl"))
        const expired = {
          status: "failed",
          endedAt: 10_000,
          deletedAt: 20_000,
          principal: "user:ann",
          export: "/exports/it.jsonl"
        } as const
        const error = yield* Effect.flip(store.find(task.id))
        assert.deepInclude(error, { _tag: "TaskNotFound", expired })
        assert.match(error.message, /has expired.*failed.*\/exports\/it\.jsonl/)
        for (const what of ["artifacts", "resources", "questions"] as const)
          assert.deepStrictEqual(yield* store[what](task.id), [])
        assert.deepStrictEqual(yield* store.events(task.id, { afterRevision: 0, limit: 9 }), [])
        assert.lengthOf((yield* store.list({ limit: 9 })).tasks, 1)

        const again = (fingerprint: string) =>
          Effect.flatMap(nextId, (id) =>
            store.create({ id, request: someRequest(), idempotency: { key: "nightly", fingerprint } })
          )
        const refused = yield* Effect.flip(again("f"))
        assert.deepInclude(refused, { _tag: "IdempotencyConflict", taskId: task.id, expired })
        assert.notProperty(yield* Effect.flip(again("another")), "export")
        assert.lengthOf((yield* store.list({ limit: 9 })).tasks, 1)
        assert.strictEqual(yield* wholeLog(stays.id), "y")
        const standings = yield* store.upkeep.standings([task.id, stays.id, "task_unknown"])
        assert.strictEqual(standings.size, 2)
        assert.deepStrictEqual(standings.get(task.id), { is: "deleted", since: 20_000, exported: true })
        assert.deepStrictEqual(standings.get(stays.id), { is: "settled", since: 10_000 })

        yield* TestClock.setTime(20_001 + 365 * dayMillis)
        assert.isTrue(yield* store.upkeep.forget(stays, undefined))
        assert.isUndefined(
          yield* Effect.map(Effect.flip(store.find(task.id)), (found) => "expired" in found && found.expired)
        )
        assert.isFalse((yield* again("f")).existed)
      })
    )

    check("forgets nothing that is not settled, or has changed since it was looked at", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const open = yield* accepted()
        assert.isFalse(yield* store.upkeep.forget(open, undefined))
        const task = yield* settled()
        yield* apply(task, log("one more line"))
        assert.isFalse(yield* store.upkeep.forget(task, undefined))
        assert.strictEqual(yield* wholeLog(task.id), "one line\none more line")
      })
    )

    check("finds what ended long ago, oldest first, but not what a listener still has to hear", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* TestClock.setTime(10_000)
        const first = yield* settled()
        yield* TestClock.setTime(20_000)
        const second = yield* settled()
        yield* accepted()
        const ended = (before: number, listeningSince = 50_000) =>
          Effect.map(store.upkeep.ended({ before, listeningSince, limit: 9 }), (tasks) => tasks.map(({ id }) => id))
        assert.deepStrictEqual(yield* ended(20_000), [first.id])
        assert.deepStrictEqual(yield* ended(20_001), [first.id, second.id])
        yield* store.hear("client", 15_000)
        assert.deepStrictEqual(yield* ended(20_001), [first.id, second.id], "it has been silent for long")
        assert.deepStrictEqual(yield* ended(20_001, 12_000), [first.id])
      })
    )

    check("weighs all records, and those of settled tasks", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const heavy = yield* settled("🧪".repeat(10_000))
        const light = yield* settled("x")
        const open = yield* accepted()
        yield* apply(open, log("z".repeat(30_000)))
        const { oldest, total } = yield* store.upkeep.weights({ before: 1, listeningSince: 0, limit: 9 })
        assert.deepStrictEqual(
          oldest.map(({ id }) => id),
          [heavy.id, light.id]
        )
        const [first, second] = oldest.map(({ bytes }) => bytes)
        assert.isAbove(first ?? 0, 40_000)
        assert.isBelow(second ?? 0, 5_000)
        assert.isAbove(total, 70_000)
      })
    )

    check("keeps a long log's beginning and end, says what is missing, and pages through it as before", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const text = Array.from({ length: 40_000 }, (_, index) => `line ${index} 🧪\n`).join("")
        const bytes = new TextEncoder().encode(text).length
        const task = yield* settled(text)
        const short = yield* settled("short")
        const most = 200_000
        assert.deepStrictEqual(yield* store.upkeep.longLogs({ before: 1, bytes: most, limit: 9 }), [
          { id: task.id, bytes }
        ])
        const cut = yield* store.upkeep.cutLog(task.id, most)
        const left = yield* wholeLog(task.id)
        assert.isAtMost(new TextEncoder().encode(left).length, most)
        assert.strictEqual((yield* store.find(task.id)).logLength, left.length)
        const note = /\n\[(\d+) bytes of this log, its characters (\d+) to (\d+), were deleted at [^\]]*\]\n/.exec(left)
        assert.strictEqual(Number(note?.[1]), cut)
        assert.strictEqual(text.slice(0, Number(note?.[2])), left.slice(0, note?.index))
        assert.strictEqual(text.slice(Number(note?.[3])), left.slice((note?.index ?? 0) + (note?.[0].length ?? 0)))
        assert.isAbove(left.length, most / 4)
        assert.strictEqual(yield* store.upkeep.cutLog(task.id, most), 0)
        assert.strictEqual(yield* store.upkeep.cutLog(short.id, most), 0)
        yield* apply(task, log("told after the cut\n"))
        assert.strictEqual(yield* wholeLog(task.id), `${left}told after the cut\n`)
        const open = yield* accepted()
        yield* apply(open, log(text))
        assert.strictEqual(yield* store.upkeep.cutLog(open.id, most), 0)
      })
    )
  })
