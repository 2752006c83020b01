import { createHash, randomUUID } from "node:crypto"
import { basename } from "node:path"
import { Deferred, Effect, Either, Option } from "effect"
import { type Json, canonical } from "../../domain/Json.js"
import type { NewArtifact } from "../../domain/Task.js"
import { check, handedOn } from "../../domain/TaskQuestion.js"
import type { WorkerPayload } from "../../domain/WorkerProtocol.js"
import { answerIn, payloadOf, textOf } from "./A2aPayload.js"
import type { A2aTask, IncomingMessage } from "./A2aWords.js"
import { resultPart } from "./A2aWords.js"
import { readPiece } from "./Artifacts.js"
import { type Held, type Refusal, valueOf } from "./Held.js"
import { deliver, giveAnswer } from "./Operations.js"
import { longestSeconds } from "./Plain.js"
import { ended, type Tasks } from "./Tasks.js"

/** A failure with its JSON-RPC number. */
export interface RpcError {
  readonly code: number
  readonly message: string
}

export const rpc = {
  taskNotFound: -32001,
  taskNotCancelable: -32002,
  pushNotSupported: -32003,
  unsupported: -32004,
  versionNotSupported: -32009,
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603
} as const

const fail = (code: number, message: string) => Effect.fail<RpcError>({ code, message })

/** A result that nobody fetches keeps the session for so long. */
const lingerSeconds = 900
/** A file travels with its task up to so many bytes, and is named beyond. */
const inlineFileBytes = 1024 * 1024

const startToken = "a2a"
/** So many tasks whose results have been fetched can still be asked for. */
const settledKept = 50

interface Conversation {
  readonly held: Held
  readonly contextId: string
  readonly messageId: string
}

/** The tasks that came over A2A. */
export const makeA2aTasks = (tasks: Tasks, folderOf: (taskId: string) => string) => {
  const conversations = new Map<string, Conversation>()

  const view = Effect.fnUntraced(function* ({ held, contextId, messageId }: Conversation, withArtifacts: boolean) {
    const { ending, order } = held
    const files = withArtifacts
      ? yield* Effect.forEach(ending?.artifacts ?? [], (artifact) => filePart(folderOf(order.taskId), artifact))
      : []
    const result =
      withArtifacts && ending?.result !== undefined
        ? [{ name: "result", part: resultPart(valueOf(ending.result)) }]
        : []
    const question = held.state === "input_required" ? held.questions.next() : undefined
    const task: A2aTask = {
      id: order.taskId,
      contextId,
      state: held.state,
      at: held.changedAt,
      message: ending === undefined ? question?.question : ending.error?.message,
      question: question === undefined ? undefined : { key: question.key, payload: handedOn(question).payload ?? {} },
      artifacts: [...result, ...files],
      metadata: {
        messageId,
        ...(ending?.error === undefined ? {} : { errorCode: ending.error.code })
      }
    }
    return task
  })

  const forgetSettled = () => {
    const settled = [...conversations.values()].filter(({ held }) => held.settled)
    for (const { held } of settled.slice(0, Math.max(0, settled.length - settledKept)))
      conversations.delete(held.order.taskId)
  }

  const find = (id: string) => {
    const found = conversations.get(id)
    return found === undefined ? fail(rpc.taskNotFound, `Task ${id} is not known here.`) : Effect.succeed(found)
  }

  const begin = Effect.fnUntraced(function* (message: IncomingMessage) {
    const read = payloadOf(message)
    if (Option.isNone(read))
      return yield* fail(
        rpc.invalidParams,
        "message.parts: the data part is no object of taskType, input, prompt, context and framework."
      )
    const { value: payload } = read
    // The same message again is the same task: a sender that lost the answer may repeat itself.
    const taskId = createHash("sha256")
      .update(canonical([message.contextId ?? "", message.messageId, payloadKey(payload)]))
      .digest("hex")
      .slice(0, 32)
    const begun = yield* Effect.mapError(
      tasks.begin({
        taskId,
        startToken,
        payload,
        deadlineSeconds: longestSeconds,
        lingerSeconds,
        journaled: false,
        answerable: true
      }),
      ({ message: problem }: Refusal): RpcError => ({ code: rpc.internal, message: problem })
    )
    if (begun === "cancelled before it came" || begun.known.where !== "here")
      return yield* Effect.dieMessage("a task of A2A is neither cancelled ahead nor journaled")
    const { held } = begun.known
    const conversation = conversations.get(taskId) ?? {
      held,
      contextId: message.contextId || randomUUID({ disableEntropyCache: true }),
      messageId: message.messageId
    }
    conversations.set(taskId, conversation)
    forgetSettled()
    return { conversation, go: Effect.asVoid(Deferred.succeed(held.go, undefined)) }
  })

  const followUp = Effect.fnUntraced(function* (taskId: string, message: IncomingMessage) {
    const conversation = yield* find(taskId)
    const { held } = conversation
    if (held.messageIds.has(message.messageId)) return { conversation, go: Effect.void }
    const question = held.state === "input_required" ? held.questions.next() : undefined
    if (question !== undefined) {
      const answer = check(question, answerIn(message, question))
      if (Either.isLeft(answer))
        return yield* fail(rpc.invalidParams, `message.parts: ${answer.left.field} ${answer.left.problem}`)
      held.messageIds.add(message.messageId)
      yield* Effect.mapError(giveAnswer(tasks, held, question.key, answer.right), ({ message: problem }): RpcError => ({
        code: rpc.unsupported,
        message: problem
      }))
      return { conversation, go: Effect.void }
    }
    const delivered = deliver(held, message.messageId, textOf(message))
    if (typeof delivered === "string")
      return yield* fail(
        rpc.unsupported,
        delivered === "not_running"
          ? "The task does not run, so it takes no message; send a message without a taskId for a new task."
          : "The task's work takes no messages, or no more."
      )
    return { conversation, go: Effect.void }
  })

  return {
    send: Effect.fnUntraced(function* (message: IncomingMessage, blocking: boolean) {
      const { conversation, go } = yield* message.taskId ? followUp(message.taskId, message) : begin(message)
      if (!blocking) return { task: yield* view(conversation, true), go }
      yield* go
      yield* ended(conversation.held)
      return { task: yield* view(conversation, true), go: tasks.settle(conversation.held) }
    }),
    /** A result that has been fetched keeps the session no longer. */
    get: Effect.fnUntraced(function* (id: string) {
      const conversation = yield* find(id)
      const task = yield* view(conversation, true)
      return { task, go: tasks.settle(conversation.held) }
    }),
    cancel: Effect.fnUntraced(function* (id: string) {
      const conversation = yield* find(id)
      const { held } = conversation
      if (held.ending !== undefined && held.state !== "cancelled")
        return yield* fail(rpc.taskNotCancelable, `Task ${id} has ended already.`)
      yield* tasks.cancel(id, "cancelled over A2A", "12 seconds")
      return { task: yield* view(conversation, true), go: tasks.settle(held) }
    }),
    list: (contextId: string | undefined, withArtifacts: boolean) =>
      Effect.suspend(() =>
        Effect.forEach(
          [...conversations.values()].filter((one) => contextId === undefined || one.contextId === contextId).reverse(),
          (one) => view(one, withArtifacts)
        )
      )
  }
}

const payloadKey = ({ taskType, input, prompt, context, framework }: WorkerPayload): Json => [
  taskType,
  input,
  prompt ?? null,
  context ?? null,
  framework ?? null
]

const filePart = (folder: string, artifact: NewArtifact) =>
  Effect.gen(function* () {
    const name = basename(new URL(artifact.uri, "file:///").pathname)
    const { contentType: mediaType, sizeBytes = 0 } = artifact
    const piece = sizeBytes > inlineFileBytes ? undefined : yield* readPiece(folder, artifact.uri, 0, inlineFileBytes)
    return piece === undefined || piece.bytes > inlineFileBytes
      ? { name, part: { url: artifact.uri, name, mediaType } }
      : { name, part: { raw: piece.data.toString("base64"), name, mediaType } }
  })
