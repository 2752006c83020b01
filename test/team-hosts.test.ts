import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { servedOnce } from "./support/HttpServer.js"
import { cluster, freePort } from "./support/Postgres.js"
import { clientAt } from "./support/PostgresStore.js"
import { eventually, place } from "./support/Server.js"
import { callOf, machine } from "./support/Team.js"
import * as Bench from "./support/Workbench.js"

const { database } = cluster()

const config = (url: string): JsonObject => ({ ...Bench.workbench(), store: { kind: "postgres", url } })

/** How many owners have a lease that is not over. */
const living = Effect.gen(function* () {
  const sql = yield* SqlClient
  const now = yield* Clock.currentTimeMillis
  const [row] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM owners WHERE lease_until > ${now}`
  return row?.count
})

const epochOf = (id: string) =>
  Effect.flatMap(SqlClient, (sql) => sql<{ epoch: number }>`SELECT epoch FROM tasks WHERE id = ${id}`).pipe(
    Effect.map(([row]) => row?.epoch)
  )

describe("machines of a team", () => {
  it.scopedLive(
    "leave a local task to the one that accepted it, which finds it again when it is back",
    () =>
      Effect.gen(function* () {
        const url = yield* database
        const db = yield* Layer.build(clientAt(url))
        const at = yield* place
        const [one, other] = [yield* machine(config(url)), yield* machine(config(url))]
        yield* Effect.all([one.begin, other.begin], { concurrency: 2 })
        const script = `echo began; while [ ! -e '${at.folder}/go' ]; do sleep 0.1; done; echo ended`
        const id = yield* Bench.dispatched(callOf(one), Bench.shell(script))
        yield* Bench.running(callOf(other), id)
        yield* one.end("SIGKILL")
        yield* eventually(
          Effect.provide(
            Effect.map(living, (count) => (count === 1 ? true : undefined)),
            db
          )
        )
        const own = yield* Bench.dispatched(callOf(other), Bench.shell("echo here"))
        assert.strictEqual((yield* Bench.finished(callOf(other), own)).status, "succeeded")
        assert.strictEqual(yield* Effect.provide(epochOf(id), db), 1)
        Bench.allow(at)
        yield* one.begin
        assert.strictEqual((yield* Bench.finished(callOf(other), id)).status, "succeeded")
        assert.strictEqual(yield* Bench.wholeLog(callOf(other), id), "began\nended\n")
      }),
    120_000
  )

  it.scopedLive(
    "are told what to mend when they cannot meet",
    () =>
      Effect.gen(function* () {
        const at = yield* place
        const url = yield* database
        const alone = yield* servedOnce(at, { cluster: { host: "127.0.0.1" } })
        assert.strictEqual(alone.code, 2)
        assert.include(alone.stderr, "cluster: needs the database of a team; set AGENTDISPATCH_DATABASE_URL")
        const port = yield* Effect.promise(freePort)
        const clustered = { ...config(url), cluster: { host: "127.0.0.1", port } }
        const first = yield* machine(clustered)
        yield* first.begin
        const second = yield* servedOnce(at, clustered, "--port", "0")
        assert.strictEqual(second.code, 2)
        assert.include(second.stderr, `cluster: cannot listen on 127.0.0.1:${port}`)
      }),
    60_000
  )
})
