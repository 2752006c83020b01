import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, type Layer, TestClock } from "effect"
import type { Transition } from "../../src/domain/Lifecycle.js"
import { type NewTask, type Quota, Store } from "../../src/services/Store.js"
import { apply, nextId, someRequest } from "../support/SomeTask.js"

const create = (quota: Quota, more: Partial<NewTask> = {}) =>
  Effect.gen(function* () {
    const store = yield* Store
    const { task } = yield* store.create({ id: yield* nextId, request: someRequest(), quotas: [quota], ...more })
    return task
  })

const use = (rule: string) => Effect.flatMap(Store, (store) => store.quotaUse(rule))
const count = Effect.flatMap(Store, (store) => Effect.map(store.list({ limit: 100 }), ({ tasks }) => tasks.length))

const roadsToAnEnd: ReadonlyArray<ReadonlyArray<Transition>> = [["fail"], ["cancel"], ["start", "cancel", "stopped"]]

/** What every store promises of quotas, of other names and of whose a task is. */
export const storeQuotaContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store quotas (${name})`, () => {
    const check = <E>(claim: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claim, () => Effect.provide(body(), layer))

    check("take so many an hour and say when there is room again; the hour moves on with the clock", () =>
      Effect.gen(function* () {
        const quota = { rule: "r", perHour: 2 }
        yield* TestClock.setTime(10_000_000)
        yield* create(quota)
        yield* TestClock.adjust("10 minutes")
        yield* create(quota)
        const error = yield* Effect.flip(create(quota))
        assert.strictEqual(error._tag, "QuotaReached")
        assert.deepInclude(error, { rule: "r", limit: "perHour", allowed: 2, retryAt: 10_000_000 + 3_600_000 })
        assert.deepStrictEqual(yield* use("r"), { lastHour: 2, unfinished: 2 })
        yield* TestClock.adjust("49 minutes")
        yield* Effect.flip(create(quota))
        yield* TestClock.adjust("1 minute")
        yield* create(quota)
        yield* Effect.flip(create(quota))
        assert.strictEqual(yield* count, 3)
        assert.deepStrictEqual(yield* use("r"), { lastHour: 2, unfinished: 3 })
      })
    )

    check("say when there is room also after a limit was lowered below what is used", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(10_000_000)
        for (let minute = 0; minute < 3; minute++) {
          yield* create({ rule: "r", perHour: 9 })
          yield* TestClock.adjust("1 minute")
        }
        const error = yield* Effect.flip(create({ rule: "r", perHour: 1 }))
        assert.deepInclude(error, { retryAt: 10_000_000 + 2 * 60_000 + 3_600_000 })
      })
    )

    for (const road of roadsToAnEnd) {
      check(`count a task as unfinished until its end by ${road.join(", ")}`, () =>
        Effect.gen(function* () {
          const quota = { rule: "r", concurrent: 1 }
          let task = yield* create(quota)
          for (const transition of road) {
            assert.strictEqual((yield* Effect.flip(create(quota)))._tag, "QuotaReached")
            task = yield* apply(task, { transition })
          }
          assert.deepStrictEqual(yield* use("r"), { lastHour: 1, unfinished: 0 })
          yield* create(quota)
        })
      )
    }

    check("count a call that repeats an earlier one once, and let it through when they are used up", () =>
      Effect.gen(function* () {
        const quota = { rule: "r", perHour: 1, concurrent: 1 }
        const idempotency = { key: "k", fingerprint: "f" }
        const first = yield* create(quota, { idempotency })
        assert.deepStrictEqual(yield* create(quota, { idempotency }), first)
        assert.deepStrictEqual(yield* use("r"), { lastHour: 1, unfinished: 1 })
        assert.strictEqual((yield* Effect.flip(create(quota)))._tag, "QuotaReached")
      })
    )

    check("leave nothing behind of a creation they refuse", () =>
      Effect.gen(function* () {
        const both = [
          { rule: "open", perHour: 5 },
          { rule: "shut", concurrent: 0 }
        ]
        const idempotency = { key: "k", fingerprint: "f" }
        yield* Effect.flip(create({ rule: "unused" }, { quotas: both, idempotency, alias: "dsp-1" }))
        assert.strictEqual(yield* count, 0)
        assert.deepStrictEqual(yield* use("open"), { lastHour: 0, unfinished: 0 })
        yield* create({ rule: "open", perHour: 5 }, { idempotency, alias: "dsp-1" })
      })
    )

    check("count each rule by itself, whatever it is called", () =>
      Effect.gen(function* () {
        const names = ["r", "R", "r ", "__proto__", "constructor", "'; DROP TABLE tasks; --"]
        for (const rule of names) yield* create({ rule, perHour: 1 })
        for (const rule of names) {
          assert.deepStrictEqual(yield* use(rule), { lastHour: 1, unfinished: 1 }, rule)
          yield* Effect.flip(create({ rule, perHour: 1 }))
        }
        assert.deepStrictEqual(yield* use("toString"), { lastHour: 0, unfinished: 0 })
      })
    )

    check("never let more in than they allow when many come at once", () =>
      Effect.gen(function* () {
        const answers = yield* Effect.forEach(
          Array.from({ length: 20 }),
          () => Effect.either(create({ rule: "r", perHour: 7, concurrent: 5 })),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          answers.filter(({ _tag }) => _tag === "Right"),
          5
        )
      })
    )

    check("agree with a simple count, whatever is created and ended when", () =>
      Effect.gen(function* () {
        const steps = FastCheck.sample(FastCheck.record({ wait: FastCheck.nat(40), end: FastCheck.boolean() }), {
          numRuns: 60,
          seed: 7
        })
        const quota = { rule: "r", perHour: 4, concurrent: 3 }
        const times: Array<number> = []
        const living: Array<{ readonly id: NewTask["id"] }> = []
        let now = 50_000_000
        for (const { end, wait } of steps) {
          now += wait * 60_000
          yield* TestClock.setTime(now)
          const oldest = end ? living.shift() : undefined
          if (oldest !== undefined) yield* apply(oldest, { transition: "cancel" })
          const room = times.filter((at) => at > now - 3_600_000).length < 4 && living.length < 3
          const answer = yield* Effect.either(create(quota))
          assert.strictEqual(answer._tag === "Right", room)
          if (answer._tag === "Left") continue
          times.push(now)
          living.push(answer.right)
        }
      })
    )

    check("are kept beside another name of the task and whose it is", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* create({ rule: "r", perHour: 1 }, { alias: "dsp-0123456789abcdef", principal: "user:ann" })
        assert.deepInclude(task, { alias: "dsp-0123456789abcdef", principal: "user:ann" })
        assert.deepStrictEqual(yield* store.find(task.id), task)
        assert.strictEqual(yield* store.resolve("dsp-0123456789abcdef"), task.id)
        for (const alias of ["dsp-0123456789ABCDEF", "dsp-", "", "__proto__", task.id]) {
          const error = yield* Effect.flip(store.resolve(alias))
          assert.strictEqual(error._tag, "TaskNotFound", alias)
        }
      })
    )

    check("let no second task have an alias that is taken", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const first = yield* create({ rule: "r" }, { alias: "dsp-1" })
        const error = yield* Effect.flip(create({ rule: "r" }, { alias: "dsp-1" }))
        assert.strictEqual(error._tag, "StoreFailed")
        assert.strictEqual(yield* store.resolve("dsp-1"), first.id)
        assert.strictEqual(yield* count, 1)
      })
    )
  })
