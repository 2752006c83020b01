import { Clock, Effect, Schedule } from "effect"
import { globalValue } from "effect/GlobalValue"
import type { AdapterFailure, Progress } from "../../src/services/Adapter.js"
import { clientsOf } from "./Clients.js"
import { ask, unfit } from "./Dialogue.js"
import { type Fault, isPassing, isUndelivered } from "./Faults.js"
import { failing, type Probed, type Work } from "./Mode.js"
import { deadlineOf, payloadOf } from "./Plan.js"
import { NotAWorker, SettingInvalid, StartUnknown, Unreachable, WorkerBusy, WorkerRefused } from "./Spec.generated.js"
import { stopSession } from "./Stop.js"

/** A new machine may take two minutes to answer its first request. */
const helloWithin = "150 seconds"
const startWithin = "60 seconds"
const pollWithin = "20 seconds"
/** How long an unanswered start is looked into, in milliseconds; later its sender gives up. */
const resolveMillis = 60_000
const resolvePause = 500

/** A throttled or busy service is waited for: nothing was delivered. */
export const patiently = <A, E extends Fault | { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.retry(effect, {
    while: (error) => error._tag === "Fault" && "kind" in error && isPassing(error),
    schedule: Schedule.exponential("200 millis").pipe(
      Schedule.either(Schedule.spaced("2 seconds")),
      Schedule.intersect(Schedule.recurUpTo("12 seconds"))
    )
  })

const progress = ({ session }: Work, boot: string, bootedAt: number): Progress => ({
  providerRefs: { ...session, boot, bootedAt },
  entries: [{ type: "session.created", payload: { sessionId: session.sessionId } }]
})

/**
 * Knocks first: `hello` executes nothing, brings the machine up and names its boot. A start that is then not answered
 * can be asked about: the same boot that does not know the task never got it, and may be sent the same start again.
 */
export const start = (work: Work): Effect.Effect<Progress, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const { startToken } = task
    if (startToken === undefined) return yield* new SettingInvalid({ path: "startToken", problem: "is missing" })
    const clients = yield* clientsOf(plan.place)
    const hello = yield* knock(work)
    const bootedAt = (yield* Clock.currentTimeMillis) - hello.bootAgeMs
    const begun = progress(work, hello.boot, bootedAt)
    if (hello.tasks.includes(task.id)) return begun

    const sending = ask(
      clients.start,
      session,
      {
        v: 1,
        op: "start",
        taskId: task.id,
        startToken,
        attempt: task.attempt,
        payload: payloadOf(task),
        deadlineSeconds: deadlineOf(plan.details),
        lingerSeconds: plan.details.lingerSeconds
      },
      startWithin
    )
    let until: number | undefined
    for (;;) {
      const sent = yield* Effect.either(patiently(sending))
      if (sent._tag === "Right") {
        const reply = sent.right
        if ("state" in reply) return progress(work, reply.boot, (yield* Clock.currentTimeMillis) - reply.bootAgeMs)
        if (!("refused" in reply)) return yield* new NotAWorker({ detail: unfit("start", reply).message })
        // Another attempt of this very task was begun by a process that could not write it down.
        if (reply.refused.code === "conflict") return begun
        return yield* refusal(reply.refused)
      }
      if (sent.left._tag === "Fault" && isUndelivered(sent.left)) return yield* Effect.fail(failing(work)(sent.left))
      until ??= (yield* Clock.currentTimeMillis) + resolveMillis
      const found = yield* resolve(work, hello.boot, until)
      if (found === "has it") return begun
      const failure = sent.left._tag === "Fault" ? failing(work)(sent.left) : sent.left
      if (found === "cannot say") return yield* new StartUnknown({ causeCode: failure.code, detail: failure.message })
      // A worker that never takes what it is sent is not sent it for ever.
      if ((yield* Clock.currentTimeMillis) > until) return yield* Effect.fail(failure)
      yield* Effect.sleep(resolvePause)
    }
  })

const knock = (work: Work) =>
  Effect.gen(function* () {
    const { plan, session } = work
    const { start: client } = yield* clientsOf(plan.place)
    const reply = yield* patiently(ask(client, session, { v: 1, op: "hello" }, helloWithin)).pipe(
      Effect.mapError((error): AdapterFailure => {
        if (error._tag !== "Fault") return new NotAWorker({ detail: error.message })
        const failure = failing(work)(error)
        return failure.delivery === "none"
          ? failure
          : new Unreachable({ detail: `the session did not come up: ${error.detail}` })
      })
    )
    if (!("worker" in reply)) return yield* new NotAWorker({ detail: unfit("hello", reply).message })
    return reply
  })

const refusal = ({ code, message }: { readonly code: string; readonly message: string }) =>
  code === "busy" ? new WorkerBusy({ detail: message }) : new WorkerRefused({ reason: code, detail: message })

const pollOnce = ({ task, session, plan }: Work) =>
  Effect.flatMap(clientsOf(plan.place), (clients) =>
    ask(
      clients.poll,
      session,
      { v: 1, op: "poll", taskId: task.id, cursor: 0, waitMs: 0, maxEvents: 1, maxBytes: 1_000 },
      pollWithin
    )
  )

/** What became of an unanswered start, asked of the boot it was sent to. */
const resolve = (work: Work, boot: string, until: number): Effect.Effect<Probed> =>
  Effect.gen(function* () {
    for (;;) {
      const polled = yield* Effect.either(pollOnce(work))
      if (polled._tag === "Right" && "state" in polled.right) {
        const { right: reply } = polled
        if (reply.state !== "unknown") return "has it"
        return reply.boot === boot ? "never got it" : "cannot say"
      }
      if ((yield* Clock.currentTimeMillis) > until) return "cannot say"
      yield* Effect.sleep(resolvePause)
    }
  })

/** When this process first asked about a task: a machine that came up later was brought up by the asking. */
const asked = globalValue("agentdispatch/aws-agentcore/asked", () => new Map<string, number>())

/** A machine must have come up so soon after the intent, in milliseconds, to be the one that the start was sent to. */
const bootWindow = 180_000

/**
 * Whether a start by a process that is gone has arrived. A machine that was up before anybody asked and does not know
 * the task never got it; one that came up by the asking says nothing about the one before, and is stopped again.
 */
export const probe = (work: Work): Effect.Effect<Probed, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, plan, session } = work
    const first = asked.get(task.id) ?? (yield* Clock.currentTimeMillis)
    asked.set(task.id, first)
    const reply = yield* pollOnce(work).pipe(
      Effect.mapError((error) => (error._tag === "Fault" ? failing(work)(error) : error))
    )
    asked.delete(task.id)
    if (!("state" in reply)) return yield* unfit("poll", reply)
    if (reply.state !== "unknown") return "has it"
    const bootedAt = (yield* Clock.currentTimeMillis) - reply.bootAgeMs
    if (bootedAt < first && bootedAt < task.updatedAt + bootWindow) return "never got it"
    yield* Effect.mapError(stopSession(plan.place, session), failing(work, "StopRuntimeSession"))
    return "cannot say"
  })
