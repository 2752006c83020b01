import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { config, file, type Moment, sight, signature, status, uncleaned, work } from "./support/CrashScene.js"
import { tally, verdict } from "./support/CrashVerdict.js"
import { callOf, greeted } from "./support/RawServer.js"
import { place } from "./support/Server.js"
import { note, type Rows, rowsAt, takenOver } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

interface Step {
  readonly name: string
  readonly seen: Moment
  /** What the dead server must have left in the database, where the step can be seen there. */
  readonly left?: Moment
  readonly config?: JsonObject
}

const statuses = (["queued", "starting", "running", "completing"] as const).map((name): Step => ({
  name: `a task is ${name}`,
  seen: status(name),
  left: status(name)
}))

const records = ["spec.json", "claim.json", "child.json", "exit.json"].map((name): Step => ({
  name: `${name} is written`,
  seen: file(name)
}))

const lives: ReadonlyArray<Step> = [
  ...statuses,
  ...records,
  { name: "a task has succeeded and is not cleaned up", seen: uncleaned, left: uncleaned },
  { name: "the work has begun", seen: signature("begin") },
  { name: "the work has ended", seen: signature("end") },
  {
    name: "tasks wait behind a full backend",
    seen: signature("begin"),
    left: status("queued"),
    config: Bench.workbench({ maxConcurrent: 1 })
  }
]

/** How often a step that lasts a millisecond may be missed. */
const attempts = 8
const together = 4

describe.concurrent("a server that is killed", () => {
  for (const step of lives) {
    it.scopedLive(
      `when ${step.name}: every accepted task succeeds under the next one, and its work ran once`,
      () =>
        Effect.gen(function* () {
          const start = { config: step.config ?? config }
          const at = yield* place
          const accepted = yield* Ref.make<ReadonlyArray<string>>([])
          let rows: Rows | undefined
          let landed = false
          for (let attempt = 0; attempt < attempts && !landed; attempt++) {
            const server = yield* greeted(at, start)
            rows ??= yield* rowsAt(at)
            const ask = Effect.flatMap(Bench.dispatched(callOf(server), work(at)), (id) =>
              Ref.update(accepted, (ids) => [...ids, id])
            )
            yield* Effect.forkScoped(Effect.replicateEffect(ask, together, { concurrency: together }))
            yield* sight(step.seen(at, rows))
            yield* server.signal("SIGKILL")
            yield* server.ended
            landed = step.left === undefined || (yield* step.left(at, rows)) !== undefined
          }
          assert.isTrue(landed, `${attempts} kills were all too late`)
          const watched = rows ?? assert.fail("no server was started")
          const from = performance.now()
          const before = yield* watched.tasks
          const next = yield* greeted(at, start)
          const taken = yield* takenOver(watched, before, from)
          const judged = yield* verdict(at, watched, [next.pid])
          yield* note(`killed when ${step.name}: taken over in ${(taken / 1000).toFixed(1)} s; ${tally(judged)}`)
          for (const { code, status: ended } of judged) assert.strictEqual(ended, "succeeded", code)
          for (const id of yield* Ref.get(accepted))
            assert.include(
              judged.map((task) => task.id),
              id
            )
          assert.isBelow(taken, 15_000)
          assert.strictEqual(next.stderr(), "")
        }),
      150_000
    )
  }
})
