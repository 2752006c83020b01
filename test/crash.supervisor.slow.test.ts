import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  config,
  draft,
  file,
  kill,
  type Moment,
  sight,
  signature,
  supervisorOf,
  supervisors,
  supervisorsOf,
  taskOf,
  work
} from "./support/CrashScene.js"
import { chased, named, tally, verdict } from "./support/CrashVerdict.js"
import { callOf, greeted } from "./support/RawServer.js"
import { eventually, place } from "./support/Server.js"
import { note, rowsAt, takenOver } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

const together = 3

interface Step {
  readonly name: string
  readonly seen: Moment
  /** How the task may end whose supervisor died then. */
  readonly ends: ReadonlyArray<string>
}

const lost = ["worker.lost"]
const lostOrDone = ["worker.lost", "succeeded"]

const lives: ReadonlyArray<Step> = [
  { name: "its claim is half written", seen: draft("claim.json"), ends: lostOrDone },
  { name: "it has the claim", seen: file("claim.json"), ends: lost },
  { name: "its child is being noted", seen: draft("child.json"), ends: lost },
  { name: "its child is noted", seen: file("child.json"), ends: lost },
  { name: "the work has begun", seen: signature("begin"), ends: lost },
  { name: "the work has ended", seen: signature("end"), ends: lostOrDone },
  { name: "its exit record is half written", seen: draft("exit.json"), ends: lostOrDone },
  { name: "its exit record is written", seen: file("exit.json"), ends: ["succeeded"] }
]

describe("a supervisor that is killed", () => {
  for (const { ends, name, seen } of lives) {
    it.scopedLive(
      `when ${name}: its work ran at most once, and its task ends as done or as lost`,
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const server = yield* greeted(at, { config })
          const rows = yield* rowsAt(at)
          const ask = Effect.replicateEffect(Bench.dispatched(callOf(server), work(at)), together, { discard: true })
          const folder = yield* chased(seen(at, rows), ask, rows)
          const victim = taskOf(folder)
          kill(supervisorOf(folder) ?? assert.fail(`nobody holds ${folder}`))
          yield* eventually(Effect.map(rows.tasks, ({ length }) => (length % together === 0 ? true : undefined)))
          const judged = yield* verdict(at, rows, [server.pid])
          yield* note(`supervisor killed when ${name}: ${tally(judged)}`)
          for (const { code, id, status } of judged) {
            if (id === victim) assert.include(ends, code ?? status)
            else assert.strictEqual(status, "succeeded", code)
          }
          assert.strictEqual(server.stderr(), "")
        }),
      60_000
    )
  }

  it.scopedLive(
    "before it has the claim is replaced, and the work runs once",
    () =>
      Effect.gen(function* () {
        const at = yield* place
        const server = yield* greeted(at, { config })
        const rows = yield* rowsAt(at)
        yield* Effect.forkScoped(Bench.dispatched(callOf(server), work(at)))
        for (let killed = 0; killed < 2; killed++) {
          const pid = yield* sight(Effect.sync(() => supervisorsOf(server.pid)[0]))
          kill(pid)
          yield* eventually(Effect.sync(() => (supervisorsOf(server.pid).includes(pid) ? undefined : true)))
        }
        const judged = yield* verdict(at, rows, [server.pid])
        assert.deepStrictEqual(
          judged.map(({ status }) => status),
          ["succeeded"]
        )
      }),
    60_000
  )
})

describe.concurrent("a server and its supervisors that are killed at once", () => {
  for (const { name, seen } of lives) {
    it.scopedLive(
      `when ${name}: the next server ends what they left, and nothing runs twice`,
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const server = yield* greeted(at, { config })
          const rows = yield* rowsAt(at)
          const ask = Effect.replicateEffect(Bench.dispatched(callOf(server), work(at)), together, { discard: true })
          yield* chased(seen(at, rows), ask, rows)
          kill(server.pid)
          for (const pid of [...supervisorsOf(server.pid), ...supervisors(at)]) kill(pid)
          yield* server.ended
          for (const pid of supervisors(at)) kill(pid)
          const from = performance.now()
          const before = yield* rows.tasks
          const next = yield* greeted(at, { config })
          const taken = yield* takenOver(rows, before, from)
          const judged = yield* verdict(at, rows, [next.pid])
          yield* note(`both killed when ${name}: taken over in ${(taken / 1000).toFixed(1)} s; ${tally(judged)}`)
          for (const { code, status } of judged) {
            assert.isTrue(status === "succeeded" || named.has(code ?? ""), `${status} ${code}`)
          }
          assert.isBelow(taken, 15_000)
        }),
      60_000
    )
  }
})
