import { join } from "node:path"
import Database from "better-sqlite3"
import { Data, Effect, Predicate, Schedule, Scope } from "effect"
import { AuditUnusable } from "../services/AuditTrail.js"
import { names } from "./AuditFile.js"
import { privateFolder } from "./StateFolder.js"

/** Held by one at a time, in all processes of this machine together. */
export type Lock = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | AuditUnusable, R>

/** Somebody else holds it now. */
class Contended extends Data.TaggedError("Contended")<{ readonly path: string }> {}

/** Short jittered pauses, in which the process is free to work. */
const patience = Schedule.exponential("1 millis", 1.5).pipe(
  Schedule.union(Schedule.spaced("50 millis")),
  Schedule.jittered,
  Schedule.upTo("10 seconds")
)

/**
 * The lock of a state folder, which the system takes from a process that dies: an empty database's, as Node has no
 * file locks of its own. It is opened at its first use.
 */
export const make = Effect.fn("audit.lock")(function* (folder: string) {
  const path = join(folder, names.lock)
  const inLine = yield* Effect.makeSemaphore(1)
  const scope = yield* Effect.scope
  const opened = yield* Effect.cached(
    Effect.mapError(
      privateFolder(folder),
      ({ detail }) => new AuditUnusable({ path: folder, problem: `cannot be used: ${detail}` })
    ).pipe(
      Effect.zipRight(
        Effect.acquireRelease(
          Effect.try({ try: () => new Database(path, { timeout: 0 }), catch: (cause) => unusable(path, cause) }),
          (database) => Effect.sync(() => void database.close())
        )
      ),
      Effect.provideService(Scope.Scope, scope)
    )
  )
  const lock: Lock = (effect) =>
    inLine.withPermits(1)(
      Effect.flatMap(opened, (database) =>
        Effect.acquireUseRelease(
          taken(path, database),
          () => effect,
          () => Effect.sync(() => void database.exec("ROLLBACK"))
        )
      )
    )
  return lock
})

const taken = (path: string, database: Database.Database) =>
  Effect.try({
    try: () => void database.exec("BEGIN EXCLUSIVE"),
    catch: (cause) => (isBusy(cause) ? new Contended({ path }) : unusable(path, cause))
  }).pipe(
    Effect.retry({ schedule: patience, while: (error) => error._tag === "Contended" }),
    Effect.catchTag(
      "Contended",
      () => new AuditUnusable({ path, problem: "is held by another process, which may hang" })
    )
  )

const isBusy = (cause: unknown): boolean => Predicate.hasProperty(cause, "code") && cause.code === "SQLITE_BUSY"

const unusable = (path: string, cause: unknown) =>
  new AuditUnusable({ path, problem: `cannot be used: ${cause instanceof Error ? cause.message : String(cause)}` })
