import type { SqlClient } from "@effect/sql/SqlClient"
import { Clock, Effect, Schedule } from "effect"
import { MoveRefused, type MovedTable, type MoveReport } from "../domain/StoreMove.js"
import { isBusy, storeFailed } from "./SqlFault.js"
import { countTables, versionTable } from "./SqlDialect.js"
import { arriving, migrateTo, moved, standing } from "./StoreMigrations.js"
import { type Side, type Table, tablesOf, walk } from "./StoreTables.js"

export interface MoveOptions {
  readonly dryRun: boolean
  /** Also with tasks that are not settled. */
  readonly running: boolean
  /** How messages call the target. */
  readonly target: string
}

/** What servers write without being asked to, and what therefore does not make a database one that is in use. */
const incidental = new Set(["agreements", "listeners", "owners"])

/**
 * Copies everything from a SQLite file into an empty PostgreSQL database in one transaction, compares what arrived,
 * closes the file, and only then lets anybody use the copy: wherever a move is broken off, one of the two at most takes
 * tasks, and the same call again brings it to its end.
 */
export const move = Effect.fn("store.move")(
  function* (from: SqlClient, to: SqlClient, options: MoveOptions) {
    const there = (yield* standing(to))?.fault === "arriving"
    const closed = there && (yield* standing(from))?.name === closedFor(options)
    if (!closed) yield* migrateTo(from)
    const connection = yield* from.reserve
    const source: Side = {
      run: (text, params = []) => connection.executeUnprepared(text, params, undefined),
      placeholder: () => "?"
    }
    const target: Side = { run: (text, params = []) => to.unsafe(text, params), placeholder: (index) => `$${index}` }
    // Through the connection itself: a transaction of one client would be taken for one of the other's.
    yield* Effect.acquireRelease(
      Effect.retry(source.run("BEGIN IMMEDIATE"), {
        while: isBusy,
        schedule: Schedule.upTo(Schedule.spaced("100 millis"), "15 seconds")
      }),
      () => Effect.catchAll(source.run("ROLLBACK"), () => Effect.void)
    )
    if (!closed) yield* refuseInUse(source, options)
    const tables = yield* tablesOf(source, versionTable(from))
    if (options.dryRun) {
      const found = yield* Effect.forEach(tables, (table) => walk(source, table))
      if (there || (yield* tasksIn(to)) > 0) yield* compare(found, target, tables)
      return { target: options.target, tables: found, outcome: "would move" } satisfies MoveReport
    }
    if (!there) yield* migrateTo(to)
    const copied = yield* to.withTransaction(
      Effect.gen(function* () {
        // Nobody creates a task in it while this goes on, nor begins to drive.
        yield* to.unsafe(`LOCK TABLE ${tables.map(({ name }) => `"${name}"`).join(", ")} IN ACCESS EXCLUSIVE MODE`)
        yield* refuseServed(target, options.target)
        if (there || (yield* tasksIn(to)) > 0) {
          const found = yield* Effect.forEach(tables, (table) => walk(source, table))
          yield* compare(found, target, tables)
          return { tables: found, outcome: "was already there" as const }
        }
        const arrived = yield* copy(source, target, tables, to)
        yield* to`INSERT INTO ${to(versionTable(to))} (migration_id, name) VALUES (${arriving}, 'from a SQLite file') ON CONFLICT DO NOTHING`
        return { tables: arrived, outcome: "moved" as const }
      })
    )
    if (!closed) yield* close(source, tables, from, options)
    yield* to`DELETE FROM ${to(versionTable(to))} WHERE migration_id = ${arriving}`
    return { target: options.target, ...copied } satisfies MoveReport
  },
  Effect.scoped,
  Effect.catchTag("SqlError", storeFailed)
)

/** What a file that is closed says of where its tasks are. */
const closedFor = ({ target }: MoveOptions) => `moved to ${target}`

const refuseInUse = Effect.fnUntraced(function* ({ run }: Side, { running }: MoveOptions) {
  const now = yield* Clock.currentTimeMillis
  const living = yield* run("SELECT owner FROM owners WHERE lease_until > ?", [now])
  if (living.length > 0) {
    return yield* new MoveRefused({
      problem: `${living.length} server${living.length === 1 ? " is" : "s are"} using the state folder. Close them (every editor window and agentdispatch serve), wait 5 seconds and try again.`
    })
  }
  const open = yield* run("SELECT id FROM tasks WHERE settled = 0 ORDER BY seq")
  if (open.length > 0 && !running) {
    return yield* new MoveRefused({
      problem: `${open.length} task${open.length === 1 ? " is" : "s are"} not over, ${String(open[0]?.["id"])} for one. Let them end or cancel them; or move them too with --running, and then start a server on this machine with this state folder first: what runs here can only be found again from here.`
    })
  }
})

const refuseServed = Effect.fnUntraced(function* ({ run }: Side, target: string) {
  const now = yield* Clock.currentTimeMillis
  const living = yield* run("SELECT owner FROM owners WHERE lease_until > $1", [now])
  if (living.length > 0) {
    return yield* new MoveRefused({
      problem: `a server is using ${target} already. Stop it, wait 5 seconds and try again.`
    })
  }
})

/** None if the database was never used. */
const tasksIn = Effect.fnUntraced(function* (to: SqlClient) {
  const [known] = yield* countTables(to, "tasks")
  if (known === undefined || known.count === 0) return 0
  const [row] = yield* to<{ count: number }>`SELECT count(*) AS count FROM tasks`
  return row?.count ?? 0
})

/** A target that has everything already was reached by a move whose last step is missing. */
const compare = Effect.fnUntraced(function* (
  found: ReadonlyArray<MovedTable>,
  target: Side,
  tables: ReadonlyArray<Table>
) {
  for (const [index, table] of tables.entries()) {
    if (incidental.has(table.name)) continue
    const there = yield* walk(target, table)
    const here = found[index]
    if (there.rows !== here?.rows || there.sum !== here.sum) {
      return yield* new MoveRefused({
        problem: `the target holds other tasks (${there.rows} rows in ${table.name}, ${here?.rows ?? 0} here). Name an empty database.`
      })
    }
  }
})

const copy = Effect.fnUntraced(function* (source: Side, target: Side, tables: ReadonlyArray<Table>, to: SqlClient) {
  for (const { name } of tables) if (incidental.has(name)) yield* to`DELETE FROM ${to(name)}`
  return yield* Effect.forEach(tables, (table) =>
    Effect.gen(function* () {
      const here = yield* walk(source, table, (rows) =>
        rows.length === 0 ? Effect.void : Effect.asVoid(to`INSERT INTO ${to(table.name)} ${to.insert(rows.map(plain))}`)
      )
      const there = yield* walk(target, table)
      if (there.rows !== here.rows || there.sum !== here.sum) {
        return yield* new MoveRefused({
          problem: `${table.name} did not arrive as it is (${here.rows} rows here, ${there.rows} there). The file and the target are as they were.`
        })
      }
      if (table.name === "tasks" && here.rows > 0) {
        yield* to`SELECT setval(pg_get_serial_sequence('tasks', 'seq'), (SELECT max(seq) FROM tasks))`
      }
      return here
    })
  )
})

const plain = (row: Readonly<Record<string, unknown>>): Record<string, string | number | null> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "string" || typeof value === "number" ? value : null
    ])
  )

/** From now on nobody opens the file, and whoever has it open writes nothing. */
const close = Effect.fnUntraced(function* (
  { run }: Side,
  tables: ReadonlyArray<Table>,
  from: SqlClient,
  options: MoveOptions
) {
  for (const { name } of tables) {
    for (const change of ["INSERT", "UPDATE", "DELETE"]) {
      yield* run(
        `CREATE TRIGGER "${name}_moved_${change.toLowerCase()}" BEFORE ${change} ON "${name}"
          BEGIN SELECT RAISE(ABORT, 'the tasks have moved'); END`
      )
    }
  }
  yield* run(`INSERT INTO ${versionTable(from)} (migration_id, name) VALUES (?, ?)`, [moved, closedFor(options)])
  yield* run("COMMIT")
})
