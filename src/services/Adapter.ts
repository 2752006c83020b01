import { Context, type Effect } from "effect"
import type { AdapterSpec } from "../domain/AdapterSpec.js"
import type { AdapterNotFound } from "../domain/DispatchError.js"
import type { Json, JsonObject } from "../domain/Json.js"
import type { Artifact, NewArtifact, Outcome, Resource, RoutedRequest, Task, TaskError } from "../domain/Task.js"
import type { Remnant } from "../domain/Sweep.js"
import type { Answer } from "../domain/TaskQuestion.js"
import type { Entry } from "./Store.js"

/**
 * A backend's failure. `delivery` says what a failed start did: the far side never got it (`none`), got it (`done`),
 * or nobody knows (`unknown`); only `none` may be tried again.
 */
export interface AdapterFailure {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly delivery: "none" | "unknown" | "done"
  readonly details?: Json | undefined
  /** The backend wants to be left alone for so many milliseconds. */
  readonly retryAfter?: number | undefined
}

/** A backend's failure as a task's error. */
export const errorOf = (failure: AdapterFailure): TaskError => ({
  code: failure.code,
  message: failure.message,
  retryable: failure.retryable,
  ...(failure.details === undefined ? {} : { details: failure.details })
})

/** A backend's failure as the way the work ended; what it gave before is kept. */
export const failedOutcome = (failure: AdapterFailure, result?: Json): Outcome => ({
  ok: false,
  error: errorOf(failure),
  ...(result === undefined ? {} : { result })
})

/** What an adapter learnt or made; stored before the next step. */
export interface Progress {
  readonly providerRefs?: JsonObject
  readonly cloudAgent?: JsonObject
  readonly resources?: ReadonlyArray<Resource>
  readonly entries?: ReadonlyArray<Entry>
}

export interface Observation {
  /** In the order they happened. */
  readonly entries: ReadonlyArray<Entry>
  /** Where the next observation begins. */
  readonly cursor: Json
  readonly artifacts?: ReadonlyArray<NewArtifact>
  /** Given once the work has ended and everything it said has been observed. */
  readonly outcome?: Outcome
  /** The work goes on without an answer to what it asked before these entries: somebody gave it another way. */
  readonly goesOn?: boolean
  /** When it is worth looking again, in milliseconds; 0 when more is waiting. */
  readonly pollAfter: number
}

/**
 * What came of the wish to stop: nothing runs any more, it had finished before, or ask again. `drained` says that all
 * it ever said is in `entries`, so it need not and must not be observed again.
 */
export type CancelProgress =
  | { readonly state: "stopped"; readonly entries?: ReadonlyArray<Entry>; readonly drained?: true }
  | { readonly state: "finished" }
  | { readonly state: "stopping"; readonly pollAfter: number }

export interface Message {
  readonly id: string
  readonly text: string
}

export interface Answered {
  /** As the worker called it. */
  readonly key: string
  readonly answer: Answer
}

/** The agent has it, its backend keeps it for the agent, or nobody knows. */
export type Delivery = "delivered" | "queued" | "unknown"

export interface ArtifactPiece {
  readonly data: Uint8Array
  readonly totalBytes: number
  /** SHA-256 of the whole artifact, in hex, where the backend knows it. */
  readonly sha256?: string
}

/** What the store still knows of this adapter's tasks that have ended. */
export interface Ledger {
  /** Settled tasks of the adapter, newest first, as many as are worth asking about. */
  readonly settled: Effect.Effect<ReadonlyArray<Task>, AdapterFailure>
  readonly resources: (id: Task["id"]) => Effect.Effect<ReadonlyArray<Resource>, AdapterFailure>
}

export type Reaped = { readonly state: "gone" | "later" } | { readonly state: "stays"; readonly because: string }

export interface Check {
  readonly name: string
  readonly status: "pass" | "warn" | "fail"
  readonly message: string
}

/**
 * One kind of backend. It keeps nothing between two calls: all it needs is in the task and on the far side, so any
 * process can go on where another died. Every call may be repeated, except `start` as its spec says.
 */
export class Adapter extends Context.Tag("agentdispatch/Adapter")<
  Adapter,
  {
    readonly spec: AdapterSpec
    /** Metadata a caller needs to speak with the agent itself; computed without any effect at the far side. */
    readonly describe: (task: Pick<Task, "id" | "request">) => JsonObject | undefined
    /** Preflight without cost: nothing is started. */
    readonly check: (request: RoutedRequest, live: boolean) => Effect.Effect<ReadonlyArray<Check>>
    /** Names the resources the next steps will make, before they are made. */
    readonly prepare: (task: Task) => Effect.Effect<Progress, AdapterFailure>
    /** Makes what a task of target mode `runtime` runs on. */
    readonly provision: (task: Task) => Effect.Effect<Progress, AdapterFailure>
    /** Begins the work under the task's start token; resolves once the far side has it. */
    readonly start: (task: Task) => Effect.Effect<Progress, AdapterFailure>
    /** For `start: probe`: does the far side have this start token? */
    readonly probe: (task: Task) => Effect.Effect<"has it" | "never got it" | "cannot say", AdapterFailure>
    /** What happened since the task's cursor; safe to interrupt. */
    readonly observe: (task: Task) => Effect.Effect<Observation, AdapterFailure>
    /** Tells the far side that outcome and artifacts are stored. */
    readonly finish: (task: Task) => Effect.Effect<void, AdapterFailure>
    /** Stops the work; `stopped` only after verifying that nothing of it runs. */
    readonly cancel: (task: Task) => Effect.Effect<CancelProgress, AdapterFailure>
    /**
     * Removes the resources and confirms they are gone; returns them with their new state. One that is kept on purpose
     * says in `ref.keepUntil` when to ask again, in milliseconds since 1970.
     */
    readonly cleanup: (
      task: Task,
      resources: ReadonlyArray<Resource>
    ) => Effect.Effect<ReadonlyArray<Resource>, AdapterFailure>
    /** Says something to the agent that has the task; the same message id is one message. Absent where agents cannot be spoken to. */
    readonly send?: (task: Task, message: Message) => Effect.Effect<{ readonly delivery: Delivery }, AdapterFailure>
    /**
     * Gives the agent the answer to a question it asked with `task.input_required`; the same question again is the same
     * answer. Absent, or denied by `takesAnswers`, where agents cannot be answered: their questions are only told, and
     * nobody waits.
     */
    readonly takesAnswers?: (task: Pick<Task, "request">) => boolean
    readonly answer?: (task: Task, question: Answered) => Effect.Effect<void, AdapterFailure>
    /** A piece of an artifact's bytes. Absent where artifacts cannot be read through the backend. */
    readonly readArtifact?: (
      task: Task,
      artifact: Artifact,
      range: { readonly offset: number; readonly limit: number }
    ) => Effect.Effect<ArtifactPiece, AdapterFailure>
    /**
     * Everything at the far side that bears this installation's marks, whatever became of its task: who asks compares it
     * with the store afterwards, so that nothing made in the meantime counts as left. Changes nothing. Absent where
     * nothing can be listed.
     */
    readonly remnants?: (ledger: Ledger) => Effect.Effect<ReadonlyArray<Remnant>, AdapterFailure>
    /** Removes one of them and confirms that it is gone; `later` if that takes longer, or why it has to stay. */
    readonly reap?: (remnant: Remnant, ledger: Ledger) => Effect.Effect<Reaped, AdapterFailure>
  }
>() {}

/** The kinds of backend that are built in, each loaded when first needed. */
export class Adapters extends Context.Tag("agentdispatch/Adapters")<
  Adapters,
  {
    readonly specs: ReadonlyArray<AdapterSpec>
    readonly find: (name: string) => Effect.Effect<typeof Adapter.Service, AdapterNotFound>
  }
>() {}
