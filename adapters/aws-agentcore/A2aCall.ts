import type { BedrockAgentCoreClient } from "@aws-sdk/client-bedrock-agentcore"
import { Data, type Duration, Effect, Schema } from "effect"
import { type Json, type JsonObject, JsonText } from "../../src/domain/Json.js"
import { A2aTask, type A2aVersion, ListReply, methods, RpcReply } from "./Wire.js"
import { clientsOf } from "./Clients.js"
import { exchange } from "./Invoke.js"
import type { Work } from "./Mode.js"
import { AnswerInvalid } from "./Spec.generated.js"

/** The A2A server's own refusal, which says that it got the request. */
export class RpcError extends Data.TaggedError("RpcError")<{ readonly number: number; readonly detail: string }> {}

export const taskNotFound = -32001
export const taskNotCancelable = -32002

const encode = Schema.encodeSync(JsonText)
const decode = Schema.decode(Schema.parseJson(RpcReply))

/** One JSON-RPC call through the signed runtime URL. */
export const rpc = (
  client: BedrockAgentCoreClient,
  { session }: Pick<Work, "session">,
  version: A2aVersion,
  call: { readonly id: string; readonly method: string; readonly params: JsonObject },
  within: Duration.DurationInput
) =>
  Effect.gen(function* () {
    const body = encode({ jsonrpc: "2.0", id: call.id, method: call.method, params: call.params })
    const headers = version === "0.3" ? undefined : { "A2A-Version": version }
    const text = yield* exchange(client, session, { body, ...(headers === undefined ? {} : { headers }) }, within)
    const invalid = () =>
      new AnswerInvalid({ detail: `"${call.method}" was answered with ${JSON.stringify(text.slice(0, 120))}` })
    const { result, error } = yield* Effect.mapError(decode(text), invalid)
    if (error !== undefined) return yield* new RpcError({ number: error.code, detail: error.message })
    return result === undefined ? yield* invalid() : result
  })

const shortly = "30 seconds"

const polling = (work: Work, method: string, params: JsonObject) =>
  Effect.flatMap(clientsOf(work.plan.place), ({ poll }) =>
    rpc(poll, work, work.plan.details.a2aVersion, { id: work.task.id, method, params }, shortly)
  )

const asTask = (method: string) => (raw: Json) =>
  Effect.mapBoth(Schema.decodeUnknown(A2aTask)(raw), {
    onFailure: () => new AnswerInvalid({ detail: `"${method}" was not answered with a task` }),
    onSuccess: (task) => ({ task, raw })
  })

/** The agent's task with so many of its last messages. */
export const getTask = (work: Work, id: string, historyLength = 0) => {
  const method = methods.get[work.plan.details.a2aVersion]
  return Effect.flatMap(polling(work, method, { id, historyLength }), asTask(method))
}

export const cancelTask = (work: Work, id: string) =>
  polling(work, methods.cancel[work.plan.details.a2aVersion], { id })

/** The tasks of a context that we chose ourselves; only 1.0 can tell. */
export const listTasks = (work: Work, contextId: string) =>
  Effect.flatMap(polling(work, methods.list["1.0"], { contextId }), (raw) =>
    Effect.mapBoth(Schema.decodeUnknown(ListReply)(raw), {
      onFailure: () => new AnswerInvalid({ detail: '"ListTasks" was not answered with tasks' }),
      onSuccess: ({ tasks }) => tasks
    })
  )
