import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { quantile } from "../bench/Table.js"
import { place } from "../support/Server.js"
import { grown, megabytes } from "./Flat.js"
import { soak } from "./Soak.js"
import type { Vitals } from "./Vitals.js"

const { values } = parseArgs({ options: { tasks: { type: "string", default: "20000" } } })
const tasks = Number(values.tasks)

const print = (text: string) => process.stdout.write(`${text}\n`)
const cells = (...texts: ReadonlyArray<string | number>) => texts.map((text) => String(text).padStart(12)).join("")
const row = ({ descriptors, heap, rss, state, tasks: done, wal }: Vitals) =>
  cells(done, megabytes(rss), megabytes(heap), descriptors, megabytes(state), megabytes(wal))

print(cells("tasks", "resident", "heap", "descriptors", "state", "wal"))
const soaked = await Effect.runPromise(
  Effect.scoped(
    Effect.flatMap(place, (at) =>
      soak(at, tasks, (seen) => {
        print(row(seen))
      })
    )
  )
)
const quarter = Math.ceil(tasks / 4)
print(`\n${cells("from task", "p50", "p95")}`)
for (let from = 0; from < tasks; from += quarter) {
  const some = soaked.latencies.slice(from, from + quarter)
  print(cells(from, `${quantile(some, 0.5).toFixed(1)} ms`, `${quantile(some, 0.95).toFixed(1)} ms`))
}
const [{ model } = { model: "an unknown processor" }] = cpus()
print(`\n${tasks} tasks in ${soaked.seconds.toFixed(0)} s, node ${process.version} on ${cpus().length} × ${model}`)
const problems = [...soaked.wrong.slice(0, 20), ...grown(soaked.seen)]
for (const problem of problems) print(`not as it should be: ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1
