import type { BedrockAgentCoreClient } from "@aws-sdk/client-bedrock-agentcore"
import { type Duration, Effect, Predicate, Stream } from "effect"
import { dataSdk, send } from "./Clients.js"
import { Fault, faultOf } from "./Faults.js"
import type { Session } from "./Plan.js"

/** The far side's answer from its headers on. */
export interface Reply {
  readonly contentType: string
  readonly body: Stream.Stream<Uint8Array, Fault>
}

export interface Message {
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The most of one answer that is read, in bytes: what the service lets through. */
const answerLimit = 100_000_000

/** Sends one request to the session's container; resolves with the answer's headers. */
export const invoke = Effect.fn("agentcore.invoke")(function* (
  client: BedrockAgentCoreClient,
  { runtimeArn, qualifier, sessionId }: Session,
  message: Message
) {
  const { InvokeAgentRuntimeCommand } = yield* dataSdk
  const command = new InvokeAgentRuntimeCommand({
    agentRuntimeArn: runtimeArn,
    qualifier,
    runtimeSessionId: sessionId,
    contentType: "application/json",
    accept: "application/json, text/event-stream",
    payload: new TextEncoder().encode(message.body)
  })
  const { headers } = message
  if (headers !== undefined) {
    command.middlewareStack.add(
      (next) => (args) => {
        const { request } = args
        if (Predicate.hasProperty(request, "headers") && Predicate.isRecord(request.headers))
          Object.assign(request.headers, headers)
        return next(args)
      },
      { step: "build", name: "agentdispatchHeaders" }
    )
  }
  const { contentType, response } = yield* send((options) => client.send(command, options))
  const reply: Reply = {
    contentType: contentType ?? "",
    body:
      response === undefined
        ? Stream.empty
        : Stream.fromReadableStream({ evaluate: () => response.transformToWebStream(), onError: faultOf })
  }
  return reply
})

/** A whole answer as text. */
export const textOfReply = ({ body }: Reply): Effect.Effect<string, Fault> =>
  Effect.gen(function* () {
    const pieces: Array<Uint8Array> = []
    let bytes = 0
    yield* Stream.runForEach(body, (piece) => {
      bytes += piece.length
      pieces.push(piece)
      return bytes > answerLimit
        ? new Fault({ kind: "ambiguous", detail: `the answer is larger than ${answerLimit} bytes` })
        : Effect.void
    })
    return Buffer.concat(pieces).toString("utf8")
  })

/** One exchange to the end of the answer. */
export const exchange = (
  client: BedrockAgentCoreClient,
  session: Session,
  message: Message,
  within: Duration.DurationInput
): Effect.Effect<string, Fault> =>
  Effect.flatMap(invoke(client, session, message), textOfReply).pipe(
    Effect.timeoutFail({
      duration: within,
      onTimeout: () => new Fault({ kind: "ambiguous", detail: "no whole answer came in time" })
    })
  )
