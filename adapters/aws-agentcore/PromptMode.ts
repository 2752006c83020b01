import { Clock, Effect, Either, Schema, Stream } from "effect"
import { JsonText } from "../../src/domain/Json.js"
import type { Outcome, Task } from "../../src/domain/Task.js"
import { failedOutcome, type AdapterFailure, type Observation, type Progress } from "../../src/services/Adapter.js"
import { understood } from "./Answer.js"
import { clientsOf } from "./Clients.js"
import { makeEar } from "./Hear.js"
import { invoke, type Reply, textOfReply } from "./Invoke.js"
import { failing, type Mode, type Work } from "./Mode.js"
import { payloadOf, promptLimits } from "./Plan.js"
import { Expired, SettingInvalid, StartUnknown, StreamBroken } from "./Spec.generated.js"
import { stopSession } from "./Stop.js"
import { begin, since, type Talk, talkOf } from "./Talks.js"
import { patiently } from "./WorkerStart.js"

const encodePayload = Schema.encodeSync(JsonText)

const started = ({ session }: Work): Progress => ({
  providerRefs: { ...session },
  entries: [{ type: "session.created", payload: { sessionId: session.sessionId } }]
})

/** A failure of a request that had been sent for so long that its start had been taken for granted. */
export const lateFailure = (failure: AdapterFailure): Outcome =>
  failure.delivery === "unknown"
    ? failedOutcome(new StartUnknown({ causeCode: failure.code, detail: failure.message }))
    : failedOutcome(failure)

export const tokenOrRefuse = ({ startToken }: Task) =>
  startToken === undefined
    ? new SettingInvalid({ path: "startToken", problem: "is missing" })
    : Effect.succeed(startToken)

const start: Mode["start"] = (work) =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const token = yield* tokenOrRefuse(task)
    const { start: client } = yield* clientsOf(plan.place)
    const body = encodePayload(payloadOf(task))
    const within = Math.min(plan.details.deadlineSeconds ?? Infinity, promptLimits.streamed)
    const hold = (talk: Talk, taken: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const sentAt = yield* Clock.currentTimeMillis
        const quiet = Math.min(within, promptLimits.whole)
        const reply = yield* patiently(invoke(client, session, { body })).pipe(
          Effect.mapError(failing(work)),
          Effect.timeoutOption(quiet * 1000)
        )
        yield* taken
        if (reply._tag === "None") {
          talk.outcome = failedOutcome(new Expired({ seconds: quiet }))
          return
        }
        const limit = isStream(reply.value) ? within : quiet
        const left = limit * 1000 - ((yield* Clock.currentTimeMillis) - sentAt)
        const read = yield* Effect.timeoutOption(listen(talk, reply.value), Math.max(1, left))
        if (read._tag === "None") talk.outcome = failedOutcome(new Expired({ seconds: limit }))
      })
    yield* begin(token, hold, lateFailure)
    return started(work)
  })

const isStream = ({ contentType }: Reply): boolean => contentType.startsWith("text/event-stream")

const listen = (talk: Talk, reply: Reply): Effect.Effect<void> =>
  isStream(reply) ? listenToEvents(talk, reply) : listenToWhole(talk, reply)

const listenToEvents = (talk: Talk, { body }: Reply) =>
  Effect.gen(function* () {
    const ear = makeEar((entry) => talk.said.push(entry), talk.artifacts)
    const heard = yield* Effect.either(
      Stream.runForEach(Stream.decodeText(body), (piece) => Effect.sync(() => ear.hear(piece)))
    )
    talk.outcome = ear.end(Either.isLeft(heard) ? heard.left.detail : undefined)
  })

const listenToWhole = (talk: Talk, reply: Reply) =>
  Effect.gen(function* () {
    const read = yield* Effect.either(textOfReply(reply))
    if (Either.isLeft(read)) {
      talk.outcome = failedOutcome(new StreamBroken({ detail: read.left.detail }))
      return
    }
    const value = Schema.decodeEither(JsonText)(read.right)
    if (Either.isLeft(value) && reply.contentType.includes("json")) {
      talk.said.push({ log: `${read.right}\n` })
      talk.outcome = failedOutcome(
        new StreamBroken({ detail: "it calls itself JSON and is none, or not the whole of it" })
      )
      return
    }
    const { entries, artifacts, outcome } = understood(Either.getOrElse(value, () => read.right))
    talk.said.push(...entries)
    talk.artifacts.push(...artifacts)
    talk.outcome = outcome
  })

const position = ({ cursor }: Task): number => (typeof cursor === "number" ? cursor : 0)

/** What a talk of this process has told since the cursor. */
export const overhear = ({ task }: Work, talk: Talk): Observation => {
  const { entries, next } = since(talk, position(task))
  const { outcome, artifacts } = talk
  return outcome === undefined
    ? { entries, cursor: next, pollAfter: entries.length > 0 ? 50 : 200 }
    : { entries, cursor: next, outcome, artifacts: [...artifacts], pollAfter: 0 }
}

/** The answer was read by a process that is gone: nobody can ask again, so the machine is stopped. */
export const gone = (work: Work, detail: string): Effect.Effect<Observation, AdapterFailure> =>
  Effect.mapError(stopSession(work.plan.place, work.session), failing(work, "StopRuntimeSession")).pipe(
    Effect.as({
      entries: [],
      cursor: work.task.cursor ?? 0,
      outcome: failedOutcome(new StartUnknown({ causeCode: "aws_agentcore.stream_lost", detail })),
      pollAfter: 0
    })
  )

const observe: Mode["observe"] = (work) => {
  const talk = talkOf(work.task.startToken)
  return talk === undefined
    ? gone(work, "the process that read its answer ended, and such an app cannot be asked again")
    : Effect.sync(() => overhear(work, talk))
}

/** Whether the token's answer is being read here; otherwise nobody can say. */
export const probe: Mode["probe"] = ({ task }) =>
  Effect.sync(() => (talkOf(task.startToken) === undefined ? "cannot say" : "has it"))

export const cancel: Mode["cancel"] = ({ task }) =>
  Effect.sync(() => {
    const talk = talkOf(task.startToken)
    if (talk === undefined) return { state: "stopped" }
    return talk.outcome === undefined
      ? { state: "stopped", entries: since(talk, position(task)).entries }
      : { state: "finished" }
  })

/** Any AgentCore app that reads `prompt`: one request, one answer. */
export const promptMode: Mode = { start, probe, observe, finish: () => Effect.void, cancel }
