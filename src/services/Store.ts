import { Context, type Effect, Layer, type Option } from "effect"
import type {
  IdempotencyConflict,
  InvalidInput,
  QuotaReached,
  StoreFailed,
  TaskChanged,
  TaskNotFound
} from "../domain/DispatchError.js"
import type { Json, JsonObject } from "../domain/Json.js"
import type { TaskStatus, Transition } from "../domain/Lifecycle.js"
import type {
  Artifact,
  Lineage,
  NewArtifact,
  Outcome,
  Resource,
  RoutedRequest,
  Task,
  TaskError,
  TaskId
} from "../domain/Task.js"
import type { NewTaskEvent, TaskEvent } from "../domain/TaskEvent.js"
import type { TaskQuestion } from "../domain/TaskQuestion.js"
import type { Usage } from "../domain/Terms.js"
import { makeMemory } from "./StoreMemory.js"
import type { Upkeep } from "./Upkeep.js"

export interface NewTask {
  readonly id: TaskId
  readonly request: RoutedRequest
  readonly cloudAgent?: JsonObject | undefined
  /** On whose behalf, as `Caller` names it. */
  readonly principal?: string | undefined
  /** Another name, unique among all tasks, that `resolve` finds it by. */
  readonly alias?: string | undefined
  readonly lineage?: Lineage | undefined
  /** The machine that alone may drive it, as `Host` names it. */
  readonly host?: string | undefined
  /** Limits that this creation must keep, each counted over all tasks that were created under the same rule. */
  readonly quotas?: ReadonlyArray<Quota> | undefined
  /** Two creations with one key and one fingerprint are one task. */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string } | undefined
}

export interface Quota {
  /** What is counted together. */
  readonly rule: string
  /** At most so many creations in the last 3,600 s. */
  readonly perHour?: number | undefined
  /** At most so many tasks that are not terminal. */
  readonly concurrent?: number | undefined
}

/** How much of a quota's limits is used up. */
export interface QuotaUse {
  /** Creations in the last 3,600 s. */
  readonly lastHour: number
  /** Tasks that are not terminal. */
  readonly unfinished: number
}

/** Text for the log, or an event; a `task.log` event's message goes to the log and is not stored twice. */
export type Entry = { readonly log: string } | NewTaskEvent

/** What one transaction changes; a member that is absent leaves its part as it is. */
export interface Change {
  readonly transition?: Transition
  /** Appended in order, before the event of the transition they led to. */
  readonly entries?: ReadonlyArray<Entry>
  readonly attempt?: number
  readonly startToken?: string
  readonly providerRefs?: JsonObject
  readonly cloudAgent?: JsonObject
  readonly cursor?: Json
  readonly outcome?: Outcome
  readonly error?: TaskError
  readonly stopping?: TaskError
  readonly usage?: Usage
  readonly artifacts?: ReadonlyArray<NewArtifact>
  /** Upserted by key. */
  readonly resources?: ReadonlyArray<Resource>
  /** Upserted by key. */
  readonly questions?: ReadonlyArray<TaskQuestion>
  readonly settled?: boolean
  /** Nobody claims the task again before this time, in milliseconds since 1970. */
  readonly dueAt?: number
  /** Told to callers until the next transition: its backend wants to be left alone until then. */
  readonly waitingUntil?: number
}

/** The state a change was decided on. */
export interface Basis {
  readonly id: TaskId
  readonly revision: number
  readonly epoch: number
  /** How far had been observed: text of the log is no revision, and yet must not be taken in twice. */
  readonly cursor?: Json | undefined
}

export interface TaskQuery {
  readonly statuses?: ReadonlyArray<TaskStatus> | undefined
  readonly runtime?: string | undefined
  readonly provider?: string | undefined
  /** Only tasks created on its behalf, as `Caller` names it. */
  readonly principal?: string | undefined
  /** Only tasks that were dispatched together. */
  readonly group?: string | undefined
  /** Only tasks that are parts of this one. */
  readonly parent?: TaskId | undefined
  readonly limit: number
  /** A `next` of an earlier page. */
  readonly before?: number | undefined
}

export interface TaskPage {
  /** Newest first. */
  readonly tasks: ReadonlyArray<Task>
  readonly next?: number | undefined
}

export interface LogPage {
  readonly cursor: number
  readonly nextCursor: number
  readonly data: string
}

export interface ClaimRequest {
  readonly owner: string
  /** At most so many tasks. */
  readonly limit: number
  /** Only this task, if given. */
  readonly only?: TaskId
  /** The claimant's machine: tasks that live on another are left to that, but for queued ones that can only fail. */
  readonly host?: string | undefined
  /** Leaves tasks to others that are not the claimant's, in whose turn nobody else gets their room. */
  readonly mine?: ((id: TaskId) => boolean) | undefined
  /** How many tasks of a backend may be under way in all processes together; of one whose work has a machine, on each. */
  readonly capacity: (request: RoutedRequest) => number
  /** How many tasks counted under a key may be under way in all processes together; nothing where there is no limit. */
  readonly most?: (key: string) => number | undefined
}

/** A task that another one needs. */
export interface Dependency {
  readonly id: TaskId
  readonly status: TaskStatus
}

/** What a queued task has before it. */
export interface Queue {
  /** Queued tasks of its backend, and of its machine if it has one, that come before it. */
  readonly ahead: number
  /** Those of them that are under way. */
  readonly underWay: number
  /** How long the last of them took, from the queue to their end, in milliseconds. */
  readonly lately: ReadonlyArray<number>
}

/**
 * Remembers every task this installation has accepted, and who drives it. Every change is one durable transaction;
 * what a call has returned survives the death of the process and of the machine.
 */
export class Store extends Context.Tag("agentdispatch/Store")<
  Store,
  {
    /**
     * Accepts a task with its `task.created` event, or returns the one that has the same idempotency key. Quotas are
     * counted and kept in the same transaction, so two processes cannot both take the last place. A parent that is
     * ended or ending is refused, and a task it shall depend on must exist.
     */
    readonly create: (
      task: NewTask
    ) => Effect.Effect<
      { readonly task: Task; readonly existed: boolean },
      IdempotencyConflict | InvalidInput | QuotaReached | StoreFailed
    >
    /** All of them or none, in one transaction; each may depend on those before it. */
    readonly createAll: (
      tasks: ReadonlyArray<NewTask>
    ) => Effect.Effect<
      ReadonlyArray<{ readonly task: Task; readonly existed: boolean }>,
      IdempotencyConflict | InvalidInput | QuotaReached | StoreFailed
    >
    /** The tasks it depends on, as they are now. */
    readonly dependencies: (id: TaskId) => Effect.Effect<ReadonlyArray<Dependency>, StoreFailed>
    /** What a queued task has before it; nothing if it is not queued. */
    readonly queue: (id: TaskId) => Effect.Effect<Option.Option<Queue>, StoreFailed>
    /** How much is used of what is counted under a rule. */
    readonly quotaUse: (rule: string) => Effect.Effect<QuotaUse, StoreFailed>
    readonly find: (id: TaskId) => Effect.Effect<Task, TaskNotFound | StoreFailed>
    /** The id of the task that has this alias. */
    readonly resolve: (alias: string) => Effect.Effect<TaskId, TaskNotFound | StoreFailed>
    readonly list: (query: TaskQuery) => Effect.Effect<TaskPage, StoreFailed>
    /**
     * Applies a change if the task still is at the basis' revision and epoch, and at its cursor if the change moves that,
     * else `TaskChanged`. A transition that the
     * lifecycle refuses is `TaskChanged` as well; one that asks for the same status changes only the rest.
     */
    readonly commit: (basis: Basis, change: Change) => Effect.Effect<Task, TaskChanged | StoreFailed>
    /** Events after a revision, oldest first: the first `limit` of them, or the last ones if `newest`; log text is not in them. */
    readonly events: (
      id: TaskId,
      options: { readonly afterRevision: number; readonly limit: number; readonly newest?: boolean }
    ) => Effect.Effect<ReadonlyArray<TaskEvent>, StoreFailed>
    /** One page of the log from a position in UTF-16 code units; never half a surrogate pair. Costs the page, not the log. */
    readonly log: (
      id: TaskId,
      options: { readonly cursor: number; readonly limit: number }
    ) => Effect.Effect<LogPage, TaskNotFound | StoreFailed>
    readonly artifacts: (id: TaskId) => Effect.Effect<ReadonlyArray<Artifact>, StoreFailed>
    readonly resources: (id: TaskId) => Effect.Effect<ReadonlyArray<Resource>, StoreFailed>
    /** Everything the task ever asked, oldest first. */
    readonly questions: (id: TaskId) => Effect.Effect<ReadonlyArray<TaskQuestion>, StoreFailed>
    /** Completes with the task once its revision is above the given one; wakes for changes by any process. */
    readonly changed: (id: TaskId, revision: number) => Effect.Effect<Task, TaskNotFound | StoreFailed>
    /** The revisions of those tasks that exist; one look for however many are watched. */
    readonly revisions: (ids: ReadonlyArray<TaskId>) => Effect.Effect<ReadonlyMap<TaskId, number>, StoreFailed>
    /** Terminal tasks that ended after a time, in milliseconds since 1970, first those that ended first. */
    readonly finished: (query: {
      readonly after: number
      readonly principal?: string | undefined
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<Task>, StoreFailed>
    /** Until when a listener has heard of ended tasks, in milliseconds since 1970; nothing if it is new. */
    readonly heard: (listener: string) => Effect.Effect<Option.Option<number>, StoreFailed>
    /** Never goes back. */
    readonly hear: (listener: string, until: number) => Effect.Effect<void, StoreFailed>
    /** The value under a name that all processes of this installation agree on: the first that was offered. */
    readonly agreed: (name: string, offered: string) => Effect.Effect<string, StoreFailed>
    /** What time it is where the tasks are kept, in milliseconds since 1970; nothing where that is this machine. */
    readonly timeThere: Effect.Effect<Option.Option<number>, StoreFailed>
    /** Says that an owner lives until `until`, in milliseconds since 1970. */
    readonly renew: (owner: string, until: number) => Effect.Effect<void, StoreFailed>
    /**
     * Gives unsettled tasks that are due and have no living owner to `owner`, each under a new epoch: first those under
     * way, then queued ones that can only fail (their time is over, or a task they depend on did not succeed), then
     * queued ones in the order and as far as `Admission.admit` lets them. Silent owners lose the queued ones they
     * have, for these do not count any more. Never its own, though its lease be over: it may be in the middle of
     * driving them.
     */
    readonly claim: (request: ClaimRequest) => Effect.Effect<ReadonlyArray<Task>, StoreFailed>
    /** Gives tasks back, all of the owner's if none are named. */
    readonly release: (owner: string, ids?: ReadonlyArray<TaskId>) => Effect.Effect<void, StoreFailed>
    /** Tasks of this owner, also those whose claim it never heard of because the answer was lost. */
    readonly owned: (owner: string) => Effect.Effect<ReadonlyArray<TaskId>, StoreFailed>
    /** Tasks of this owner that somebody wants cancelled, or has answered. */
    readonly wanted: (owner: string) => Effect.Effect<ReadonlyArray<TaskId>, StoreFailed>
    readonly upkeep: Upkeep
  }
>() {
  static readonly layerMemory = Layer.effect(Store, makeMemory)
}
