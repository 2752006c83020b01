import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { processesHere } from "../../adapters/local-process/supervisor/Processes.js"
import * as Sqlite from "../../src/drivers/Sqlite.js"
import { type Desk, desk, type Ended } from "./cli.js"
import { eventually } from "./Server.js"
import { SweepReport } from "./SweepReport.js"

const processes = processesHere() ?? assert.fail("these tests need Linux or macOS")

export const config = {
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: { desk: { adapter: "local-process", account: "here", details: { command: ["/bin/sh", "-c", "true"] } } },
  runtimes: { work: { provider: "local", account: "here", capability: "agent-runtime", backend: "desk" } },
  defaults: { runtime: "work" }
}

/** What a `doctor --json` has told. */
export const reportOf = ({ stdout }: Ended) => Schema.decode(SweepReport)(stdout)

/** Three tasks that ended in order; of two a folder is left, of one a process that ends of nothing but SIGKILL. */
export const littered = Effect.gen(function* () {
  const at = yield* desk
  writeFileSync(join(at.folder, "c.json"), JSON.stringify(config))
  const ended = Effect.map(
    at.run("run", "--config", "c.json", "--wait", "--json", "--instruction", "go"),
    ({ stdout }) => /task_[0-9a-z]{26}/.exec(stdout)?.[0] ?? assert.fail(stdout)
  )
  const [slow, ...folders] = [yield* ended, yield* ended, yield* ended]
  const local = (id: string) => join(at.folder, "state", "local", id)
  for (const id of folders) mkdirSync(local(id), { recursive: true })
  const { pid = 0 } = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("/bin/sh", ["-c", "trap '' TERM HUP INT; while :; do sleep 0.5; done"], {
        detached: true,
        stdio: "ignore",
        env: { PATH: "/usr/bin:/bin", AGENTDISPATCH_ARTIFACT_DIR: join(local(slow), "artifacts") }
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const born = processes.find(pid)?.startTime ?? assert.fail(`${pid} does not run`)
  return {
    at,
    keys: [`local-process:processes:${slow}`, ...folders.map((id) => `local-process:folder:${id}`)],
    tasks: [slow, ...folders].sort(),
    lives: () => processes.find(pid)?.startTime === born
  }
})

const database = <A, E>({ folder }: Desk, query: Effect.Effect<A, E, SqlClient>) =>
  Effect.scoped(Effect.provide(query, Sqlite.layer(join(folder, "state"))))

/** As if a sweep had found them two minutes ago. */
export const foundBefore = (at: Desk, keys: ReadonlyArray<string>) =>
  database(
    at,
    Effect.flatMap(SqlClient, (sql) => {
      const since = Date.now() - 120_000
      return sql`INSERT INTO sweep_findings ${sql.insert(keys.map((finding) => ({ finding, since })))}`
    })
  )

/** Waits until some process is in the middle of a sweep. */
export const sweeping = (at: Desk) =>
  database(
    at,
    Effect.flatMap(SqlClient, (sql) =>
      eventually(
        Effect.map(
          sql`SELECT name FROM reservations WHERE name = 'sweep' AND until_at > ${Date.now() + 1_000}`,
          ([row]) => row
        )
      )
    )
  )

const Record = Schema.parseJson(Schema.Struct({ taskId: Schema.String, outcome: Schema.String }))

/** The tasks of which the audit says that something was swept, as often as it says so; fails for another outcome. */
export const swept = (at: Desk) =>
  Effect.gen(function* () {
    const { stdout } = yield* at.run("audit", "show", "--event", "sweep", "--json")
    const records = yield* Effect.forEach(stdout.trim().split("\n"), (line) => Schema.decode(Record)(line))
    for (const { outcome } of records) assert.strictEqual(outcome, "done")
    return records.map(({ taskId }) => taskId).sort()
  })
