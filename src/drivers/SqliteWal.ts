import { stat } from "node:fs/promises"
import type { Connection } from "@effect/sql/SqlConnection"
import { Effect, Schedule } from "effect"

/** A commit that leaves more pages (4 KiB each) in the WAL copies them into the database, as far as no reader needs them. */
const pagesToCheckpoint = 1_000
/** What the WAL's file is cut back to when it begins anew, in bytes. */
const keptBytes = 8 * 1024 * 1024
/** A WAL that grew beyond this, while a reader held it, is emptied in a quiet moment, in bytes. */
const longBytes = 4 * keptBytes
const look = "15 seconds"

/** Settings of one connection. */
export const settings = [
  `PRAGMA wal_autocheckpoint = ${pagesToCheckpoint}`,
  `PRAGMA journal_size_limit = ${keptBytes}`
] as const

/**
 * Empties a WAL that has grown long. While somebody reads an old state nothing can be done, and nothing waits: the
 * checkpoint gives up at once and the next look tries again. Never within a transaction of ours.
 */
export const watch = (filename: string, connection: Connection, lock: Effect.Semaphore) => {
  const length = Effect.promise(() =>
    stat(`${filename}-wal`).then(
      ({ size }) => size,
      () => 0
    )
  )
  const empty = connection.executeUnprepared("PRAGMA wal_checkpoint(TRUNCATE)", [], undefined)
  return Effect.flatMap(length, (bytes) =>
    bytes > longBytes ? lock.withPermitsIfAvailable(1)(empty) : Effect.void
  ).pipe(
    Effect.catchAll((error) => Effect.logDebug(`the WAL could not be emptied: ${error.message}`)),
    Effect.repeat(Schedule.spaced(look)),
    Effect.delay(look),
    Effect.forkScoped
  )
}
