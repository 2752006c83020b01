import { Effect, Either } from "effect"
import type { Answered, AdapterFailure } from "../../src/services/Adapter.js"
import { getTask, rpc, RpcError } from "./A2aCall.js"
import { cursorOf as agentCursorOf, findId, problem } from "./A2aMode.js"
import { replyTo } from "./A2aQuestion.js"
import { clientsOf } from "./Clients.js"
import { ask, unfit } from "./Dialogue.js"
import { isUndelivered } from "./Faults.js"
import { failing, type Work } from "./Mode.js"
import { sha256, textOf } from "./Plan.js"
import { MessageRefused, Unanswered } from "./Spec.generated.js"
import { type A2aTask, messageOf, methods, stateOf, textOfMessage } from "./Wire.js"
import { cursorOf, outlived } from "./WorkerObserve.js"

const within = "60 seconds"
/** So many of the last messages are looked through for ours. */
const remembered = 50

/** Gives the work the answer to its question. */
export const giveAnswer = (work: Work, question: Answered): Effect.Effect<void, AdapterFailure> =>
  work.plan.worker === "a2a" ? toAgent(work, question) : toWorker(work, question)

const machineGone = new MessageRefused({ detail: "the session's machine is gone and the work with it." })

/** The worker has one answer a question, so an unanswered call is simply made again. */
const toWorker = (work: Work, { answer, key }: Answered): Effect.Effect<void, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, plan, session } = work
    const cursor = cursorOf(work)
    if (yield* outlived(work, cursor)) return yield* machineGone
    const { poll: client } = yield* clientsOf(plan.place)
    const reply = yield* ask(client, session, { v: 1, op: "answer", taskId: task.id, key, answer }, within).pipe(
      Effect.mapError((error) => (error._tag === "Fault" ? failing(work)(error) : error))
    )
    if ("refused" in reply) return yield* new MessageRefused({ detail: reply.refused.message })
    if (!("state" in reply)) return yield* unfit("answer", reply)
    const { boot, state } = reply
    if (state === "unknown" || state === "interrupted" || (cursor.boot !== undefined && cursor.boot !== boot))
      return yield* machineGone
  })

/** Where an answer to an agent's question stands, as the agent's own task shows it. */
type Standing = "arrived" | "asked" | "moved on"

const standingOf = (
  task: A2aTask,
  messageId: string,
  { message = "", told = "" }: ReturnType<typeof agentCursorOf>
) => {
  const { status } = task
  if (task.history.some((sent) => sent.messageId === messageId)) return "arrived" satisfies Standing
  const known = status.message?.messageId ?? ""
  const text = status.message === undefined ? "" : textOfMessage(status.message)
  const same = known === told && (known !== "" || text === message)
  return stateOf(task) === "input-required" && same ? ("asked" satisfies Standing) : ("moved on" satisfies Standing)
}

/**
 * An A2A server may run a repeated message again, so the agent's task is looked at before a message leaves, and after
 * one whose answer was lost: it is sent again only where the server's own record shows that it never came. The
 * question's answer has one message id, by which a server can tell a repetition.
 */
const toAgent = (work: Work, { answer, key }: Answered): Effect.Effect<void, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, plan, session } = work
    const version = plan.details.a2aVersion
    const taskId = yield* findId(work)
    if (taskId === undefined) return yield* new MessageRefused({ detail: "the agent's task is not known." })
    const messageId = sha256(`${task.id} ${key}`).slice(0, 32)
    const cursor = agentCursorOf(work)
    const look = Effect.mapError(getTask(work, taskId, remembered), problem(work))
    const before = (yield* look).task
    const standing = standingOf(before, messageId, cursor)
    if (standing === "arrived") return
    if (standing === "moved on")
      return yield* new MessageRefused({ detail: "the agent does not wait for it any more." })
    const params = messageOf(version, {
      messageId,
      ...replyTo(before, answer),
      taskId,
      contextId:
        before.contextId ??
        textOf(task.providerRefs, "a2aContextId") ??
        (version === "1.0" ? session.sessionId : undefined)
    })
    const { start: client } = yield* clientsOf(plan.place)
    const call = { id: messageId, method: methods.send[version], params }
    const sent = yield* Effect.either(rpc(client, work, version, call, within))
    if (Either.isRight(sent)) return
    const { left: error } = sent
    if (error instanceof RpcError) return yield* new MessageRefused({ detail: error.detail })
    if (error._tag === "Fault" && isUndelivered(error)) return yield* Effect.fail(failing(work)(error))
    const after = (yield* look).task
    if (standingOf(after, messageId, cursor) !== "asked") return
    return after.history.length > 0
      ? yield* new Unanswered({ detail: `${error.message || error._tag}; the agent does not have it` })
      : yield* new MessageRefused({
          detail:
            "nobody knows whether it arrived, and this agent keeps no record of messages, so it is not sent again; if the agent still waits, send_task_message speaks to it."
        })
  })
