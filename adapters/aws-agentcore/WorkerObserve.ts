import { Clock, Effect, Option, Schema } from "effect"
import { type Json, JsonText } from "../../src/domain/Json.js"
import type { Outcome } from "../../src/domain/Task.js"
import { unanswerable } from "../../src/domain/TaskQuestion.js"
import type { StateReply } from "../../src/domain/WorkerProtocol.js"
import { failedOutcome, type AdapterFailure, type Observation } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import { entryOf } from "./Answer.js"
import { keepArtifacts } from "./Artifacts.js"
import { clientsOf } from "./Clients.js"
import { ask, unfit } from "./Dialogue.js"
import { failing, type Work } from "./Mode.js"
import { deadlineOf, sha256 } from "./Plan.js"
import { CancelledElsewhere, Expired, ResultCorrupt, WorkerFailed, WorkerLost } from "./Spec.generated.js"
import { stopSession } from "./Stop.js"

/** How far a task has been listened to, and on which boot of its session's machine. */
const Cursor = Schema.Struct({
  seq: Schema.Int,
  boot: Schema.optionalWith(Schema.String, { exact: true }),
  bootedAt: Schema.optionalWith(Schema.Number, { exact: true }),
  /** When the last event happened, in milliseconds since 1970. */
  at: Schema.optionalWith(Schema.Number, { exact: true })
})
type Cursor = typeof Cursor.Type
type Reply = typeof StateReply.Type

const waitMs = 20_000
const answerWithin = "45 seconds"
const chunkBytes = 4 * 1024 * 1024

/** Where the task was left: its cursor, else what the start noted. */
export const cursorOf = ({ task }: Work): Cursor =>
  Option.getOrElse(Schema.decodeUnknownOption(Cursor)(task.cursor), () => {
    const { boot, bootedAt } = task.providerRefs
    return {
      seq: 0,
      ...(typeof boot === "string" ? { boot } : {}),
      ...(typeof bootedAt === "number" ? { bootedAt } : {})
    }
  })

/** Whether the machine the work ran on has reached the end of its life; asking would only bring up another. */
export const outlived = ({ plan }: Work, { bootedAt }: Cursor): Effect.Effect<boolean> =>
  Effect.map(
    Clock.currentTimeMillis,
    (now) => bootedAt !== undefined && now > bootedAt + plan.details.maxLifetimeSeconds * 1000
  )

/** One look at the worker; nothing if it does not have the work any more. */
export const poll = (work: Work, cursor: Cursor, wait: number) =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const { poll: client } = yield* clientsOf(plan.place)
    const reply = yield* ask(
      client,
      session,
      { v: 1, op: "poll", taskId: task.id, cursor: cursor.seq, waitMs: wait, maxEvents: 1_000, maxBytes: 1_000_000 },
      answerWithin
    ).pipe(Effect.mapError((error) => (error._tag === "Fault" ? failing(work)(error) : error)))
    if (!("state" in reply)) return yield* unfit("poll", reply)
    const moved = cursor.boot !== undefined && cursor.boot !== reply.boot
    if (reply.state === "unknown" || reply.state === "interrupted" || moved) return undefined
    const bootedAt = cursor.bootedAt ?? (yield* Clock.currentTimeMillis) - reply.bootAgeMs
    return { reply, entries: entriesOf(reply), cursor: advanced({ ...cursor, boot: reply.boot, bootedAt }, reply) }
  })

export const observe = (work: Work): Effect.Effect<Observation, AdapterFailure> =>
  Effect.gen(function* () {
    const cursor = cursorOf(work)
    if (yield* outlived(work, cursor)) return yield* lost(work, cursor, "its session reached the end of its life")
    const seen = yield* poll(work, cursor, waitMs)
    if (seen === undefined) return yield* lost(work, cursor, "another machine answered, which does not have it")
    const { reply, entries } = seen
    const more = seen.cursor.seq < (reply.seq ?? seen.cursor.seq)
    const at = { entries, cursor: { ...seen.cursor } }
    if (more) return { ...at, pollAfter: 0 }
    if (!isEnded(reply)) return { ...at, pollAfter: entries.length > 0 ? 20 : 250 }
    const { artifacts = [] } = reply
    const outcome = yield* outcomeOf(work, reply)
    const notes = yield* keepArtifacts(work, artifacts)
    return { ...at, entries: [...entries, ...notes], artifacts, outcome, pollAfter: 0 }
  })

export const isEnded = ({ state }: Reply): boolean =>
  state === "succeeded" || state === "failed" || state === "cancelled" || state === "expired"

const entriesOf = ({ events = [], state, truncatedBefore }: Reply): ReadonlyArray<Entry> => [
  ...(truncatedBefore === undefined
    ? []
    : [{ type: "task.progress", message: `The worker no longer has its events up to ${truncatedBefore}.` } as const]),
  // Only a worker that waits for an answer can be given one.
  ...events.map(({ event }) =>
    event.type === "task.input_required" && state !== "input_required" ? unanswerable(event.message) : entryOf(event)
  )
]

const advanced = (cursor: Cursor, { events = [], truncatedBefore = 0 }: Reply): Cursor => {
  const last = events.at(-1)
  return last === undefined
    ? { ...cursor, seq: Math.max(cursor.seq, truncatedBefore) }
    : { ...cursor, seq: last.seq, at: last.at }
}

/** The work is gone; the machine that the question brought up is stopped before anybody is told. */
const lost = (work: Work, cursor: Cursor, detail: string): Effect.Effect<Observation, AdapterFailure> =>
  Effect.mapError(stopSession(work.plan.place, work.session), failing(work, "StopRuntimeSession")).pipe(
    Effect.as({
      entries: [],
      cursor: { ...cursor },
      outcome: failedOutcome(
        new WorkerLost({
          detail,
          lastHeartbeat: cursor.at === undefined ? "its start" : new Date(cursor.at).toISOString()
        })
      ),
      pollAfter: 0
    })
  )

const outcomeOf = (work: Work, reply: Reply): Effect.Effect<Outcome, AdapterFailure> =>
  Effect.gen(function* () {
    const result = reply.resultRef === undefined ? reply.result : yield* fetched(work, reply.resultRef)
    const detail = reply.error?.message ?? "it did not say why"
    switch (reply.state) {
      case "succeeded":
        return { ok: true, ...(result === undefined ? {} : { result }) }
      case "expired":
        return reply.error === undefined || reply.error.code === "worker.deadline_exceeded"
          ? failedOutcome(new Expired({ seconds: deadlineOf(work.plan.details) }), result)
          : failedOutcome(new CancelledElsewhere({ detail }), result)
      case "cancelled":
        return failedOutcome(new CancelledElsewhere({ detail }), result)
      default:
        return failedOutcome(
          new WorkerFailed({
            detail,
            workerError:
              reply.error === undefined
                ? null
                : {
                    code: reply.error.code,
                    ...(reply.error.details === undefined ? {} : { details: reply.error.details })
                  }
          }),
          result
        )
    }
  })

/** A result above the inline limit, piece by piece, believed only with its hash. */
const fetched = (
  work: Work,
  { bytes, sha256: expected }: { readonly bytes: number; readonly sha256: string }
): Effect.Effect<Json, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const { poll: client } = yield* clientsOf(plan.place)
    const pieces: Array<Buffer> = []
    for (let offset = 0; offset < bytes;) {
      const reply = yield* ask(
        client,
        session,
        { v: 1, op: "result", taskId: task.id, offset, limit: chunkBytes },
        "60 seconds"
      ).pipe(Effect.mapError((error) => (error._tag === "Fault" ? failing(work)(error) : error)))
      if (!("data" in reply)) return yield* unfit("result", reply)
      const piece = Buffer.from(reply.data, "base64")
      if (piece.length === 0 || reply.offset !== offset)
        return yield* new ResultCorrupt({ detail: `it ends at byte ${offset} of ${bytes}` })
      pieces.push(piece)
      offset += piece.length
    }
    const whole = Buffer.concat(pieces)
    if (sha256(whole) !== expected) return yield* new ResultCorrupt({ detail: "its SHA-256 is another" })
    return yield* Effect.mapError(
      Schema.decode(JsonText)(whole.toString("utf8")),
      () => new ResultCorrupt({ detail: "it is no JSON" })
    )
  })
