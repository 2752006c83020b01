import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { type SqlError } from "@effect/sql/SqlError"
import { Data, Effect, Option, type Schedule, Schema, type Scope } from "effect"
import { isTransient } from "./SqlFault.js"

interface Means {
  readonly reserve: Effect.Effect<Connection, SqlError, Scope.Scope>
  /** As many transactions at once as there are connections for them. */
  readonly room: Effect.Semaphore
  readonly patience: Schedule.Schedule<unknown>
  /** Asks outside the transaction, for as long as it takes. */
  readonly ask: (text: string, params: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<unknown>, SqlError>
}

const Begun = Schema.Tuple(Schema.Unknown, Schema.Unknown, Schema.Tuple(Schema.Struct({ xid: Schema.String })))
const Verdict = Schema.Tuple(Schema.Struct({ status: Schema.NullOr(Schema.String) }))

/**
 * Transactions that are done again when the server gave them up or the connection was lost. If the answer to a commit
 * was lost, the server is asked by the transaction's number what became of it, so nothing is done twice and nothing
 * that was done is reported as failed. Inside another transaction they are part of it.
 */
export const transactions = ({ ask, patience, reserve, room }: Means): SqlClient.SqlClient["withTransaction"] => {
  const once = <A, E, R>(body: Effect.Effect<A, E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const connection = yield* reserve
        const xid = yield* begin(connection)
        return yield* restore(Effect.provideService(body, SqlClient.TransactionConnection, [connection, 0])).pipe(
          Effect.tapErrorCause(() => undo(connection)),
          Effect.zipLeft(
            Effect.catchIf(tell(connection, "COMMIT"), isTransient, (error) => verdict(ask, patience, xid, error))
          )
        )
      })
    ).pipe(Effect.scoped)

  return (body) =>
    Effect.flatMap(
      Effect.serviceOption(SqlClient.TransactionConnection),
      Option.match({
        onSome: () => body,
        onNone: () =>
          Effect.retry(room.withPermits(1)(once(body)), {
            schedule: patience,
            while: (error) => !(error instanceof Undecided) && isTransient(error)
          }).pipe(Effect.mapError((error) => (error instanceof Undecided ? error.error : error)))
      })
    )
}

/** Nobody could say what became of a commit. */
class Undecided extends Data.TaggedError("Undecided")<{ readonly error: SqlError }> {}

const tell = (connection: Connection, command: string) => connection.executeUnprepared(command, [], undefined)

/**
 * A frozen process, or one whose machine is cut off, would keep the locks of its transaction, and every other process
 * of the team waiting, for as long as the server takes it for alive; in milliseconds, as long as a lease.
 */
const silence = 5_000

/** One message, so that knowing the transaction's number costs no time. */
const begin = (connection: Connection) =>
  Effect.flatMap(
    tell(
      connection,
      `BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${silence}; SELECT pg_current_xact_id()::text AS xid`
    ),
    (rows) => Effect.map(Effect.orDie(Schema.decodeUnknown(Begun)(rows)), ([, , [{ xid }]]) => xid)
  )

/** A connection that was lost has nothing to undo. */
const undo = (connection: Connection) =>
  // A statement that was told to stop may pass that on to the next.
  Effect.catchAll(Effect.retry(tell(connection, "ROLLBACK"), { times: 2 }), () => Effect.void)

/** What became of a transaction whose commit was not answered; one that was given up may be done again. */
const verdict = (ask: Means["ask"], patience: Schedule.Schedule<unknown>, xid: string, error: SqlError) =>
  ask("SELECT pg_xact_status($1::xid8) AS status", [xid]).pipe(
    Effect.flatMap((rows) => Effect.orDie(Schema.decodeUnknown(Verdict)(rows))),
    Effect.filterOrFail(
      ([{ status }]) => status !== "in progress",
      () => new Undecided({ error })
    ),
    Effect.retry({ schedule: patience, while: (failure) => failure instanceof Undecided }),
    Effect.mapError(() => new Undecided({ error })),
    Effect.flatMap(([{ status }]): Effect.Effect<void, SqlError | Undecided> => {
      if (status === "committed") return Effect.void
      return status === "aborted" ? error : new Undecided({ error })
    })
  )
