import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arrays, Effect, Layer, type Scope } from "effect"
import { cluster, freePort } from "./support/Postgres.js"
import { clientAt } from "./support/PostgresStore.js"
import { eventually } from "./support/Server.js"
import { type Machine, machine } from "./support/Team.js"
import { dispatched, onceEach, teamConfig } from "./support/TeamBench.js"
import { teamCloud } from "./support/TeamCloud.js"
import { note } from "./support/TaskRows.js"

const { database } = cluster()

/** What keeps two quiet cores busy for about two minutes in all; AGENTDISPATCH_TEST_TASKS asks for more or fewer. */
const schedulers = [
  { name: "leases", clustered: false, usual: 2_000 },
  { name: "the cluster", clustered: true, usual: 300 }
]
const workMillis = 400

const clusterAddress = Effect.map(Effect.promise(freePort), (port) => ({
  AGENTDISPATCH_CLUSTER_HOST: "127.0.0.1",
  AGENTDISPATCH_CLUSTER_PORT: String(port)
}))

const settledOf = Effect.flatMap(
  SqlClient,
  (sql) => sql<{ count: number }>`SELECT count(*) AS count FROM tasks WHERE settled = 1`
).pipe(Effect.map(([row]) => row?.count ?? 0))

describe.each(schedulers)("three servers of a team on one database, with $name", ({ clustered, name, usual }) => {
  const tasks = Number(process.env["AGENTDISPATCH_TEST_TASKS"] ?? usual)
  it.scopedLive(
    `do ${tasks} tasks once each while one after another is killed and replaced, one is frozen, and one is upgraded`,
    () =>
      Effect.gen(function* () {
        const from = performance.now()
        const cloud = yield* teamCloud(workMillis)
        const url = yield* database
        const another = Effect.flatMap(clustered ? clusterAddress : Effect.succeed({}), (environment) =>
          machine(teamConfig(url, cloud.url), environment)
        )
        const team = yield* Effect.all([another, another, another])
        yield* Effect.forEach(team, ({ begin }) => begin, { concurrency: 3 })
        const db = yield* Layer.build(clientAt(url))
        const taking: Array<string> = []
        /** Ends or freezes a server in the middle of its work, and waits until others have all of it. */
        const struck = (one: Machine, strike: Effect.Effect<void>) =>
          Effect.gen(function* () {
            const key = one.key()
            const held = yield* eventually(Effect.sync(() => cloud.heldBy(key) || undefined))
            const at = performance.now()
            yield* strike
            yield* eventually(Effect.sync(() => (cloud.heldBy(key) === 0 ? true : undefined)))
            const after = cloud.takenFrom(key).flatMap((when) => (when > at ? [(when - at) / 1000] : []))
            taking.push(`${held} tasks after ${Math.min(...after).toFixed(1)} to ${Math.max(...after).toFixed(1)} s`)
          })
        const [one, two, three] = team
        const blows: ReadonlyArray<Effect.Effect<void, never, Scope.Scope>> = [
          ...[one, two, three].map((killed) => Effect.zipRight(struck(killed, killed.end("SIGKILL")), killed.begin)),
          Effect.zipRight(struck(one, one.signal("SIGSTOP")), one.signal("SIGCONT")),
          Effect.zipRight(two.end("SIGTERM"), two.begin)
        ]
        // Each blow meets work that is just arriving, however fast the machine is.
        const ids = yield* Effect.forEach(Arrays.split(Arrays.range(0, tasks - 1), blows.length), (some, index) =>
          Effect.zipLeft(
            Effect.forEach(some, (number) => dispatched(team, number), { concurrency: 16 }),
            blows[index] ?? Effect.void,
            { concurrent: true }
          )
        ).pipe(Effect.map(Arrays.flatten))
        const accepted = (performance.now() - from) / 1000
        yield* eventually(
          Effect.provide(
            Effect.map(settledOf, (count) => (count >= tasks ? true : undefined)),
            db
          )
        )
        const took = (performance.now() - from) / 1000
        yield* note(
          `${name}: ${tasks} tasks accepted after ${accepted.toFixed(1)} s, over after ${took.toFixed(1)} s; taken over: ${taking.join("; ")}`
        )
        assert.lengthOf(ids, tasks)
        yield* Effect.provide(onceEach(cloud, ids), db)
      }),
    600_000
  )
})
