import { type Duration, Effect, Schema } from "effect"
import type { BedrockAgentCoreClient } from "@aws-sdk/client-bedrock-agentcore"
import { WorkerReply, WorkerRequest } from "../../src/domain/WorkerProtocol.js"
import { exchange } from "./Invoke.js"
import type { Session } from "./Plan.js"
import { AnswerInvalid } from "./Spec.generated.js"

type Said = WorkerRequest["dispatch"]

const encode = Schema.encode(Schema.parseJson(WorkerRequest))
const decode = Schema.decode(Schema.parseJson(WorkerReply))

/** One question of `dispatch/1` and its answer. */
export const ask = Effect.fn("agentcore.ask")(function* (
  client: BedrockAgentCoreClient,
  session: Session,
  dispatch: Said,
  within: Duration.DurationInput
) {
  const body = yield* Effect.orDie(encode({ dispatch }))
  const text = yield* exchange(client, session, { body }, within)
  return yield* Effect.mapError(decode(text), () => invalid(dispatch.op, text))
})

/** An answer of another kind than the question asks for. */
export const unfit = (op: Said["op"], reply: WorkerReply): AnswerInvalid =>
  "refused" in reply
    ? new AnswerInvalid({ detail: `the worker refused "${op}" as ${reply.refused.code}: ${reply.refused.message}` })
    : new AnswerInvalid({ detail: `"${op}" was answered with something else` })

const invalid = (op: Said["op"], text: string) =>
  new AnswerInvalid({
    detail:
      text === ""
        ? `"${op}" was answered with nothing`
        : `"${op}" was answered with ${JSON.stringify(text.slice(0, 120))}${text.length > 120 ? "…" : ""}`
  })
