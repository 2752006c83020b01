import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  config,
  file,
  kill,
  type Moment,
  sight,
  signature,
  status,
  stubborn,
  supervisors,
  supervisorsOf
} from "./support/CrashScene.js"
import { chased, tally, verdict } from "./support/CrashVerdict.js"
import { callOf, greeted } from "./support/RawServer.js"
import { place } from "./support/Server.js"
import { note, rowsAt } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

const seen: ReadonlyArray<readonly [string, Moment]> = [
  ["while it starts", status("starting")],
  ["while it runs", signature("begin")]
]
const reached: ReadonlyArray<readonly [string, Moment]> = [
  ["as soon as the wish is on disk", status("cancelling")],
  ["when the supervisor is told", file("cancel")]
]
const victims = ["the server", "the supervisor", "both"] as const

/** Every combination of what was being cancelled, how far that had come, and who is killed then. */
const cases = seen.flatMap(([phase, begun]) =>
  reached.flatMap(([step, told]) => victims.map((victim) => ({ phase, begun, step, told, victim })))
)

describe.concurrent("a cancel during which something is killed", () => {
  for (const { begun, phase, step, told, victim } of cases) {
    it.scopedLive(
      `is carried out: a task cancelled ${phase}, ${victim} killed ${step}`,
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const server = yield* greeted(at, { config })
          const rows = yield* rowsAt(at)
          const cancel = Effect.gen(function* () {
            yield* Effect.forkScoped(Bench.dispatched(callOf(server), stubborn(at)))
            yield* sight(begun(at, rows))
            const newest = (yield* rows.tasks).at(-1)
            yield* callOf(server)("cancel_task", { task_id: newest?.id ?? "" })
          })
          yield* chased(told(at, rows), cancel, rows)
          if (victim !== "the server") for (const pid of [...supervisorsOf(server.pid), ...supervisors(at)]) kill(pid)
          if (victim !== "the supervisor") {
            kill(server.pid)
            yield* server.ended
          }
          const from = performance.now()
          const left = victim === "the supervisor" ? server : yield* greeted(at, { config })
          const judged = yield* verdict(at, rows, [left.pid])
          const after = ((performance.now() - from) / 1000).toFixed(1)
          yield* note(`cancelled ${phase}, ${victim} killed ${step}: ${tally(judged)} after ${after} s`)
          for (const { code, status: ended } of judged) assert.strictEqual(ended, "cancelled", code)
          assert.strictEqual(left.stderr(), "")
        }),
      60_000
    )
  }
})
