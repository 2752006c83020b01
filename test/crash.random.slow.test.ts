import { assert, it } from "@effect/vitest"
import { Effect, Random, Ref } from "effect"
import { config, kill, supervisors, work } from "./support/CrashScene.js"
import { named, tally, verdict } from "./support/CrashVerdict.js"
import { callOf, greeted } from "./support/RawServer.js"
import { place } from "./support/Server.js"
import { note, rowsAt } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

const tasks = 40
const strikes = 8

/** AGENTDISPATCH_TEST_SEED repeats the choices of an earlier run; their effect still depends on the machine. */
const seed = process.env["AGENTDISPATCH_TEST_SEED"] ?? String(process.hrtime.bigint() % 1_000_000n)

it.scopedLive(
  `${tasks} tasks through servers and supervisors killed at random moments: each ran once, or ended with a name`,
  () =>
    Effect.gen(function* () {
      yield* note(`random kills: AGENTDISPATCH_TEST_SEED=${seed}`)
      const at = yield* place
      const accepted = yield* Ref.make<ReadonlyMap<string, string>>(new Map())
      const killed = { servers: 0, supervisors: 0 }
      const serving = Effect.flatMap(greeted(at, { config }), (server) =>
        Effect.as(
          Effect.forkScoped(
            Effect.gen(function* () {
              const known = yield* Ref.get(accepted)
              const missing = Array.from({ length: tasks }, (_, index) => `key-${index}`).filter(
                (key) => !known.has(key)
              )
              yield* Effect.forEach(
                missing,
                (idempotency_key) =>
                  Effect.gen(function* () {
                    const id = yield* Bench.dispatched(callOf(server), { ...work(at), idempotency_key })
                    yield* Ref.update(accepted, (ids) => new Map([...ids, [idempotency_key, id]]))
                    yield* Effect.sleep(yield* Random.nextIntBetween(0, 200))
                  }),
                { concurrency: 4 }
              )
            })
          ),
          server
        )
      )
      let server = yield* serving
      const rows = yield* rowsAt(at)
      for (let strike = 0; strike < strikes; strike++) {
        yield* Effect.sleep(yield* Random.nextIntBetween(100, 3_000))
        const choice = yield* Random.nextIntBetween(0, 3)
        const living = supervisors(at)
        const victim = living[yield* Random.nextIntBetween(0, Math.max(1, living.length))]
        if (choice !== 0 && victim !== undefined && kill(victim)) killed.supervisors++
        if (choice !== 1) {
          kill(server.pid)
          yield* server.ended
          killed.servers++
          server = yield* serving
        }
      }
      const judged = yield* verdict(at, rows, [server.pid])
      yield* note(`${killed.servers} servers and ${killed.supervisors} supervisors killed: ${tally(judged)}`)
      const ids = yield* Ref.get(accepted)
      assert.strictEqual(ids.size, tasks)
      assert.deepStrictEqual(new Set(ids.values()), new Set(judged.map(({ id }) => id)))
      let lost = 0
      for (const { code, status } of judged) {
        if (status === "succeeded") continue
        assert.isTrue(named.has(code ?? ""), `${status} ${code}`)
        lost++
      }
      assert.isAtMost(lost, killed.supervisors)
    }).pipe(Effect.withRandom(Random.make(seed))),
  240_000
)
