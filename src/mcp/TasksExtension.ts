import {
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext
} from "@modelcontextprotocol/server"
import { Effect, Either, Option, Schema } from "effect"
import { Answers } from "../dispatch/Answers.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import type { DispatchError } from "../domain/DispatchError.js"
import { JsonObject } from "../domain/Json.js"
import { isTerminal } from "../domain/Lifecycle.js"
import { Answer } from "../domain/TaskQuestion.js"
import { type Client, tasksExtension } from "./Client.js"
import { standardSchema } from "./StandardSchema.js"
import { detailedTask, handleOf, taskOfKey, unasked } from "./TaskHandle.js"
import type { Core } from "./Tool.js"

/** How an edge runs a request of the extension; a failure becomes a JSON-RPC error. */
export type RunProtocol = <A>(effect: Effect.Effect<A, DispatchError, Core>, context: ServerContext) => Promise<A>

export const requireTasks = ({ tasks }: Pick<Client, "tasks">): void => {
  if (!tasks)
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [tasksExtension]: {} } } })
}

/** What only the caller's program can mend is a JSON-RPC error: an id that does not exist, an answer of the wrong shape. */
export const protocolError = (error: DispatchError): ProtocolError =>
  error._tag === "StoreFailed" || error._tag === "TaskChanged"
    ? new ProtocolError(ProtocolErrorCode.InternalError, error.message)
    : new ProtocolError(ProtocolErrorCode.InvalidParams, error.message)

const Named = Schema.Struct({ taskId: Schema.String })
const Update = Schema.Struct({ taskId: Schema.String, inputResponses: Schema.optional(JsonObject) })
const decodeNamed = Schema.decodeUnknownEither(Named)
const decodeUpdate = Schema.decodeUnknownEither(Update)
const decodeAnswer = Schema.decodeUnknownOption(Answer)

const taskIdOf = (params: unknown): string =>
  Either.getOrThrowWith(
    Either.map(decodeNamed(params), ({ taskId }) => taskId),
    () => new ProtocolError(ProtocolErrorCode.InvalidParams, "taskId is missing: give the id of a task")
  )

/** `tasks/get`, `tasks/update` and `tasks/cancel`, backed by the store: the ids are our tasks' own. */
export const serveTasks = (server: Server, run: RunProtocol, clientOf: (context: ServerContext) => Client): void => {
  const schemas = { params: standardSchema(JsonObject), result: standardSchema(JsonObject) }
  server.setRequestHandler("tasks/get", schemas, async (params: unknown, context) => {
    const client = clientOf(context)
    requireTasks(client)
    const task = await run(detailedTask(handleOf(taskIdOf(params))), context)
    return { ...(client.elicits ? task : unasked(task)) }
  })
  server.setRequestHandler("tasks/update", schemas, async (params: unknown, context) => {
    requireTasks(clientOf(context))
    const taskId = taskIdOf(params)
    const given = Either.getOrElse(decodeUpdate(params), () => ({ inputResponses: undefined })).inputResponses
    await run(update(taskId, given ?? context.mcpReq.inputResponses ?? {}), context)
    return {}
  })
  server.setRequestHandler("tasks/cancel", schemas, async (params: unknown, context) => {
    requireTasks(clientOf(context))
    await run(cancel(taskIdOf(params)), context)
    return {}
  })
}

/** Keys that were never asked, or have their answer, are ignored as the specification wants. */
export const update = (id: string, responses: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const handle = handleOf(id)
    const answers = yield* Answers
    const perTask = new Map<string, Record<string, Answer>>(handle.ids.map((task) => [task, {}]))
    for (const [key, response] of Object.entries(responses)) {
      const named = taskOfKey(handle, key)
      const answer = Option.getOrUndefined(decodeAnswer(response))
      const collected = perTask.get(named.id)
      if (collected !== undefined && answer !== undefined) collected[named.key] = answer
    }
    for (const [task, given] of perTask) yield* answers.answer(task, given)
  })

/** Only the wish: how it ended shows in the next `tasks/get`. */
const cancel = (id: string) =>
  Effect.gen(function* () {
    const dispatch = yield* Dispatch
    for (const task of handleOf(id).ids) {
      const { status } = yield* dispatch.status(task, {})
      if (!isTerminal(status)) yield* dispatch.cancel(task, 0)
    }
  })
