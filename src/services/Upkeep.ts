import type { Effect } from "effect"
import type { StoreFailed } from "../domain/DispatchError.js"
import type { Loose, Standing } from "../domain/Sweep.js"
import type { Task, TaskId } from "../domain/Task.js"

/** Which settled tasks may be deleted. Times are milliseconds since 1970. */
export interface Ended {
  /** Ended before this time. */
  readonly before: number
  /** A listener that was told something since this time is still there, and what it has not heard of stays. */
  readonly listeningSince: number
  readonly limit: number
}

export interface Weight {
  readonly id: TaskId
  readonly bytes: number
}

/** What keeping the store in order takes, besides what everybody asks of it. */
export interface Upkeep {
  /** Gives a name to `owner` until a time, unless somebody else has it now; of several who ask one gets it. */
  readonly reserve: (name: string, owner: string, until: number) => Effect.Effect<boolean, StoreFailed>
  /** Remembers exactly these findings; since when those are known that an earlier call has named. */
  readonly note: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, number>, StoreFailed>
  /** Unsettled tasks, first those that have been without a visible change for longest. */
  readonly loose: (limit: number) => Effect.Effect<ReadonlyArray<Loose>, StoreFailed>
  /** What became of tasks; one that was never here is not in the answer. */
  readonly standings: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, Standing>, StoreFailed>
  /** Settled tasks that may be deleted, first those that ended first. */
  readonly ended: (query: Ended) => Effect.Effect<ReadonlyArray<Task>, StoreFailed>
  /** Logs with more bytes than that, of settled tasks that ended before a time. */
  readonly longLogs: (query: {
    readonly before: number
    readonly bytes: number
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Weight>, StoreFailed>
  /** How many bytes all records hold, and those of settled tasks, first those that ended first. Reads everything. */
  readonly weights: (
    query: Ended
  ) => Effect.Effect<{ readonly total: number; readonly oldest: ReadonlyArray<Weight> }, StoreFailed>
  /** Keeps the beginning and the end of a settled task's log, and says between them what is missing; the bytes cut. */
  readonly cutLog: (id: TaskId, maxBytes: number) => Effect.Effect<number, StoreFailed>
  /**
   * Deletes the whole record of a task if it is settled and as it was. For a year its id tells when it ended and where
   * its export is, and its idempotency key makes no second task.
   */
  readonly forget: (
    task: Pick<Task, "id" | "revision" | "logLength">,
    exported: string | undefined
  ) => Effect.Effect<boolean, StoreFailed>
}
