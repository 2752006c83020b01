import { Clock, Effect, Either, Option, Schema } from "effect"
import type { Json, JsonObject } from "../../src/domain/Json.js"
import type { Outcome } from "../../src/domain/Task.js"
import { failedOutcome, type AdapterFailure, type Observation } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import { cancelTask, getTask, listTasks, rpc, RpcError, taskNotCancelable, taskNotFound } from "./A2aCall.js"
import { type A2aTask, filesOf, messageOf, methods, readSent, stateOf, textOfMessage, textOfTask } from "./Wire.js"
import { failed, understood } from "./Answer.js"
import { clientsOf } from "./Clients.js"
import { Fault } from "./Faults.js"
import { failing, type Mode, type Work } from "./Mode.js"
import { deadlineOf, instructionOf, payloadOf, promptLimits, textOf } from "./Plan.js"
import { gone, lateFailure, tokenOrRefuse } from "./PromptMode.js"
import { CancelledElsewhere, Expired, WorkerLost } from "./Spec.generated.js"
import { stopSession } from "./Stop.js"
import { questionOf } from "./A2aQuestion.js"
import { begin, type Talk, talkOf } from "./Talks.js"
import { patiently } from "./WorkerStart.js"

/** What has been told of the agent's task, which 1.0 may have had to be searched for. */
const Cursor = Schema.Struct({
  id: Schema.optionalWith(Schema.String, { exact: true }),
  state: Schema.optionalWith(Schema.String, { exact: true }),
  message: Schema.optionalWith(Schema.String, { exact: true }),
  /** Which message it was. */
  told: Schema.optionalWith(Schema.String, { exact: true })
})
type Cursor = typeof Cursor.Type

export const cursorOf = ({ task }: Work): Cursor =>
  Option.getOrElse(Schema.decodeUnknownOption(Cursor)(task.cursor), () => ({}))

export const problem =
  (work: Work) =>
  (error: Fault | RpcError | AdapterFailure): AdapterFailure => {
    if (error instanceof RpcError) {
      const fault = new Fault({ kind: "container", detail: `JSON-RPC error ${error.number}: ${error.detail}` })
      return failing(work)(fault)
    }
    return error instanceof Fault ? failing(work)(error) : error
  }

/** The agent's task in the words of a result. */
const resultOf = (task: A2aTask, raw: Json): Json => ({ text: textOfTask(task), task: raw })

const outcomeOf = (task: A2aTask, raw: Json): Outcome | undefined => {
  switch (stateOf(task)) {
    case "completed":
      return { ok: true, result: resultOf(task, raw) }
    case "failed":
    case "rejected":
      return failed(textOfTask(task) || `the agent's task ended as ${stateOf(task)}`, raw)
    case "canceled":
      return failedOutcome(new CancelledElsewhere({ detail: textOfTask(task) || "the agent's task is canceled" }), raw)
    default:
      return undefined
  }
}

const start: Mode["start"] = (work) =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const version = plan.details.a2aVersion
    const token = yield* tokenOrRefuse(task)
    const { start: client } = yield* clientsOf(plan.place)
    const { prompt, ...others } = payloadOf(task)
    const params = messageOf(version, {
      messageId: task.id,
      text: prompt ?? instructionOf(task.request.input) ?? "",
      metadata: others,
      ...(version === "1.0" ? { contextId: session.sessionId } : {})
    })
    const call = { id: task.id, method: methods.send[version], params }
    const hold = (talk: Talk, taken: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const raw = yield* Effect.mapError(
          patiently(rpc(client, work, version, call, promptLimits.whole * 1000)),
          problem(work)
        )
        const sent = readSent(raw)
        if (sent.kind === "task") {
          const { contextId, id } = sent.task
          talk.refs = { a2aTaskId: id, ...(contextId === undefined ? {} : { a2aContextId: contextId }) }
        } else if (sent.kind === "message")
          talk.outcome = { ok: true, result: { text: textOfMessage(sent.message), message: raw } }
        else {
          const { entries, artifacts, outcome } = understood(raw)
          talk.said.push(...entries)
          talk.artifacts.push(...artifacts)
          talk.outcome = outcome
        }
        yield* taken
      })
    const talk = yield* begin(token, hold, lateFailure)
    return {
      providerRefs: { ...session, startedAt: yield* Clock.currentTimeMillis, ...talk.refs },
      entries: [{ type: "session.created", payload: { sessionId: session.sessionId } }]
    }
  })

/** 1.0 finds what it was sent by the context we chose; 0.3 cannot be asked. */
const probe: Mode["probe"] = (work) =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    if (talkOf(task.startToken) !== undefined) return "has it"
    if (plan.details.a2aVersion === "0.3") return "cannot say"
    const tasks = yield* Effect.mapError(listTasks(work, session.sessionId), problem(work))
    if (tasks.length > 0) return "has it"
    yield* Effect.mapError(stopSession(plan.place, session), failing(work, "StopRuntimeSession"))
    return "cannot say"
  })

/** The agent's id of the work, as far as it is known without asking: noted by the start, found later, or told late. */
export const taskIdOf = (work: Work): string | undefined =>
  textOf(work.task.providerRefs, "a2aTaskId") ??
  cursorOf(work).id ??
  textOf(talkOf(work.task.startToken)?.refs ?? {}, "a2aTaskId")

/** The agent's id of the work; searched for where nobody noted it. */
export const findId = (work: Work): Effect.Effect<string | undefined, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const known = taskIdOf(work)
    if (known !== undefined || plan.details.a2aVersion === "0.3" || talkOf(task.startToken) !== undefined) return known
    const [found] = yield* Effect.mapError(listTasks(work, session.sessionId), problem(work))
    return found?.id
  })

const observe: Mode["observe"] = (work) =>
  Effect.gen(function* () {
    const { task, plan } = work
    const talk = talkOf(task.startToken)
    const cursor = cursorOf(work)
    if (talk?.outcome !== undefined)
      return { entries: talk.said, cursor, outcome: talk.outcome, artifacts: talk.artifacts, pollAfter: 0 }
    const { startedAt } = task.providerRefs
    const now = yield* Clock.currentTimeMillis
    if (typeof startedAt === "number" && now > startedAt + plan.details.maxLifetimeSeconds * 1000)
      return yield* lost(work, "its session reached the end of its life")
    const id = yield* findId(work)
    if (id === undefined) {
      return talk === undefined
        ? yield* gone(work, "the process that waited for the agent's first answer ended before it came")
        : { entries: [], cursor, pollAfter: 250 }
    }
    const got = yield* Effect.either(getTask(work, id))
    if (Either.isLeft(got)) {
      const { left: error } = got
      return error instanceof RpcError && error.number === taskNotFound
        ? yield* lost(work, "the agent does not know its task any more, so its machine is another")
        : yield* Effect.fail(problem(work)(error))
    }
    const seen = look(cursor, got.right.task, got.right.raw)
    const deadline = deadlineOf(plan.details)
    const late = typeof startedAt === "number" && now > startedAt + deadline * 1000
    return late && seen.outcome === undefined ? overdue(seen, stateOf(got.right.task), deadline) : seen
  })

/** Its session ends with the task, and the agent's work with it. */
const overdue = (seen: Observation, state: string, seconds: number): Observation => ({
  ...seen,
  entries: [
    ...seen.entries,
    { type: "task.progress", message: `The agent's task was ${state} at its deadline.`, payload: { state } }
  ],
  outcome: failedOutcome(new Expired({ seconds })),
  pollAfter: 0
})

const look = (cursor: Cursor, task: A2aTask, raw: Json): Observation => {
  const state = stateOf(task)
  const message = task.status.message === undefined ? "" : textOfMessage(task.status.message)
  const told = task.status.message?.messageId ?? ""
  const changed = state !== cursor.state || message !== (cursor.message ?? "") || told !== (cursor.told ?? told)
  const waits = state === "input-required" || state === "auth-required"
  const payload: JsonObject = { state }
  const asks = state === "input-required" ? [questionOf(task)] : undefined
  const entries: ReadonlyArray<Entry> = changed
    ? (asks ?? [
        {
          type: "task.progress",
          message: waits
            ? `The agent waits for an answer${message === "" ? "" : `: ${message}`} (send_task_message answers it)`
            : message || `The agent's task is ${state}.`,
          payload
        }
      ])
    : []
  const outcome = outcomeOf(task, raw)
  // It has one question at a time: whatever comes after one means that this one is answered.
  const goesOn = changed && cursor.state === "input-required"
  const at = {
    entries,
    cursor: { id: task.id, state, message, ...(told === "" ? {} : { told }) },
    ...(goesOn ? { goesOn } : {})
  }
  return outcome === undefined
    ? { ...at, pollAfter: changed ? 250 : waits ? 3_000 : 1_000 }
    : { ...at, outcome, artifacts: filesOf(task), pollAfter: 0 }
}

const lost = (work: Work, detail: string): Effect.Effect<Observation, AdapterFailure> =>
  Effect.mapError(stopSession(work.plan.place, work.session), failing(work, "StopRuntimeSession")).pipe(
    Effect.as({
      entries: [],
      cursor: { ...cursorOf(work) },
      outcome: failedOutcome(
        new WorkerLost({ detail, lastHeartbeat: `when its state was ${cursorOf(work).state ?? "not yet known"}` })
      ),
      pollAfter: 0
    })
  )

/** Asks the agent; one that has finished keeps what it did. */
const cancel: Mode["cancel"] = (work) =>
  Effect.gen(function* () {
    if (talkOf(work.task.startToken)?.outcome !== undefined) return { state: "finished" }
    const id = taskIdOf(work)
    if (id === undefined) return { state: "stopped" }
    const asked = yield* Effect.either(cancelTask(work, id))
    if (Either.isRight(asked) || !(asked.left instanceof RpcError) || asked.left.number !== taskNotCancelable)
      return { state: "stopped" }
    const got = yield* Effect.option(getTask(work, id))
    const state = Option.map(got, ({ task }) => stateOf(task))
    const finished = Option.exists(
      state,
      (known) => known === "completed" || known === "failed" || known === "rejected"
    )
    return finished ? { state: "finished" } : { state: "stopped" }
  })

/** An A2A server: sent once without waiting, then asked about its task. */
export const a2aMode: Mode = { start, probe, observe, finish: () => Effect.void, cancel }
