import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, FastCheck, Logger, Option, TestClock } from "effect"
import { ClockApart, differenceOf, judge, leaseMillis, problem, tolerated } from "../src/domain/ClockDifference.js"
import { Store } from "../src/services/Store.js"
import { core, find, reaches, spawned, startProcess } from "./fakes/CoreFixture.js"
import { ranWith } from "./support/HttpServer.js"
import { cluster } from "./support/Postgres.js"
import { rawServer, runOnce } from "./support/RawServer.js"
import { eventually, place, written } from "./support/Server.js"
import { skewedClock } from "./chaos/Clock.js"
import * as Bench from "./support/Workbench.js"

const { database } = cluster()

const way = FastCheck.integer({ min: 0, max: 20_000 })
const skews = FastCheck.integer({ min: -60_000, max: 60_000 })

/** What is read of clocks that are `skew` apart while the question and the answer take their time. */
const readingOf = (skew: number, there: number, back: number) =>
  differenceOf({ asked: 1e12 + skew, answered: 1e12 + skew + there + back, theirs: 1e12 + there })

describe("the difference of two clocks", () => {
  it("is never further from the truth than it says", () => {
    FastCheck.assert(
      FastCheck.property(skews, way, way, (skew, there, back) => {
        const { ahead, within } = readingOf(skew, there, back)
        return Math.abs(ahead - skew) <= within
      })
    )
  })

  it("is no reason to refuse or to warn while it may be small, and always is when the answer is quick", () => {
    FastCheck.assert(
      FastCheck.property(skews, way, way, (skew, there, back) => {
        const verdict = judge(readingOf(skew, there, back))
        if (Math.abs(skew) <= tolerated) assert.strictEqual(verdict, "agrees")
        if (Math.abs(skew) <= leaseMillis) assert.notStrictEqual(verdict, "apart")
        if (Math.abs(skew) > leaseMillis + there + back) assert.strictEqual(verdict, "apart")
        if (Math.abs(skew) > tolerated + there + back) assert.notStrictEqual(verdict, "agrees")
      })
    )
  })

  it("is told with its figure, its direction and what to do", () => {
    assert.isUndefined(problem({ ahead: 1_250, within: 0 }))
    assert.match(problem({ ahead: -1_251, within: 0 }) ?? "", /1\.25 s behind the database's.*1\.25 s is the most.*NTP/)
    const apart = new ClockApart({ ahead: 6_000, within: 1 })
    assert.match(apart.message, /^clock\.apart: .*6\.00 s ahead of the database's.*5 s of a lease.*NTP/)
  })
})

/** A process whose store is where the clock shows something else. */
const besides = (behind: { millis: number }) =>
  Effect.updateService(startProcess(), Store, (store) => ({
    ...store,
    timeThere: Effect.map(Clock.currentTimeMillis, (now) => Option.some(now - behind.millis))
  }))

describe("a scheduler whose clock is wrong", () => {
  it.scoped("takes no task while it is by more than a lease, and warns once", () => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel.label === "WARN") warnings.push(String(message))
    })
    return Effect.gen(function* () {
      const behind = { millis: 6_000 }
      yield* besides(behind)
      const id = yield* spawned("once")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* find(id)).epoch, 0)
      behind.millis = 2_000
      yield* TestClock.adjust("130 seconds")
      yield* reaches(id, "succeeded")
      assert.lengthOf(warnings, 2)
      assert.match(warnings[0] ?? "", /6\.00 s ahead.*takes none/)
      assert.match(warnings[1] ?? "", /2\.00 s ahead.*most that does no harm/)
    }).pipe(Effect.provide(core()), Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})

describe("a server whose clock is wrong", () => {
  it.scopedLive(
    "begins with a warning, or not at all, and doctor says what to mend",
    () =>
      Effect.gen(function* () {
        const url = yield* database
        const at = yield* place
        const config = { ...Bench.workbench(), store: { kind: "postgres", url } }
        const environment = (ahead: number) => ({ NODE_OPTIONS: skewedClock(at, ahead).option })
        const path = written(at, "clocks.json", JSON.stringify(config))
        const doctor = (ahead: number) => ranWith(at, environment(ahead), "doctor", "--config", path)

        const right = yield* doctor(0)
        assert.match(right.stdout, /ok {3}clock: this machine's clock is 0\.\d\d s (behind|ahead of) the database's/)
        const slow = yield* doctor(-2_500)
        assert.strictEqual(slow.code, 1)
        assert.match(slow.stdout, /FAIL clock: this machine's clock is 2\.\d\d s behind the database's.*NTP/)

        const warned = yield* rawServer(at, { config, env: environment(2_500) })
        const told = yield* eventually(
          Effect.sync(() => (warned.stderr().includes("clock: ") ? warned.stderr() : undefined))
        )
        assert.match(told, /clock is 2\.\d\d s ahead of the database's/)
        yield* warned.hangUp
        yield* warned.ended
        assert.lengthOf(warned.stderr().split("clock: "), 2)

        for (const [ahead, said] of [
          [60_000, "ahead of"],
          [-60_000, "behind"]
        ] as const) {
          const refused = yield* runOnce(at, [], { config, env: environment(ahead) })
          assert.strictEqual(refused.code, 2)
          assert.include(refused.stderr, "clock.apart: this machine's clock is")
          assert.include(refused.stderr, said)
        }
        const served = yield* ranWith(at, environment(60_000), "serve", "--http", "--config", path, "--port", "0")
        assert.strictEqual(served.code, 2)
        assert.include(served.stderr, "clock.apart: this machine's clock is")
      }),
    60_000
  )
})
