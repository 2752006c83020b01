import { join } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { Effect } from "effect"
import type { Place } from "../support/Server.js"
import * as Bench from "../support/Workbench.js"
import { compared, quantile, type Row } from "./Table.js"
import { connect, timed } from "./Wire.js"

const rounds = 200
const burst = 40
/** How long a burst of work may keep other callers waiting, in milliseconds. */
const starving = 500
const instruction = "Look through the repository and say what could be better. ".repeat(4)

/** Accepting work while the backend is full, so that nothing else is done, against one commit of one row. */
export const spawn = async (at: Place): Promise<ReadonlyArray<Row>> => {
  const config = Bench.workbench({ maxConcurrent: 1 })
  const server = await connect(at, { config })
  const blocking = await server.call("dispatch_task", Bench.shell("sleep 600"))
  await server.call("get_task_status", { task_id: String(blocking["taskId"]), since_revision: 2, wait_seconds: 10 })
  const wanted = Bench.command("sh", "-c", "true", instruction)
  const ours: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    ours.push(await timed(() => server.call("dispatch_task", wanted)))
  }
  const idle: Array<number> = []
  for (let round = 0; round < rounds; round++) idle.push(await timed(() => server.call("list_tasks", { limit: 1 })))
  const busy: Array<number> = []
  const storm = Promise.all(Array.from({ length: burst }, () => server.call("dispatch_task", wanted)))
  for (let ping = 0; ping < burst; ping++) busy.push(await timed(() => server.call("list_tasks", { limit: 1 })))
  await storm
  await server.kill()
  const raw = await Effect.runPromise(rawCommits(at, JSON.stringify(wanted)))
  const at95 = quantile(ours, 0.95)
  return [
    compared("durable spawn over stdio, p50", quantile(ours, 0.5), quantile(raw, 0.5), "ms", "raw SQLite commit"),
    compared("durable spawn over stdio, p95", at95, quantile(raw, 0.95), "ms", "raw SQLite commit"),
    compared(`slowest other call while ${burst} are spawned`, Math.max(...busy), starving, "ms", "limit"),
    compared("a call that only reads, p50", quantile(idle, 0.5), quantile(raw, 0.5), "ms", "raw SQLite commit")
  ]
}

const rawCommits = ({ stateDir }: Place, text: string) =>
  Effect.gen(function* () {
    const sql = yield* SqliteClient.make({ filename: join(stateDir, "raw.db") })
    yield* sql`PRAGMA synchronous = FULL`
    yield* sql`CREATE TABLE tasks (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, status TEXT, at INTEGER, request TEXT) STRICT`
    const millis: Array<number> = []
    for (let round = 0; round < rounds; round++) {
      const row = { id: `task_${round}`, status: "queued", at: round, request: text }
      const from = performance.now()
      yield* sql`INSERT INTO tasks ${sql.insert(row)}`
      millis.push(performance.now() - from)
    }
    return millis
  }).pipe(Effect.scoped, Effect.provide(Reactivity.layer))
