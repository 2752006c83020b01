import { Clock, Effect } from "effect"
import type { Answer } from "../../domain/TaskQuestion.js"
import type {
  AckRequest,
  AnswerRequest,
  ArtifactRequest,
  CancelRequest,
  ChunkReply,
  HelloReply,
  MessageRequest,
  PollRequest,
  ResultRequest,
  StartRequest,
  StateReply
} from "../../domain/WorkerProtocol.js"
import { readPiece } from "./Artifacts.js"
import type { Boot } from "./Boot.js"
import { type Ending, type Held, inlineResultBytes, moved, type Refusal, type Result } from "./Held.js"
import { ringLimits } from "./Ring.js"
import { ended, type Known, type Tasks } from "./Tasks.js"

/** An answer without what every envelope has. */
type Body<Reply> = Omit<Reply, "v" | keyof Boot | "taskId">
export type State = Body<typeof StateReply.Type>
export type Chunk = Body<typeof ChunkReply.Type>
export type Hello = Body<typeof HelloReply.Type>

const cancelWait = "12 seconds"
/** Events that follow each other closely travel together. */
const gather = "50 millis"

/** The operations of `dispatch/1`, each over what this process knows of a task. */
export const operations = (tasks: Tasks, folderOf: (taskId: string) => string, protocols: ReadonlyArray<string>) => ({
  start: Effect.fnUntraced(function* (request: typeof StartRequest.Type) {
    const answer = (reply: State, held?: Held) => ({ reply, held })
    const begun = yield* tasks.begin({ ...request, journaled: true, answerable: true })
    if (begun === "cancelled before it came") return answer({ state: "cancelled", fresh: false })
    const { known, fresh } = begun
    if (known.where === "before") return answer({ ...stateOf(known), fresh })
    const { state, ring } = known.held
    return answer({ state, fresh, seq: ring.seq() }, known.held)
  }),

  /** Waits no longer than its reader is there. */
  poll: Effect.fnUntraced(function* (request: typeof PollRequest.Type, gone: Effect.Effect<void>) {
    const known = yield* tasks.find(request.taskId)
    if (known.where !== "here") return stateOf(known)
    const { held } = known
    yield* heard(held)
    held.polls++
    yield* Effect.ensuring(
      Effect.timeoutOption(Effect.raceFirst(news(held, request.cursor), gone), request.waitMs),
      Effect.suspend(() => {
        held.polls--
        return heard(held)
      })
    )
    return { ...stateOf(known), ...held.ring.after(request.cursor, request.maxEvents, request.maxBytes) }
  }),

  cancel: (request: typeof CancelRequest.Type) =>
    Effect.map(tasks.cancel(request.taskId, request.reason, cancelWait), stateOf),

  result: Effect.fnUntraced(function* (request: typeof ResultRequest.Type) {
    const known = yield* tasks.find(request.taskId)
    if (known.where === "nowhere") return stateOf(known)
    const result = endingOf(known)?.result
    if (result === undefined) return yield* refused("not_found", "The task has no result, or not yet.")
    return chunk(request.offset, result.text.length, result.sha256, slice(result, request))
  }),

  artifact: Effect.fnUntraced(function* (request: typeof ArtifactRequest.Type) {
    const known = yield* tasks.find(request.taskId)
    if (known.where === "nowhere") return stateOf(known)
    const piece = yield* readPiece(folderOf(request.taskId), request.uri, request.offset, request.limit)
    if (piece === undefined)
      return yield* refused("not_found", "No file of that uri is in the task's artifact folder; a poll lists what is.")
    return chunk(request.offset, piece.bytes, piece.sha256, piece.data)
  }),

  ack: Effect.fnUntraced(function* (request: typeof AckRequest.Type) {
    const known = yield* tasks.find(request.taskId)
    if (known.where === "here") {
      if (known.held.ending === undefined)
        return yield* refused("not_finished", "The work has not ended, so there is nothing to acknowledge yet.")
      yield* tasks.settle(known.held)
    }
    return { state: stateOf(known).state } satisfies State
  }),

  message: Effect.fnUntraced(function* (request: typeof MessageRequest.Type) {
    const known = yield* tasks.find(request.taskId)
    if (known.where === "nowhere") return stateOf(known)
    const delivered = known.where === "here" ? deliver(known.held, request.messageId, request.text) : "not_running"
    if (typeof delivered === "boolean") return { ...brief(known), delivered }
    return yield* refused(delivered, undelivered[delivered])
  }),

  answer: Effect.fnUntraced(function* (request: typeof AnswerRequest.Type) {
    const known = yield* tasks.find(request.taskId)
    if (known.where === "nowhere") return stateOf(known)
    if (known.where === "before") {
      if (!known.record.answers.some(({ key }) => key === request.key))
        return yield* refused("not_running", unanswered.not_running)
      return { ...brief(known), delivered: false }
    }
    const answered = yield* giveAnswer(tasks, known.held, request.key, request.answer)
    return { ...brief(known), delivered: answered }
  }),

  hello: () =>
    Effect.map(tasks.taskIds, (ids): Hello => ({
      worker: "agentdispatch-worker",
      protocols,
      limits: { inlineResultBytes, ringEvents: ringLimits.events },
      tasks: ids
    }))
})

/** A message's way to the work: whether this call brought it, or why it cannot come. */
export const deliver = (held: Held, messageId: string, text: string): boolean | keyof typeof undelivered => {
  if (held.messageIds.has(messageId)) return false
  if (held.state !== "running" && held.state !== "input_required") return "not_running"
  if (!held.inbox.deliver(text)) return "not_supported"
  held.messageIds.add(messageId)
  return true
}

/** An answer's way to the work: whether this call brought it. */
export const giveAnswer = Effect.fnUntraced(function* (tasks: Tasks, held: Held, key: string, answer: Answer) {
  const { questions } = held
  const now = yield* Clock.currentTimeMillis
  const question = questions.find(key)
  if (question === undefined) return yield* refused("not_found", unanswered.not_found)
  if (question.answer !== undefined) return false
  if (held.ending !== undefined) return yield* refused("not_running", unanswered.not_running)
  if (!questions.take(key, answer, now)) return false
  // Written first: an answer that the work has heard is never forgotten and given again.
  yield* Effect.tapError(tasks.note(held), () => Effect.sync(() => questions.drop(key)))
  if (!questions.give(key)) return yield* refused("not_running", unanswered.not_running)
  if (questions.next() === undefined) moved(held, "running", now)
  return true
}, Effect.uninterruptible)

const unanswered = {
  not_found: "The work has asked nothing under this key.",
  not_running: "The work does not run any more, so nobody hears the answer."
}

const undelivered = {
  not_running: "The work does not run, so nobody reads the message; dispatch a new task for it.",
  not_supported: "The work takes no messages, or no more; wait for its result, or cancel it."
}

const refused = (code: string, message: string) => Effect.fail<Refusal>({ code, message })

const heard = (held: Held) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    held.heardAt = now
  })

/** Resolves once there is something that a reader with this cursor does not know. */
const news = Effect.fnUntraced(function* (held: Held, cursor: number) {
  const { state } = held
  for (;;) {
    const seen = held.bell.count()
    if (held.ending !== undefined || held.state !== state || held.ring.seq() !== cursor) break
    yield* held.bell.after(seen)
  }
  if (held.ending === undefined && held.ring.seq() === cursor + 1) yield* Effect.timeoutOption(ended(held), gather)
})

export const endingOf = (known: Known): Ending | undefined =>
  known.where === "here" ? known.held.ending : known.where === "before" ? known.ending : undefined

/** Where a task stands, with its outcome once it has ended. */
export const stateOf = (known: Known): State => {
  const ending = endingOf(known)
  const { result } = ending ?? {}
  return {
    ...brief(known),
    ...(result === undefined
      ? {}
      : result.inline === undefined
        ? { resultRef: { bytes: result.text.length, sha256: result.sha256 } }
        : { result: result.inline.value }),
    ...(ending === undefined ? {} : { artifacts: ending.artifacts }),
    ...(ending?.error === undefined ? {} : { error: ending.error })
  }
}

const brief = (known: Known): State => {
  switch (known.where) {
    case "here":
      return { state: known.held.state, seq: known.held.ring.seq() }
    case "before":
      return {
        state: known.ending?.state ?? "interrupted",
        seq: known.record.seq,
        previousBoot: known.record.boot,
        ...(known.record.seq > 0 ? { truncatedBefore: known.record.seq } : {})
      }
    case "nowhere":
      return { state: "unknown" }
  }
}

const slice = ({ text }: Result, { offset, limit }: { readonly offset: number; readonly limit: number }) =>
  text.subarray(Math.min(offset, text.length), Math.min(offset + limit, text.length))

const chunk = (offset: number, bytes: number, sha256: string, data: Buffer): Chunk => ({
  offset,
  bytes,
  sha256,
  data: data.toString("base64")
})
