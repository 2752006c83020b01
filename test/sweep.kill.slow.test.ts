import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TaskId } from "../src/domain/Task.js"
import { RecordLine } from "../src/domain/TaskRecord.js"
import * as Sqlite from "../src/drivers/Sqlite.js"
import { Store } from "../src/services/Store.js"
import { type Desk, deskWith } from "./support/cli.js"
import { apply, someRequest } from "./support/SomeTask.js"
import { storeAt } from "./support/StateFolder.js"

const preload = fileURLToPath(new URL("./fixtures/killAtStep.mjs", import.meta.url))

const config = {
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: { desk: { adapter: "local-process", account: "here", details: { command: ["true"] } } },
  runtimes: { work: { provider: "local", account: "here", capability: "agent-runtime", backend: "desk" } },
  defaults: { runtime: "work" },
  retention: { ttl: 30, export: "exports" }
}

const stateOf = ({ folder }: Desk) => join(folder, "state")

const inDatabase = <A, E>(at: Desk, query: Effect.Effect<A, E, SqlClient>) =>
  Effect.scoped(Effect.provide(query, Sqlite.layer(stateOf(at))))

/** A task with something in every table that ended forty days ago. */
const ended = (at: Desk, number: number) =>
  Effect.gen(function* () {
    const store = yield* Store
    const id = TaskId.make(`task_${String(number).padStart(26, "0")}`)
    const { task } = yield* store.create({
      id,
      request: someRequest(),
      idempotency: { key: `key ${number}`, fingerprint: "f" }
    })
    const resource = { key: "a", kind: "k", ref: {} }
    yield* apply(task, { transition: "start", resources: [{ ...resource, state: "created" }] })
    yield* apply(task, { entries: [{ log: "🧪".repeat(70_000) }], artifacts: [{ uri: "u", kind: "k" }] })
    yield* apply(task, { transition: "fail", error: { code: "c", message: "m" } })
    yield* apply(task, { settled: true, resources: [{ ...resource, state: "gone" }] })
    yield* inDatabase(
      at,
      Effect.flatMap(
        SqlClient,
        (sql) => sql`UPDATE tasks SET updated_at = ${Date.now() - 40 * 86_400_000} WHERE id = ${id}`
      )
    )
    return id
  }).pipe(Effect.provide(storeAt(stateOf(at))))

const decodeLine = Schema.decodeSync(Schema.parseJson(RecordLine))

/** Whether there is a copy; fails for one that is not whole. */
const isArchived = ({ folder }: Desk, id: string) => {
  const path = join(folder, "exports", `${id}.jsonl`)
  if (!existsSync(path)) return false
  const records = readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => decodeLine(line))
  const logged = records.flatMap((line) => (line.record === "log" ? [line.text] : [])).join("")
  assert.strictEqual(logged, "🧪".repeat(70_000))
  assert.deepStrictEqual(records.at(-1), { record: "end", lines: records.length - 1 })
  return true
}

/** Whether the record is there; fails for a part of one, and for a damaged database. */
const isStored = (at: Desk, id: string) =>
  inDatabase(
    at,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      assert.deepStrictEqual(yield* sql`PRAGMA integrity_check`, [{ integrity_check: "ok" }])
      assert.deepStrictEqual(yield* sql`PRAGMA foreign_key_check`, [])
      const rows = yield* sql`SELECT seq FROM tasks WHERE id = ${id}`
      const expired = yield* sql`SELECT export FROM expired_tasks WHERE id = ${id}`
      assert.lengthOf([...rows, ...expired], 1)
      const [parts] = yield* sql`SELECT (SELECT count(*) FROM requests) + (SELECT count(*) FROM artifacts)
        + (SELECT count(*) FROM resources) + (SELECT count(*) FROM idempotency_keys) AS count`
      assert.deepStrictEqual(parts, { count: rows.length * 4 })
      return rows.length === 1
    })
  )

/** The dead keep their turn for a minute. */
const aMinuteLater = (at: Desk) =>
  inDatabase(
    at,
    Effect.flatMap(SqlClient, (sql) => sql`UPDATE reservations SET until_at = 0`)
  )

describe("Retention that is killed", () => {
  it.scopedLive(
    "at any step of writing a record out and deleting it loses nothing, and the next sweep ends it",
    () =>
      Effect.gen(function* () {
        const at = yield* deskWith({ NODE_OPTIONS: `--import ${preload}` })
        mkdirSync(join(at.folder, "bin"))
        writeFileSync(join(at.folder, "c.json"), JSON.stringify(config))
        const reap = at.run("doctor", "--config", "c.json", "--json", "--reap")
        const seen = new Set<string>()
        for (let step = 1; ; step++) {
          const id = yield* ended(at, step)
          rmSync(join(at.folder, "steps"), { force: true })
          writeFileSync(join(at.folder, "kill-at"), String(step))
          const { code } = yield* reap
          const said = readFileSync(join(at.folder, "steps"), "utf8")
          const where = `killed before step ${said}`
          rmSync(join(at.folder, "kill-at"))
          const [stored, archived] = [yield* isStored(at, id), isArchived(at, id)]
          assert.isTrue(stored || archived, where)
          seen.add(`${stored ? "stored" : ""} ${archived ? "archived" : ""}`.trim())
          if (code === 0) break
          assert.isNull(code, where)

          yield* aMinuteLater(at)
          const again = yield* reap
          assert.strictEqual(again.code, 0, where + again.stdout + again.stderr)
          assert.deepStrictEqual([yield* isStored(at, id), isArchived(at, id)], [false, true], where)
          const { stderr } = yield* at.run("status", id)
          assert.include(stderr, join("exports", `${id}.jsonl`))
        }
        assert.sameMembers([...seen], ["stored", "stored archived", "archived"])
        const copies = readdirSync(join(at.folder, "exports")).filter((name) => !name.endsWith(".draft"))
        assert.lengthOf(new Set(copies), copies.length)
        assert.isAbove(copies.length, 20, "the steps were counted")
        assert.strictEqual((yield* at.run("audit", "verify")).code, 0)
      }),
    600_000
  )
})
