import { Effect, Either } from "effect"
import { isTerminal } from "../../src/domain/Lifecycle.js"
import type { AdapterFailure } from "../../src/services/Adapter.js"
import { rpc, RpcError } from "./A2aCall.js"
import { taskIdOf } from "./A2aMode.js"
import { messageOf, methods } from "./Wire.js"
import { clientsOf } from "./Clients.js"
import { ask, unfit } from "./Dialogue.js"
import { isUndelivered } from "./Faults.js"
import { failing, type Work } from "./Mode.js"
import { textOf } from "./Plan.js"
import { MessageRefused } from "./Spec.generated.js"
import { stopSession } from "./Stop.js"
import { cursorOf } from "./WorkerObserve.js"

interface Message {
  readonly id: string
  readonly text: string
}
type Delivered = { readonly delivery: "delivered" | "queued" | "unknown" }

const within = "60 seconds"

/** Says something more to the work, in its own session. */
export const sendMessage = (work: Work, message: Message): Effect.Effect<Delivered, AdapterFailure> => {
  const { task, plan } = work
  if (isTerminal(task.status) && !isKept(work))
    return new MessageRefused({ detail: `the task has ended as ${task.status} and its session with it.` })
  if (task.status === "queued" || task.status === "provisioning" || task.status === "starting")
    return new MessageRefused({ detail: "the work has not begun yet; send it once the task is running." })
  if (plan.worker === "dispatch/1") return toWorker(work, message)
  if (plan.worker === "a2a") return toAgent(work, message)
  return new MessageRefused({ detail: `a runtime of worker "${plan.worker}" takes one request and nothing after it.` })
}

/** An A2A runtime that was made for the task and still stands for follow-up. */
const isKept = ({ task, plan }: Work): boolean =>
  plan.worker === "a2a" &&
  task.request.target.mode === "runtime" &&
  !task.settled &&
  plan.details.cleanupAfterTask !== true

/** The same message id is one message, so an unanswered send may be sent again. */
const toWorker = (work: Work, { id, text }: Message): Effect.Effect<Delivered, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, plan, session } = work
    const { poll: client } = yield* clientsOf(plan.place)
    const sent = yield* ask(
      client,
      session,
      { v: 1, op: "message", taskId: task.id, messageId: id, text },
      within
    ).pipe(
      Effect.retry({
        times: 2,
        while: (error) => error._tag !== "Fault" || !isUndelivered(error) || error.kind === "throttled"
      }),
      Effect.either
    )
    if (Either.isLeft(sent)) {
      const { left: error } = sent
      return error._tag === "Fault" && isUndelivered(error)
        ? yield* Effect.fail(failing(work)(error))
        : { delivery: "unknown" }
    }
    const { right: reply } = sent
    if ("refused" in reply) return yield* new MessageRefused({ detail: reply.refused.message })
    if (!("state" in reply)) return yield* unfit("message", reply)
    const { boot } = cursorOf(work)
    if (reply.state === "unknown" || reply.state === "interrupted" || (boot !== undefined && boot !== reply.boot)) {
      yield* Effect.mapError(stopSession(plan.place, session), failing(work, "StopRuntimeSession"))
      return yield* new MessageRefused({ detail: "the session's machine is gone and the work with it." })
    }
    return { delivery: reply.state === "accepted" ? "queued" : "delivered" }
  })

/** An A2A server runs a repeated message again, so it is sent once. */
const toAgent = (work: Work, { id, text }: Message): Effect.Effect<Delivered, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, plan, session } = work
    const version = plan.details.a2aVersion
    const { start: client } = yield* clientsOf(plan.place)
    const params = messageOf(version, {
      messageId: id,
      text,
      // An agent's task that has ended takes no more messages; its context does.
      taskId: isTerminal(task.status) ? undefined : taskIdOf(work),
      contextId: textOf(task.providerRefs, "a2aContextId") ?? (version === "1.0" ? session.sessionId : undefined)
    })
    const sent = yield* Effect.either(rpc(client, work, version, { id, method: methods.send[version], params }, within))
    if (Either.isRight(sent)) return { delivery: "delivered" }
    const { left: error } = sent
    if (error instanceof RpcError) return yield* new MessageRefused({ detail: error.detail })
    return error._tag === "Fault" && isUndelivered(error)
      ? yield* Effect.fail(failing(work)(error))
      : { delivery: "unknown" }
  })
