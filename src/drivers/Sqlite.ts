import { join } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { Data, Effect, Layer, Option, Schedule } from "effect"
import { isBusy, storeFailed } from "./SqlFault.js"
import * as Wal from "./SqliteWal.js"
import { privateFile, privateFolder } from "./StateFolder.js"

/** How long SQLite itself waits for a lock, in milliseconds: the whole process stands still meanwhile. */
const blockingTimeout = 10

/** Further waiting leaves the process free to work; short jittered pauses, up to 15 s in all. */
const patience = Schedule.exponential("1 millis", 1.5).pipe(
  Schedule.union(Schedule.spaced("100 millis")),
  Schedule.jittered,
  Schedule.upTo("15 seconds")
)

/** Another process was writing when a transaction wanted to begin. */
class Contended extends Data.TaggedError("Contended")<{ readonly error: SqlError }> {}

/** The name of the one file in a state folder. */
export const fileName = "agentdispatch.db"

/** The one database file of a state folder, which is made private to this user first. */
export const layer = (stateDir: string) => {
  const filename = join(stateDir, fileName)
  return Layer.scoped(
    SqlClient.SqlClient,
    privateFolder(stateDir).pipe(
      Effect.zipRight(privateFile(filename)),
      Effect.zipRight(Effect.mapError(open(filename), storeFailed))
    )
  ).pipe(Layer.provide(Reactivity.layer))
}

const open = Effect.fn("sqlite.open")(function* (filename: string) {
  const vendor = yield* asFailure(SqliteClient.make({ filename, disableWAL: true }))
  const connection = honest(yield* Effect.scoped(vendor.reserve))
  const lock = yield* Effect.makeSemaphore(1)
  const sql = yield* SqlClient.make({
    acquirer: Effect.succeed(patient(connection, lock)),
    transactionAcquirer: Effect.as(
      Effect.acquireRelease(lock.take(1), () => lock.release(1)),
      connection
    ),
    compiler: Statement.makeCompilerSqlite(),
    spanAttributes: [["db.system.name", "sqlite"]]
  })
  yield* sql.unsafe(`PRAGMA busy_timeout = ${blockingTimeout}`)
  // Fails on a damaged file before anything can write to it.
  yield* sql`SELECT count(*) FROM sqlite_master`
  // With WAL, anything less loses the last transactions in a power cut.
  yield* sql`PRAGMA synchronous = FULL`
  yield* sql`PRAGMA foreign_keys = ON`
  for (const setting of Wal.settings) yield* sql.unsafe(setting)
  yield* Wal.watch(filename, connection, lock)
  return Object.assign(sql, { withTransaction: transactions(connection, lock) })
})

/**
 * The vendor's connection with its failures as failures. It also remembers for minutes that a statement could not be
 * prepared, even if the database was only busy, so such a statement is prepared once more without its memory.
 */
const honest = (connection: Connection): Connection => {
  const unprepared: Connection["executeUnprepared"] = (text, params, transform) =>
    asFailure(Effect.suspend(() => connection.executeUnprepared(text, params, transform)))
  return {
    ...connection,
    executeUnprepared: unprepared,
    execute: (text, params, transform) =>
      Effect.catchIf(
        connection.execute(text, params, transform),
        (error) => error.message.startsWith("Failed to prepare"),
        () => unprepared(text, params, transform)
      )
  }
}

/** The vendor throws where it should fail. */
const asFailure = <A, R>(effect: Effect.Effect<A, SqlError, R>): Effect.Effect<A, SqlError, R> =>
  Effect.catchAllDefect(effect, (cause) => new SqlError({ cause, message: "Failed to use the database" }))

/** Single statements: one at a time, never inside somebody's transaction, and again while the database is busy. */
const patient = (connection: Connection, lock: Effect.Semaphore): Connection => {
  const run = <A>(effect: Effect.Effect<A, SqlError>) =>
    Effect.retry(lock.withPermits(1)(effect), { schedule: patience, while: isBusy })
  return {
    execute: (text, params, transform) => run(connection.execute(text, params, transform)),
    executeRaw: (text, params) => run(connection.executeRaw(text, params)),
    executeValues: (text, params) => run(connection.executeValues(text, params)),
    executeUnprepared: (text, params, transform) => run(connection.executeUnprepared(text, params, transform)),
    executeStream: (text, params, transform) => connection.executeStream(text, params, transform)
  }
}

/** Whatever else came in is dealt with between two transactions: fibers alone would let a queue of them run through. */
const breath = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

/**
 * Transactions that take the write lock when they begin, so that what they read still holds when they write, and
 * whose failed commit is a failure and not a defect. Inside another transaction they are part of it.
 */
const transactions = (connection: Connection, lock: Effect.Semaphore): SqlClient.SqlClient["withTransaction"] => {
  const tell = (command: string) => connection.execute(command, [], undefined)
  const begin = Effect.catchIf(tell("BEGIN IMMEDIATE"), isBusy, (error) => new Contended({ error }))
  // An engine that failed may have rolled back by itself, and then there is nothing to undo.
  const undo = Effect.catchAll(tell("ROLLBACK"), () => Effect.void)

  const once = <A, E, R>(body: Effect.Effect<A, E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.zipRight(
        begin,
        restore(Effect.provideService(body, SqlClient.TransactionConnection, [connection, 0])).pipe(
          Effect.tap(() => tell("COMMIT")),
          Effect.tapErrorCause(() => undo)
        )
      )
    )

  return (body) =>
    Effect.flatMap(
      Effect.serviceOption(SqlClient.TransactionConnection),
      Option.match({
        onSome: () => body,
        onNone: () =>
          Effect.retry(lock.withPermits(1)(Effect.zipLeft(once(body), breath)), {
            schedule: patience,
            while: (error) => error instanceof Contended
          }).pipe(Effect.mapError((error) => (error instanceof Contended ? error.error : error)))
      })
    )
}
