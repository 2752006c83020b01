import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, type Scope } from "effect"
import {
  config,
  kill,
  type Moment,
  sight,
  signature,
  status,
  supervisors,
  supervisorsOf,
  work
} from "./support/CrashScene.js"
import { tally, verdict } from "./support/CrashVerdict.js"
import { callOf, greeted, type RawServer } from "./support/RawServer.js"
import { eventually, type Place, place } from "./support/Server.js"
import { isOver, note, rowsAt, type Rows, takenOver } from "./support/TaskRows.js"
import { writable } from "./support/WriteLock.js"
import * as Bench from "./support/Workbench.js"

/**
 * Stops a server at a moment when it holds no lock, for then nobody could take over. When all its work has passed the
 * moment unseen, there is `more` work.
 */
const stopped = (
  at: Place,
  server: RawServer,
  rows: Rows,
  seen: Moment,
  more: Effect.Effect<unknown, never, Scope.Scope>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const found = yield* Effect.timeoutOption(sight(seen(at, rows)), "6 seconds")
    if (Option.isNone(found)) yield* more
    else {
      yield* server.signal("SIGSTOP")
      if (yield* writable(at)) return
      yield* server.signal("SIGCONT")
    }
    yield* stopped(at, server, rows, seen, more)
  })

const moments: ReadonlyArray<readonly [string, Moment, number]> = [
  ["about to start work that is over when it wakes", status("starting"), 0.12],
  ["collecting from work that still runs when it wakes", signature("begin"), 2],
  ["writing down an end", status("completing"), 0.12]
]

describe.concurrent("a server that is stopped for longer than its lease and wakes again", () => {
  for (const [moment, seen, pauseSeconds] of moments) {
    it.scopedLive(
      `${moment}: its late writes are refused, nothing runs twice and no event is lost`,
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const sleeper = yield* greeted(at, { config })
          const rows = yield* rowsAt(at)
          const ask = Bench.dispatched(callOf(sleeper), work(at, pauseSeconds))
          const three = Effect.forkScoped(Effect.replicateEffect(ask, 3, { concurrency: 3 }))
          yield* three
          yield* stopped(at, sleeper, rows, seen, three)
          const before = yield* rows.tasks
          const from = performance.now()
          const other = yield* greeted(at, { config })
          const taken = yield* takenOver(rows, before, from)
          if (pauseSeconds < 1) {
            yield* sight(
              Effect.map(rows.tasks, (tasks) => (tasks.every((task) => task.settled === 1) ? true : undefined))
            )
          }
          kill(sleeper.pid, "SIGCONT")
          const late = yield* Bench.dispatched(callOf(sleeper), work(at))
          assert.strictEqual((yield* Bench.finished(callOf(sleeper), late)).status, "succeeded")
          const judged = yield* verdict(at, rows, [sleeper.pid, other.pid])
          yield* note(`stopped ${moment}: taken over in ${(taken / 1000).toFixed(1)} s; ${tally(judged)}`)
          for (const { code, status: ended } of judged) assert.strictEqual(ended, "succeeded", code)
          assert.isAbove(judged.length, 1)
          assert.isBelow(taken, 15_000)
        }),
      90_000
    )
  }
})

describe("a supervisor that is stopped before it has its claim and wakes after a takeover", () => {
  it.scopedLive(
    "finds the work of its task in other hands and runs nothing",
    () =>
      Effect.gen(function* () {
        const at = yield* place
        const server = yield* greeted(at, { config })
        const rows = yield* rowsAt(at)
        const caught: Effect.Effect<number, never, Scope.Scope> = Effect.gen(function* () {
          yield* Effect.forkScoped(Bench.dispatched(callOf(server), work(at)))
          const pid = yield* sight(Effect.sync(() => supervisorsOf(server.pid)[0]))
          kill(pid, "SIGSTOP")
          if (!supervisors(at).includes(pid)) return pid
          kill(pid, "SIGCONT")
          yield* eventually(Effect.map(rows.tasks, (tasks) => (tasks.every(isOver) ? true : undefined)))
          return yield* caught
        })
        const sleeper = yield* caught
        const before = yield* rows.tasks
        kill(server.pid)
        yield* server.ended
        const next = yield* greeted(at, { config })
        yield* takenOver(rows, before, performance.now())
        yield* eventually(Effect.map(rows.count("running"), (count) => (count > 0 ? true : undefined)))
        assert.isTrue(kill(sleeper, "SIGCONT"), "it was alive until now")
        const judged = yield* verdict(at, rows, [next.pid])
        for (const { code, status: ended } of judged) assert.strictEqual(ended, "succeeded", code)
      }),
    90_000
  )
})
