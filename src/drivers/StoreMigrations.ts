import * as Migrator from "@effect/sql/Migrator"
import { SqlClient } from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { StoreFailed } from "../domain/DispatchError.js"
import type { StoreFault } from "../domain/StoreFault.js"
import { countTables, inDialect, prepare, versionTable } from "./SqlDialect.js"
import { storeFailed } from "./SqlFault.js"

/**
 * The request stands apart because it can be large and never changes, while its task's row is written often. Positions
 * in the log are UTF-16 code units; a lease that is over is kept until somebody claims.
 */
const first = [
  `CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    settled INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    owner TEXT,
    due_at INTEGER NOT NULL,
    provider TEXT NOT NULL,
    runtime TEXT,
    backend TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    start_token TEXT,
    log_length INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    artifact_count INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    provider_refs TEXT NOT NULL,
    cloud_agent TEXT,
    cursor TEXT,
    error TEXT,
    outcome TEXT
  ) STRICT`,
  `CREATE INDEX tasks_under_way ON tasks (backend, status) WHERE settled = 0 AND status <> 'queued'`,
  `CREATE INDEX tasks_queued ON tasks (backend, seq) WHERE settled = 0 AND status = 'queued'`,
  `CREATE INDEX tasks_due ON tasks (due_at) WHERE settled = 0 AND status <> 'queued'`,
  `CREATE INDEX tasks_owned ON tasks (owner, backend) WHERE owner IS NOT NULL`,
  `CREATE TABLE requests (task INTEGER PRIMARY KEY REFERENCES tasks (seq), request TEXT NOT NULL) STRICT`,
  `CREATE TABLE events (
    task INTEGER NOT NULL REFERENCES tasks (seq),
    number INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    message TEXT,
    payload TEXT,
    PRIMARY KEY (task, number)
  ) STRICT`,
  `CREATE INDEX events_by_revision ON events (task, revision, number)`,
  `CREATE TABLE log_pieces (
    task INTEGER NOT NULL REFERENCES tasks (seq),
    start INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (task, start)
  ) STRICT`,
  `CREATE TABLE artifacts (
    task INTEGER NOT NULL REFERENCES tasks (seq),
    number INTEGER NOT NULL,
    artifact TEXT NOT NULL,
    PRIMARY KEY (task, number)
  ) STRICT`,
  `CREATE TABLE resources (
    task INTEGER NOT NULL REFERENCES tasks (seq),
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (task, key)
  ) STRICT`,
  `CREATE TABLE idempotency_keys (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    task INTEGER NOT NULL REFERENCES tasks (seq)
  ) STRICT`,
  `CREATE TABLE owners (owner TEXT PRIMARY KEY, lease_until INTEGER NOT NULL) STRICT`
]

/** `at` is when the task was created, in milliseconds since 1970. */
const policies = [
  `ALTER TABLE tasks ADD COLUMN principal TEXT`,
  `ALTER TABLE tasks ADD COLUMN alias TEXT`,
  `CREATE UNIQUE INDEX tasks_alias ON tasks (alias) WHERE alias IS NOT NULL`,
  `CREATE TABLE quota_uses (
    rule TEXT NOT NULL,
    task INTEGER NOT NULL REFERENCES tasks (seq),
    at INTEGER NOT NULL,
    PRIMARY KEY (rule, task)
  ) STRICT`,
  `CREATE INDEX quota_uses_by_time ON quota_uses (rule, at)`
]

/** `answered` and `delivered` repeat what the question says, so that it can be looked for. */
const questions = [
  `CREATE TABLE questions (
    task INTEGER NOT NULL REFERENCES tasks (seq),
    key TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    question TEXT NOT NULL,
    PRIMARY KEY (task, key)
  ) STRICT`
]

/** The statuses are spelled out because SQLite uses a partial index only where its condition is repeated word for word. */
const listeners = [
  `CREATE INDEX tasks_ended ON tasks (updated_at) WHERE status IN ('succeeded', 'failed', 'cancelled')`,
  `CREATE TABLE listeners (listener TEXT PRIMARY KEY, heard_until INTEGER NOT NULL) STRICT`,
  `CREATE TABLE agreements (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`
]

/**
 * `line` is `Admission.lineOf`; tasks from before wait in one line per backend. `blocked` counts the tasks it waits
 * for, `expires_at` is when a queued task can only fail, in milliseconds since 1970.
 */
const admission = [
  `ALTER TABLE tasks ADD COLUMN lineage TEXT`,
  `ALTER TABLE tasks ADD COLUMN grp TEXT`,
  `ALTER TABLE tasks ADD COLUMN parent TEXT`,
  `ALTER TABLE tasks ADD COLUMN line TEXT NOT NULL DEFAULT ''`,
  `ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 0`,
  `ALTER TABLE tasks ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0`,
  `ALTER TABLE tasks ADD COLUMN expires_at INTEGER`,
  `ALTER TABLE tasks ADD COLUMN admitted_at INTEGER`,
  `ALTER TABLE tasks ADD COLUMN started_at INTEGER`,
  `ALTER TABLE tasks ADD COLUMN waiting_until INTEGER`,
  `ALTER TABLE tasks ADD COLUMN stopping TEXT`,
  `ALTER TABLE tasks ADD COLUMN usage TEXT`,
  `UPDATE tasks SET line = '[0,"","all","backend:' || backend || '"]'`,
  `CREATE TABLE dependencies (
    task INTEGER NOT NULL REFERENCES tasks (seq),
    needs INTEGER NOT NULL REFERENCES tasks (seq),
    PRIMARY KEY (task, needs)
  ) STRICT`,
  `CREATE INDEX dependencies_needs ON dependencies (needs)`,
  `CREATE INDEX tasks_group ON tasks (grp) WHERE grp IS NOT NULL`,
  `CREATE INDEX tasks_parent ON tasks (parent) WHERE parent IS NOT NULL`,
  `DROP INDEX tasks_under_way`,
  `DROP INDEX tasks_queued`,
  `CREATE INDEX tasks_under_way ON tasks (backend, line, status) WHERE settled = 0 AND status <> 'queued'`,
  `CREATE INDEX tasks_waiting ON tasks (line, seq) WHERE settled = 0 AND status = 'queued' AND blocked = 0`,
  `CREATE INDEX tasks_ahead ON tasks (backend, priority, seq) WHERE settled = 0 AND status = 'queued'`,
  `CREATE INDEX tasks_failing ON tasks (expires_at) WHERE settled = 0 AND status = 'queued' AND expires_at IS NOT NULL`
]

/** Names and ids that outlive their tasks; `until_at`, `since` and the other times are milliseconds since 1970. */
const retention = [
  `CREATE TABLE reservations (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until_at BIGINT NOT NULL)`,
  `CREATE TABLE sweep_findings (finding TEXT PRIMARY KEY, since BIGINT NOT NULL)`,
  `CREATE TABLE expired_tasks (
    id TEXT PRIMARY KEY,
    alias TEXT,
    principal TEXT,
    status TEXT NOT NULL,
    ended_at BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    export TEXT
  )`,
  `CREATE INDEX expired_tasks_alias ON expired_tasks (alias) WHERE alias IS NOT NULL`,
  `CREATE INDEX expired_tasks_by_time ON expired_tasks (deleted_at)`,
  `CREATE TABLE spent_keys (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL)`,
  `CREATE INDEX spent_keys_by_task ON spent_keys (id)`,
  `CREATE INDEX idempotency_keys_by_task ON idempotency_keys (task)`,
  `CREATE INDEX quota_uses_by_task ON quota_uses (task)`
]

/** The machine that alone may drive a task; tasks from before have none. */
const hosts = [`ALTER TABLE tasks ADD COLUMN host TEXT`]

/** In SQLite's words, whatever the database: `inDialect` says them for PostgreSQL. A new one goes to the end. */
const migrations: ReadonlyArray<readonly [name: string, statements: ReadonlyArray<string>]> = [
  ["first", first],
  ["policies", policies],
  ["questions", questions],
  ["listeners", listeners],
  ["admission", admission],
  ["retention", retention],
  ["hosts", hosts]
]

const current = migrations.length

/** The version of a file whose tasks have moved to another database; older programs take it for one they do not know. */
export const moved = 1_000_000

/** The version of a database whose tasks can still be changed in the file they come from. */
export const arriving = 999_999

const unusable: ReadonlyMap<number, StoreFault> = new Map([
  [moved, "moved"],
  [arriving, "arriving"]
])

/** What a database is called that nobody may use because of a move, and which way the tasks went. */
export const standing = Effect.fnUntraced(function* (sql: SqlClient) {
  const fault = unusable.get(yield* applied(sql))
  return fault === undefined ? undefined : { fault, name: yield* lastName(sql) }
})

/** The same for a client that is not in the context. */
export const migrateTo = (sql: SqlClient) => Effect.provideService(migrate, SqlClient, sql)

/** Brings an empty or older database up to date; one from a newer version stays as it is. */
export const migrate = Effect.gen(function* () {
  const sql = yield* SqlClient
  const found = yield* applied(sql)
  if (found > current) {
    const halted = yield* standing(sql)
    return yield* halted === undefined
      ? new StoreFailed({ fault: "newer", detail: `it is at version ${found}, this program knows ${current}` })
      : new StoreFailed({ fault: halted.fault, detail: halted.name })
  }
  if (found === current) return
  yield* prepare(sql)
  yield* run(versionTable(sql))
  const reached = yield* applied(sql)
  if (reached !== current) {
    return yield* new StoreFailed({ fault: "io", detail: `the database stayed at version ${reached} of ${current}` })
  }
}).pipe(Effect.catchTag("SqlError", storeFailed), Effect.withSpan("store.migrate"))

const applied = (sql: SqlClient) =>
  Effect.flatMap(countTables(sql, versionTable(sql)), ([known]) =>
    known === undefined || known.count === 0
      ? Effect.succeed(0)
      : Effect.map(
          sql<{ version: number | null }>`SELECT max(migration_id) AS version FROM ${sql(versionTable(sql))}`,
          ([row]) => row?.version ?? 0
        )
  )

const lastName = (sql: SqlClient) =>
  Effect.map(
    sql<{ name: string }>`SELECT name FROM ${sql(versionTable(sql))} ORDER BY migration_id DESC LIMIT 1`,
    ([row]) => row?.name ?? ""
  )

const loader: Migrator.Loader = Effect.succeed(
  migrations.map(([name, statements], index) => [
    index + 1,
    name,
    Effect.succeed(
      Effect.flatMap(SqlClient, (sql) =>
        Effect.forEach(statements, (statement) => sql.unsafe(inDialect(sql, statement)), { discard: true })
      )
    )
  ])
)

/** The migrator dies of a statement that failed; the statement's own error says more. */
const run = (table: string) =>
  Migrator.make({})({ loader, table }).pipe(
    Effect.catchAllDefect((defect) =>
      defect instanceof Migrator.MigrationError && defect.cause instanceof SqlError
        ? Effect.fail(defect.cause)
        : Effect.die(defect)
    ),
    Effect.catchTag("MigrationError", (error) => new StoreFailed({ fault: "io", detail: error.message, cause: error }))
  )
