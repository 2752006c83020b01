import { SqlClient } from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import { TaskStatus } from "../../src/domain/Lifecycle.js"
import { wholeJournals } from "./Journals.js"
import { eventually } from "./Server.js"
import type { Machine } from "./Team.js"
import type { TeamCloud } from "./TeamCloud.js"
import * as Bench from "./Workbench.js"

/** What the servers of a team are told: one database, and one far side for all work. */
export const teamConfig = (url: string, endpoint: string, store: JsonObject = { maxConnections: 8 }): JsonObject => ({
  store: { kind: "postgres", url, ...store },
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

const Row = Schema.Struct({
  id: Schema.String,
  status: TaskStatus,
  settled: Schema.Int,
  epoch: Schema.Int,
  error: Schema.NullOr(Schema.String)
})
const decodeRows = Schema.decodeUnknownSync(Schema.Array(Row))

/** The tasks as the database has them. */
export const teamRows = Effect.flatMap(
  SqlClient,
  (sql) => sql`SELECT id, status, settled, epoch, error FROM tasks ORDER BY seq`
).pipe(Effect.map(decodeRows), Effect.orDie)

/** The task of a spawn that one server took; nothing if it did not answer, or not with a task. */
export const tried = ({ call }: Pick<Machine, "call">, name: string) =>
  Effect.map(
    call("spawn_cloud_agent", { runtime: "cloud", instruction: `work ${name}`, idempotency_key: `team ${name}` }),
    Option.flatMap((answer) => (answer.isError ? Option.none() : Option.some(Bench.handleOf(answer).taskId)))
  )

/** Asks one server after the other until one takes it; the key makes the repetition harmless. */
export const dispatched = (team: ReadonlyArray<Pick<Machine, "call">>, index: number): Effect.Effect<string> =>
  Effect.gen(function* () {
    for (let attempt = 0; ; attempt++) {
      const asked = team[(index + attempt) % team.length]
      const taken = asked === undefined ? Option.none() : yield* tried(asked, String(index))
      if (Option.isSome(taken)) return taken.value
      yield* Effect.sleep("50 millis")
    }
  })

/** Waits until everything is over; then each task was done exactly once. */
export const onceEach = (cloud: TeamCloud, ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const rows = yield* eventually(
      Effect.map(teamRows, (seen) =>
        seen.length >= ids.length && seen.every(({ settled }) => settled === 1) ? seen : undefined
      )
    )
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.deepStrictEqual(new Set(rows.map(({ id }) => id)), new Set(ids), "a task is lost, or one too many")
    assert.deepStrictEqual(
      rows.filter(({ status }) => status !== "succeeded"),
      []
    )
    assert.lengthOf(cloud.begun, ids.length, "work was done twice, or not at all")
    assert.strictEqual(cloud.open(), 0, "a session is left")
    yield* wholeJournals
  })
