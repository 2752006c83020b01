import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { config, kill, work } from "./support/CrashScene.js"
import { tally, verdict } from "./support/CrashVerdict.js"
import { callOf, greeted } from "./support/RawServer.js"
import { place, refusalOf } from "./support/Server.js"
import { note, rowsAt, takenOver } from "./support/TaskRows.js"
import { stoppedInTransaction } from "./support/WriteLock.js"
import * as Bench from "./support/Workbench.js"

const leaseMillis = 5_000

/** While a stopped process holds the lock of the one database nobody can write, and nothing but its end or its waking can change that. */
describe("a server that is stopped in the middle of a transaction", () => {
  it.scopedLive(
    "leaves others that can read and say in time that they cannot write; once it is killed they take its work over, each once",
    () =>
      Effect.gen(function* () {
        const at = yield* place
        const sleeper = yield* greeted(at, { config })
        const other = yield* greeted(at, { config })
        const rows = yield* rowsAt(at)
        yield* Effect.replicateEffect(Bench.dispatched(callOf(sleeper), work(at, 2)), 3, { concurrency: 3 })
        const busy = Effect.forever(Bench.dispatched(callOf(sleeper), work(at)))
        const dispatching = yield* Effect.forkScoped(busy)
        yield* stoppedInTransaction(at, Effect.succeed(sleeper.pid))
        yield* Fiber.interruptFork(dispatching)

        const from = performance.now()
        assert.isFalse((yield* callOf(other)("list_tasks", { limit: 1 })).isError)
        const read = performance.now() - from
        assert.match(refusalOf(yield* callOf(other)("dispatch_task", work(at))), /^store\.busy: .*try again/)
        const refused = performance.now() - from
        assert.isBelow(read, 2_000)
        assert.isBelow(refused, 25_000)

        const before = yield* rows.tasks
        kill(sleeper.pid)
        const died = performance.now()
        yield* sleeper.ended
        const taken = yield* takenOver(rows, before, died)
        const judged = yield* verdict(at, rows, [other.pid])
        yield* note(
          `stopped in a transaction: a read took ${read.toFixed(0)} ms, a refusal ${(refused / 1_000).toFixed(1)} s; its tasks had another server ${(taken / 1_000).toFixed(1)} s after its death; ${tally(judged)}`
        )
        assert.isAtLeast(judged.length, 3)
        for (const { code, status } of judged) assert.strictEqual(status, "succeeded", code)
        assert.isBelow(taken, leaseMillis + 10_000)
      }),
    120_000
  )
})
