import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Schema } from "effect"
import type { TaskId } from "../src/domain/Task.js"
import * as Sqlite from "../src/drivers/Sqlite.js"
import { Store } from "../src/services/Store.js"
import { cluster } from "./support/Postgres.js"
import { clientAt, openedAtUrl } from "./support/PostgresStore.js"
import { callOf, greeted } from "./support/RawServer.js"
import { type Place, place, program } from "./support/Server.js"
import { accepted, advanced, apply } from "./support/SomeTask.js"
import { opened } from "./support/StateFolder.js"
import * as Bench from "./support/Workbench.js"

const { database, start, stop } = cluster()

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `agentdispatch` once in a place. */
const agentdispatch = (at: Place, env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
  Effect.async<Ended>((resume) => {
    const child = execFile(
      process.execPath,
      [join(dirname(program), "agentdispatch.js"), ...args],
      { cwd: at.folder, env: { PATH: "", HOME: at.folder, AGENTDISPATCH_STATE_DIR: at.stateDir, ...env } },
      (_, stdout, stderr) => resume(Effect.succeed({ code: child.exitCode ?? -1, stdout, stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const secretOf = (url: string) => decodeURIComponent(new URL(url).password)

describe("servers on one database", () => {
  it.scopedLive(
    "finish what runs while the database server is stopped and started, and show it to each other",
    () =>
      Effect.gen(function* () {
        const [at, url] = [yield* place, yield* database]
        const config = { ...Bench.workbench(), store: { kind: "postgres", url, maxConnections: 4 } }
        const [one, other] = yield* Effect.all([greeted(at, { config }), greeted(at, { config })], { concurrency: 2 })
        const script = `while [ ! -e '${at.folder}/go' ]; do sleep 0.1; done; echo "🧪 done"`
        const id = yield* Bench.dispatched(callOf(one), Bench.shell(script))
        yield* Bench.running(callOf(other), id)
        yield* stop
        yield* Effect.sleep("1 second")
        yield* start
        Bench.allow(at)
        assert.strictEqual((yield* Bench.finished(callOf(other), id)).status, "succeeded")
        assert.strictEqual(yield* Bench.wholeLog(callOf(one), id), "🧪 done\n")
        assert.isFalse(existsSync(join(at.stateDir, "agentdispatch.db")))
        for (const server of [one, other]) assert.notInclude(server.stderr(), secretOf(url))

        const env = { AGENTDISPATCH_DATABASE_URL: url }
        const doctor = yield* agentdispatch(at, env, "doctor", "--runtime", "echo")
        assert.include(doctor.stdout, "the database can be read")
        const status = yield* agentdispatch(at, env, "status", id)
        assert.include(status.stdout, "succeeded")
      }),
    60_000
  )

  it.scopedLive(
    "refuse a URL that leads nowhere with what to mend, and without the password",
    () =>
      Effect.gen(function* () {
        const at = yield* place
        const tries = {
          "postgres://team:s3cret-word@127.0.0.1:1/tasks": /^store\.unreachable: .*127\.0\.0\.1:1\/tasks/,
          "mysql://team:s3cret-word@127.0.0.1/tasks":
            /^config\.invalid: .*\n {2}AGENTDISPATCH_DATABASE_URL: must begin with postgres/,
          "postgres://team:s3cret-word@127.0.0.1": /AGENTDISPATCH_DATABASE_URL: names no database/
        }
        for (const [url, told] of Object.entries(tries)) {
          const { code, stderr, stdout } = yield* agentdispatch(at, { AGENTDISPATCH_DATABASE_URL: url }, "list")
          assert.notStrictEqual(code, 0)
          assert.match(stderr, told)
          assert.notInclude(stdout + stderr, "s3cret-word")
        }
      }),
    60_000
  )
})

const odd = "🧪 a\u0000b"

/** Everything that is kept of a task. */
const everything = Effect.fnUntraced(function* (store: typeof Store.Service, id: TaskId) {
  return {
    task: yield* store.find(id),
    events: yield* store.events(id, { afterRevision: 0, limit: 1_000 }),
    log: yield* store.log(id, { cursor: 0, limit: 100_000 }),
    artifacts: yield* store.artifacts(id),
    resources: yield* store.resources(id),
    questions: yield* store.questions(id)
  }
})

const question = {
  key: "a:1",
  workerKey: "a",
  question: "May I?",
  fields: [{ id: "answer", type: "string" as const }],
  askedAt: 5,
  delivered: false
}

/** A state folder with tasks of every kind. */
const lived = Effect.gen(function* () {
  const store = yield* Store
  const done = yield* advanced(
    { transition: "start", entries: [{ log: "x".repeat(40_000) }, { log: odd }] },
    { transition: "run", providerRefs: { pid: 7 } },
    { artifacts: [{ uri: "u", kind: "k" }], resources: [{ key: "r", kind: "k", ref: { x: odd }, state: "created" }] },
    { questions: [question] },
    { transition: "finish", outcome: { ok: true, result: { text: odd } } }
  )
  yield* apply(done, { transition: "succeed", settled: true })
  const failed = yield* advanced({
    transition: "fail",
    error: { code: "worker.lost", message: odd },
    settled: true
  })
  const running = yield* advanced({ transition: "start" }, { transition: "run" })
  yield* store.hear("somebody", 77)
  yield* store.agreed("requestState", "the first key")
  return [done.id, failed.id, running.id]
})

const Report = Schema.parseJson(
  Schema.Struct({
    outcome: Schema.String,
    tables: Schema.Array(Schema.Struct({ table: Schema.String, rows: Schema.Int }))
  })
)

describe("agentdispatch migrate sqlite-to-postgres", () => {
  it.scopedLive(
    "takes everything along, closes the file for all who have it, and can be finished later",
    () =>
      Effect.gen(function* () {
        const [at, url] = [yield* place, yield* database]
        const file = join(at.stateDir, Sqlite.fileName)
        const old = yield* opened(at.stateDir)
        const ids = yield* Effect.provideService(lived, Store, old)
        const before = yield* Effect.forEach(ids, (id) => everything(old, id))
        const move = (...more: ReadonlyArray<string>) =>
          agentdispatch(at, {}, "migrate", "sqlite-to-postgres", "--url", url, ...more)

        yield* old.renew("a server", (yield* Clock.currentTimeMillis) + 60_000)
        assert.match(
          (yield* move()).stderr,
          /^store\.move_refused: Nothing was moved: 1 server is using the state folder/
        )
        yield* old.renew("a server", 0)
        assert.match((yield* move()).stderr, /1 task is not over, task_\d+ for one/)
        const dry = yield* move("--running", "--dry-run", "--json")
        assert.strictEqual((yield* Schema.decode(Report)(dry.stdout)).outcome, "would move", dry.stderr)

        const moved = yield* move("--running")
        assert.strictEqual(moved.code, 0, moved.stderr)
        assert.match(moved.stdout, /tasks +3\n/)
        assert.notInclude(moved.stdout + moved.stderr, secretOf(url))

        const team = yield* openedAtUrl(url)
        assert.deepStrictEqual(yield* Effect.forEach(ids, (id) => everything(team, id)), before)
        assert.strictEqual(yield* team.agreed("requestState", "another"), "the first key")
        const fresh = yield* Effect.provideService(accepted(), Store, team)
        assert.strictEqual((yield* team.list({ limit: 1 })).tasks[0]?.id, fresh.id)

        const late = yield* Effect.flip(Effect.provideService(accepted(), Store, old))
        assert.deepInclude(late, { _tag: "StoreFailed", fault: "moved" })
        const again = yield* Effect.flip(Effect.scoped(opened(at.stateDir)))
        assert.deepInclude(again, { _tag: "StoreFailed", fault: "moved" })
        assert.include(again.message, new URL(url).host)
        assert.isTrue(existsSync(file))
      }),
    120_000
  )

  it.scopedLive(
    "finishes a move whose last step is missing, and leaves a database with other tasks alone",
    () =>
      Effect.gen(function* () {
        const [at, url] = [yield* place, yield* database]
        yield* Effect.scoped(Effect.flatMap(opened(at.stateDir), (store) => Effect.provideService(lived, Store, store)))
        const env = { AGENTDISPATCH_DATABASE_URL: url }
        const move = agentdispatch(at, env, "migrate", "sqlite-to-postgres", "--running", "--json")
        const first = yield* Effect.flatMap(move, ({ stdout }) => Schema.decode(Report)(stdout))
        assert.strictEqual(first.outcome, "moved")

        // Broken off before the file was closed, and before the copy was opened.
        for (const broken of [reopenFile(at.stateDir), Effect.void]) {
          yield* broken
          yield* Effect.provide(halted, clientAt(url))
          const early = yield* Effect.flip(openedAtUrl(url))
          assert.deepInclude(early, { _tag: "StoreFailed", fault: "arriving" })
          assert.include(early.message, "run the same migrate command again")
          const second = yield* Effect.flatMap(move, ({ stdout }) => Schema.decode(Report)(stdout))
          assert.strictEqual(second.outcome, "was already there")
          assert.deepStrictEqual(second.tables, first.tables)
          yield* Effect.scoped(openedAtUrl(url))
          assert.deepInclude(yield* Effect.flip(Effect.scoped(opened(at.stateDir))), { fault: "moved" })
        }

        yield* reopenFile(at.stateDir)
        yield* Effect.scoped(
          Effect.flatMap(opened(at.stateDir), (store) => Effect.provideService(accepted(), Store, store))
        )
        const third = yield* move
        assert.strictEqual(third.code, 1)
        assert.include(third.stdout, "the target holds other tasks")
      }),
    120_000
  )
})

/** A database as it is when a move ended before it was opened to all. */
const halted = Effect.flatMap(
  SqlClient,
  (sql) => sql`INSERT INTO agentdispatch_migrations (migration_id, name) VALUES (999999, 'from a SQLite file')`
)

/** The file as it is when a move ended before it closed it. */
const reopenFile = (stateDir: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const triggers = yield* sql<{ name: string }>`SELECT name FROM sqlite_master WHERE type = 'trigger'`
    yield* Effect.forEach(triggers, ({ name }) => sql`DROP TRIGGER ${sql(name)}`)
    yield* sql`DELETE FROM effect_sql_migrations WHERE migration_id > 1000`
  }).pipe(Effect.provide(Layer.fresh(Sqlite.layer(stateDir))), Effect.scoped)
