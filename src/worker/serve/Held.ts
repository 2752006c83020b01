import { createHash } from "node:crypto"
import { Deferred, Effect, Option, Schema } from "effect"
import { encodeText, type Json, JsonText } from "../../domain/Json.js"
import type { NewArtifact, TaskError } from "../../domain/Task.js"
import type { WorkerPayload, WorkerState } from "../../domain/WorkerProtocol.js"
import { type Inbox, makeInbox } from "../Inbox.js"
import { makeQuestions, type Questions } from "../Questions.js"
import { type Bell, makeBell } from "./Bell.js"
import { makeRing, type Ring } from "./Ring.js"

/** What a start asks for. */
export interface Order {
  readonly taskId: string
  readonly startToken: string
  readonly payload: WorkerPayload
  readonly deadlineSeconds: number
  readonly leaseSeconds?: number | undefined
  readonly lingerSeconds: number
  /** Whether it is remembered beyond this process. */
  readonly journaled: boolean
  /** Whether somebody can answer what the work asks. */
  readonly answerable: boolean
}

/** Why work is ended from outside. */
export type Stop =
  | { readonly because: "cancelled"; readonly reason: string }
  | { readonly because: "terminated"; readonly signal: string }

export const inlineResultBytes = 256 * 1024

/** A result as its JSON text; the value itself is kept only while it is small. */
export interface Result {
  readonly text: Buffer
  readonly sha256: string
  readonly inline?: { readonly value: Json }
}

export const resultOf = (value: Json): Result => summarized(Buffer.from(encodeText(value)), () => value)

/** A result from its JSON text; undefined for text that is none. */
export const restored = (json: string): Result | undefined =>
  Option.getOrUndefined(Option.map(decode(json), (value) => summarized(Buffer.from(json), () => value)))

const decode = Schema.decodeOption(JsonText)

const summarized = (text: Buffer, value: () => Json): Result => {
  const sha256 = createHash("sha256").update(text).digest("hex")
  return { text, sha256, ...(text.length <= inlineResultBytes ? { inline: { value: value() } } : {}) }
}

export type TerminalState = "succeeded" | "failed" | "cancelled" | "expired"

/** How work ended. */
export interface Ending {
  readonly state: TerminalState
  readonly result?: Result
  readonly artifacts: ReadonlyArray<NewArtifact>
  readonly error?: TaskError
}

/** A task that this process has. */
export interface Held {
  readonly order: Order
  readonly ring: Ring
  readonly inbox: Inbox
  readonly questions: Questions
  readonly bell: Bell
  /** Completed once the start is remembered, or failed with why it cannot be. */
  readonly accepted: Deferred.Deferred<void, Refusal>
  /** Completed once the start has been answered. */
  readonly go: Deferred.Deferred<void>
  readonly stop: Deferred.Deferred<Stop>
  /** Completed once nobody waits for the result any more. */
  readonly released: Deferred.Deferred<void>
  readonly messageIds: Set<string>
  state: WorkerState
  ending?: Ending
  /** When it came to this state, in milliseconds since 1970. */
  changedAt: number
  /** Nobody waits for its result any more. */
  settled: boolean
  /** When its dispatcher was last heard of, in milliseconds since 1970. */
  heardAt: number
  /** How many polls are being answered. */
  polls: number
}

/** Why a request is not carried out. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

export const makeHeld = (order: Order, now: number): Effect.Effect<Held> =>
  Effect.map(
    Effect.all([Deferred.make<void, Refusal>(), Deferred.make<void>(), Deferred.make<Stop>(), Deferred.make<void>()]),
    ([accepted, go, stop, released]) => ({
      order,
      ring: makeRing(),
      inbox: makeInbox(),
      questions: makeQuestions(),
      bell: makeBell(),
      accepted,
      go,
      stop,
      released,
      messageIds: new Set<string>(),
      state: "accepted",
      settled: false,
      changedAt: now,
      heardAt: now,
      polls: 0
    })
  )

/** A result's value, whatever its size. */
export const valueOf = ({ inline, text }: Result): Json =>
  inline === undefined ? Schema.decodeSync(JsonText)(text.toString("utf8")) : inline.value

/** Comes to a state, unless it has it or has ended. */
export const moved = (held: Held, state: "running" | "input_required", now: number): void => {
  if (held.ending !== undefined || held.state === state) return
  held.state = state
  held.changedAt = now
  held.bell.ring()
}
