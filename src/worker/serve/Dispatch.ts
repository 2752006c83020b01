import { Deferred, Effect, Either, Option, Schema } from "effect"
import type { Json, JsonObject } from "../../domain/Json.js"
import {
  AckRequest,
  AnswerRequest,
  ArtifactRequest,
  CancelRequest,
  ChunkReply,
  HelloReply,
  HelloRequest,
  MessageRequest,
  PollRequest,
  RefusalReply,
  ResultRequest,
  StartRequest,
  StateReply
} from "../../domain/WorkerProtocol.js"
import { describe } from "../JobContext.js"
import type { Boot } from "./Boot.js"
import type { Refusal } from "./Held.js"
import type { Chunk, Hello, operations, State } from "./Operations.js"

/** An answer as text; `sent` is to be run once it has left, whether or not anybody read it. */
export interface Reply {
  readonly text: string
  readonly sent: Effect.Effect<void>
}

const stateText = Schema.encodeSync(Schema.parseJson(StateReply))
const chunkText = Schema.encodeSync(Schema.parseJson(ChunkReply))
const helloText = Schema.encodeSync(Schema.parseJson(HelloReply))
const refusalText = Schema.encodeSync(Schema.parseJson(RefusalReply))

const Op = Schema.Struct({ op: Schema.String })

const taskIdOf = Schema.decodeUnknownOption(Schema.Struct({ taskId: StartRequest.fields.taskId }))

/** Answers one request of `dispatch/1`: always with an envelope, whatever was asked. */
export const makeDispatch = (ops: ReturnType<typeof operations>, boot: Effect.Effect<Boot>) => {
  const envelope = (taskId: string | undefined) =>
    Effect.map(boot, ({ boot: id, bootAgeMs }) => ({
      v: 1 as const,
      boot: id,
      bootAgeMs,
      ...(taskId === undefined ? {} : { taskId })
    }))

  const state = (taskId: string, body: State) =>
    Effect.map(envelope(taskId), (whole) => stateText({ ...whole, ...body }))

  const stateOrChunk = (taskId: string, body: State | Chunk) =>
    Effect.map(envelope(taskId), (whole) =>
      "data" in body ? chunkText({ ...whole, ...body }) : stateText({ ...whole, ...body })
    )

  const hello = (body: Hello) => Effect.map(envelope(undefined), (whole) => helloText({ ...whole, ...body }))

  const refusal = (taskId: string | undefined, refused: Refusal): Effect.Effect<Reply> =>
    Effect.map(envelope(taskId), (whole) => only(refusalText({ ...whole, refused })))

  const decoded = <A, I>(
    schema: Schema.Schema<A, I>,
    request: Json,
    act: (request: A) => Effect.Effect<Reply, Refusal>
  ): Effect.Effect<Reply> => {
    const taskId = Option.getOrUndefined(taskIdOf(request))?.taskId
    const found = Schema.decodeUnknownEither(schema)(request, { errors: "all" })
    return Either.isLeft(found)
      ? refusal(taskId, { code: "invalid", message: `dispatch: ${describe("", found.left)}` })
      : Effect.catchAll(act(found.right), (refused) => refusal(taskId, refused))
  }

  const table: Readonly<Record<string, (request: Json, gone: Effect.Effect<void>) => Effect.Effect<Reply>>> = {
    start: (request) =>
      decoded(StartRequest, request, (wanted) =>
        Effect.flatMap(ops.start(wanted), ({ reply, held }) =>
          Effect.map(state(wanted.taskId, reply), (text) => ({
            text,
            sent: held === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(held.go, undefined))
          }))
        )
      ),
    poll: (request, gone) =>
      decoded(PollRequest, request, (wanted) =>
        Effect.flatMap(ops.poll(wanted, gone), (body) => Effect.map(state(wanted.taskId, body), only))
      ),
    cancel: (request) =>
      decoded(CancelRequest, request, (wanted) =>
        Effect.flatMap(ops.cancel(wanted), (body) => Effect.map(state(wanted.taskId, body), only))
      ),
    result: (request) =>
      decoded(ResultRequest, request, (wanted) =>
        Effect.flatMap(ops.result(wanted), (body) => Effect.map(stateOrChunk(wanted.taskId, body), only))
      ),
    artifact: (request) =>
      decoded(ArtifactRequest, request, (wanted) =>
        Effect.flatMap(ops.artifact(wanted), (body) => Effect.map(stateOrChunk(wanted.taskId, body), only))
      ),
    ack: (request) =>
      decoded(AckRequest, request, (wanted) =>
        Effect.flatMap(ops.ack(wanted), (body) => Effect.map(state(wanted.taskId, body), only))
      ),
    message: (request) =>
      decoded(MessageRequest, request, (wanted) =>
        Effect.flatMap(ops.message(wanted), (body) => Effect.map(state(wanted.taskId, body), only))
      ),
    answer: (request) =>
      decoded(AnswerRequest, request, (wanted) =>
        Effect.flatMap(ops.answer(wanted), (body) => Effect.map(state(wanted.taskId, body), only))
      ),
    hello: (request) =>
      decoded(HelloRequest, request, () => Effect.flatMap(ops.hello(), (body) => Effect.map(hello(body), only)))
  }

  const known = Object.keys(table)

  return {
    refusal: (code: string, message: string) => refusal(undefined, { code, message }),
    /** `gone` resolves when nobody waits for the answer any more. */
    answer: (body: JsonObject, gone: Effect.Effect<void>): Effect.Effect<Reply> => {
      const request = body["dispatch"] ?? null
      const named = Schema.decodeUnknownEither(Op)(request)
      if (Either.isLeft(named))
        return refusal(undefined, { code: "invalid", message: `dispatch: ${describe("", named.left)}` })
      const { op } = named.right
      const act = Object.hasOwn(table, op) ? table[op] : undefined
      return act === undefined
        ? refusal(undefined, { code: "invalid", message: `dispatch.op: "${op}" is none of ${known.join(", ")}.` })
        : act(request, gone)
    }
  }
}

const only = (text: string): Reply => ({ text, sent: Effect.void })
