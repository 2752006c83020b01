import { Effect } from "effect"
import type { Place } from "../support/Server.js"
import { rowsAt, takenOver } from "../support/TaskRows.js"
import * as Bench from "../support/Workbench.js"
import { eventually } from "../support/Server.js"
import { compared, type Row } from "./Table.js"
import { connect } from "./Wire.js"

const tasks = 100
const leaseMillis = 5_000

/** How long after the death of its server a hundred running tasks have another one. */
export const recovery = async (at: Place): Promise<ReadonlyArray<Row>> => {
  const config = Bench.workbench({ maxConcurrent: tasks, graceSeconds: 0 })
  const first = await connect(at, { config })
  for (let task = 0; task < tasks; task++) await first.call("dispatch_task", Bench.shell("sleep 600"))
  return Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const rows = yield* rowsAt(at)
        yield* eventually(Effect.map(rows.count("running"), (count) => (count === tasks ? true : undefined)))
        const before = yield* rows.tasks
        yield* Effect.promise(first.kill)
        const from = performance.now()
        const next = yield* Effect.promise(() => connect(at, { config }))
        const taken = yield* takenOver(rows, before, from)
        yield* Effect.promise(next.kill)
        return [compared("100 running tasks have a new server", taken, leaseMillis, "ms", "lease")]
      })
    )
  )
}
