import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref, Schema } from "effect"
import { ledger } from "./support/CrashScene.js"
import { callOf, greeted } from "./support/RawServer.js"
import { eventually, type Place, place } from "./support/Server.js"
import { isOver, note, rowsAt } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

const capacity = 12
const config = Bench.workbench({ maxConcurrent: capacity })

/** Enough that every server waits for every other; AGENTDISPATCH_TEST_TASKS asks for more. */
const each = Number(process.env["AGENTDISPATCH_TEST_TASKS"] ?? 100)

const AuditLine = Schema.parseJson(
  Schema.Struct({ event: Schema.String, outcome: Schema.String, taskId: Schema.optional(Schema.String) })
)

const audited = ({ stateDir }: Place) =>
  readFileSync(join(stateDir, "audit.ndjson"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => Schema.decodeSync(AuditLine)(line))

/** The most work that was under way at once, as the work itself wrote it down. */
const mostAtOnce = (lines: ReadonlyArray<string>): number => {
  let [now, most] = [0, 0]
  for (const line of lines) {
    now += line.startsWith("begin ") ? 1 : -1
    most = Math.max(most, now)
  }
  return most
}

const under = new Set(["starting", "running", "completing", "cancelling"])

describe("servers on one folder", () => {
  for (const servers of [2, 4]) {
    it.scopedLive(
      `${servers} of them, whose clients dispatch ${each} tasks each, run every task once and never disturb each other`,
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const from = performance.now()
          const running = yield* Effect.replicateEffect(greeted(at, { config }), servers, { concurrency: servers })
          const rows = yield* rowsAt(at)
          const most = yield* Ref.make(0)
          const owners = new Set<string>()
          yield* Effect.forkScoped(
            Effect.forever(
              Effect.gen(function* () {
                const active = (yield* rows.tasks).filter((task) => under.has(task.status))
                yield* Ref.update(most, (seen) => Math.max(seen, active.length))
                for (const { owner } of active) if (owner !== null) owners.add(owner)
                yield* Effect.sleep("100 millis")
              })
            )
          )
          const script = `echo "begin $AGENTDISPATCH_TASK_ID" >> '${at.folder}/ledger'; echo done; echo "end $AGENTDISPATCH_TASK_ID" >> '${at.folder}/ledger'`
          const dispatched = yield* Effect.forEach(
            running,
            (server) =>
              Effect.replicateEffect(Bench.dispatched(callOf(server), Bench.shell(script)), each, { concurrency: 16 }),
            { concurrency: servers }
          )
          const accepted = performance.now() - from
          const ids = dispatched.flat()
          const tasks = yield* eventually(
            Effect.delay(
              Effect.map(rows.tasks, (found) => (found.every(isOver) ? found : undefined)),
              "200 millis"
            )
          )
          const took = (performance.now() - from) / 1000
          yield* note(
            `${servers} servers: ${ids.length} tasks accepted in ${(accepted / 1000).toFixed(1)} s, all over after ${took.toFixed(1)} s, at most ${yield* Ref.get(most)} of ${capacity} at once, driven by ${owners.size}`
          )

          assert.strictEqual(new Set(ids).size, servers * each)
          assert.deepStrictEqual(new Set(tasks.map(({ id }) => id)), new Set(ids))
          const signs = ledger(at)
          const begun = signs.flatMap((line) => (line.startsWith("begin ") ? [line.slice(6)] : []))
          assert.strictEqual(begun.length, ids.length)
          assert.deepStrictEqual(new Set(begun), new Set(ids))
          for (const task of tasks) {
            assert.strictEqual(task.status, "succeeded", task.error ?? "")
            const events = yield* rows.events(task.id)
            assert.deepStrictEqual(
              events.map(({ number, type }) => `${number} ${type}`),
              ["created", "starting", "started", "completing", "succeeded"].map(
                (type, index) => `${index + 1} task.${type}`
              )
            )
            assert.strictEqual(yield* rows.log(task.id), "done\n")
          }
          assert.isAbove(owners.size, 1, "one server did all the work")
          assert.isAtMost(yield* Ref.get(most), capacity)
          assert.isAtMost(mostAtOnce(signs), capacity)
          const records = audited(at).filter(({ event }) => event === "dispatch_task")
          assert.strictEqual(records.length, ids.length)
          assert.isTrue(records.every(({ outcome }) => outcome === "accepted"))
          assert.deepStrictEqual(new Set(records.map(({ taskId }) => taskId)), new Set(ids))
          assert.deepStrictEqual(
            running.map((server) => server.stderr()),
            running.map(() => "")
          )
          assert.deepStrictEqual(yield* rows.integrity, [{ integrity_check: "ok" }])
        }),
      900_000
    )
  }
})
