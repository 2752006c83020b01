import { join } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { Effect, Either } from "effect"
import { kill } from "./CrashScene.js"
import { eventually, type Place } from "./Server.js"

/** The database as another process has it, which waits for the lock hardly at all. */
const outside = ({ stateDir }: Place) =>
  Effect.tap(
    SqliteClient.make({ filename: join(stateDir, "agentdispatch.db"), disableWAL: true }),
    (sql) => sql`PRAGMA busy_timeout = 100`
  ).pipe(Effect.provide(Reactivity.layer), Effect.orDie)

/** Whether anybody can write to the database now. */
export const writable = (at: Place): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const sql = yield* outside(at)
    const begun = yield* Effect.either(sql`BEGIN IMMEDIATE`)
    if (Either.isRight(begun)) yield* Effect.orDie(sql`ROLLBACK`)
    return Either.isRight(begun)
  }).pipe(Effect.scoped)

/** Holds the lock for so long; false if it could not be had. */
export const held = (at: Place, millis: number): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const sql = yield* outside(at)
    const begun = yield* Effect.either(Effect.retry(sql`BEGIN IMMEDIATE`, { times: 100 }))
    if (Either.isLeft(begun)) return false
    yield* Effect.sleep(millis)
    yield* Effect.orDie(sql`ROLLBACK`)
    return true
  }).pipe(Effect.scoped)

/** Stops one server after another until one is stopped between the beginning and the end of a transaction. */
export const stoppedInTransaction = (at: Place, choose: Effect.Effect<number | undefined>): Effect.Effect<number> =>
  eventually(
    Effect.gen(function* () {
      const pid = yield* choose
      if (pid === undefined || !kill(pid, "SIGSTOP")) return undefined
      // Another server may have had the lock for an instant; a second look tells.
      if (!(yield* writable(at)) && !(yield* writable(at))) return pid
      kill(pid, "SIGCONT")
      return undefined
    })
  )
