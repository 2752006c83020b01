import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arrays, Effect, Layer, Option, Schema } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { TaskStatus } from "../src/domain/Lifecycle.js"
import { wholeJournals } from "./support/Journals.js"
import { cluster } from "./support/Postgres.js"
import { clientAt } from "./support/PostgresStore.js"
import { eventually } from "./support/Server.js"
import { type Machine, machine } from "./support/Team.js"
import { teamCloud } from "./support/TeamCloud.js"
import { note } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

const { database } = cluster()

/** AGENTDISPATCH_TEST_TASKS asks for more or fewer. */
const tasks = Number(process.env["AGENTDISPATCH_TEST_TASKS"] ?? 2_000)
const workMillis = 400

const config = (url: string, endpoint: string): JsonObject => ({
  store: { kind: "postgres", url, maxConnections: 8 },
  accounts: { dev: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" } },
  backends: {
    cloud: {
      adapter: "aws-agentcore",
      account: "dev",
      details: {
        endpoint,
        runtimeArn: "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/team-0123456789",
        worker: "dispatch/1",
        maxConcurrent: 96
      }
    }
  },
  runtimes: { cloud: { provider: "aws", account: "dev", capability: "agent-runtime", backend: "cloud" } }
})

const Row = Schema.Struct({ id: Schema.String, status: TaskStatus, settled: Schema.Int })
const decodeRows = Schema.decodeUnknownSync(Schema.Array(Row))
const rowsOf = Effect.flatMap(SqlClient, (sql) => sql`SELECT id, status, settled FROM tasks ORDER BY seq`).pipe(
  Effect.map(decodeRows)
)
const settledOf = Effect.flatMap(
  SqlClient,
  (sql) => sql<{ count: number }>`SELECT count(*) AS count FROM tasks WHERE settled = 1`
).pipe(Effect.map(([row]) => row?.count ?? 0))

/** Asks one server after the other until one answers; the key makes the repetition harmless. */
const dispatched = (team: ReadonlyArray<Machine>, index: number): Effect.Effect<string> =>
  Effect.gen(function* () {
    const args = { runtime: "cloud", instruction: `work ${index}`, idempotency_key: `team ${index}` }
    for (let attempt = 0; ; attempt++) {
      const asked = team[(index + attempt) % team.length]
      const answer = asked === undefined ? Option.none() : yield* asked.call("spawn_cloud_agent", args)
      if (Option.isSome(answer)) return Bench.handleOf(answer.value).taskId
      yield* Effect.sleep("50 millis")
    }
  })

describe("three servers of a team on one database", () => {
  it.scopedLive(
    `do ${tasks} tasks once each while one after another is killed and replaced, and then one is stopped and followed`,
    () =>
      Effect.gen(function* () {
        const from = performance.now()
        const cloud = yield* teamCloud(workMillis)
        const url = yield* database
        const team = yield* Effect.replicateEffect(machine(config(url, cloud.url)), 3)
        yield* Effect.forEach(team, ({ begin }) => begin, { concurrency: 3 })
        const db = yield* Layer.build(clientAt(url))
        const accepting = yield* Effect.fork(
          Effect.forEach(Arrays.range(0, tasks - 1), (index) => dispatched(team, index), { concurrency: 16 })
        )

        const done = (share: number) =>
          eventually(Effect.sync(() => (cloud.ended() >= tasks * share ? true : undefined)))
        const taking: Array<string> = []
        for (const [index, one] of team.entries()) {
          yield* done((index + 1) * 0.2)
          const held = cloud.heldBy(one.key())
          assert.isAbove(held, 0, "nothing was under way at the server that is killed")
          const key = one.key()
          const at = performance.now()
          yield* one.end("SIGKILL")
          yield* eventually(Effect.sync(() => (cloud.heldBy(key) === 0 ? true : undefined)))
          const taken = cloud.takenFrom(key).filter((when) => when > at)
          taking.push(
            `${held} tasks, the first after ${((Math.min(...taken) - at) / 1000).toFixed(1)} s, the last after ${((Math.max(...taken) - at) / 1000).toFixed(1)} s`
          )
          yield* one.begin
        }
        yield* done(0.8)
        const [first] = team
        const stopped = first?.key() ?? ""
        yield* first?.end("SIGTERM") ?? Effect.void
        yield* first?.begin ?? Effect.void

        const ids = yield* accepting
        const accepted = (performance.now() - from) / 1000
        yield* eventually(
          Effect.provide(
            Effect.map(settledOf, (count) => (count >= tasks ? true : undefined)),
            db
          )
        )
        const took = (performance.now() - from) / 1000
        yield* note(
          `${tasks} tasks accepted after ${accepted.toFixed(1)} s, over after ${took.toFixed(1)} s; taken over from killed servers: ${taking.join("; ")}`
        )
        const rows = yield* Effect.provide(rowsOf, db)
        assert.strictEqual(new Set(ids).size, tasks)
        assert.deepStrictEqual(new Set(rows.map(({ id }) => id)), new Set(ids), "a task is lost, or one too many")
        assert.deepStrictEqual(
          rows.filter(({ status }) => status !== "succeeded"),
          []
        )
        assert.lengthOf(cloud.begun, tasks, "work was done twice, or not at all")
        assert.deepStrictEqual(new Set(cloud.begun), new Set(ids))
        assert.strictEqual(cloud.open(), 0, "a session is left")
        assert.notStrictEqual(stopped, "")
        yield* Effect.provide(wholeJournals, db)
      }),
    300_000
  )
})
