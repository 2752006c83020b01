import { randomUUID } from "node:crypto"
import type { ServerResponse } from "node:http"
import { Deferred, Effect, Either, Schema } from "effect"
import { Json, type JsonObject } from "../../domain/Json.js"
import { WorkerEvent, WorkerResponse } from "../../domain/WorkerEvent.js"
import { WorkerPayload } from "../../domain/WorkerProtocol.js"
import { describe } from "../JobContext.js"
import { type Ending, type Held, type Refusal, valueOf } from "./Held.js"
import { answer, beginEvents, write } from "./Http.js"
import type { EventRecord } from "./Ring.js"
import type { Tasks } from "./Tasks.js"

/** As much of the contract's payload as there is: other callers send a prompt and nothing else. */
const Payload = Schema.Struct({
  ...WorkerPayload.fields,
  taskType: Schema.optionalWith(WorkerPayload.fields.taskType, { default: () => "agent.run" as const }),
  input: Schema.optionalWith(Json, { default: () => ({}) })
})

const eventText = Schema.encodeSync(Schema.parseJson(WorkerEvent))
const responseText = Schema.encodeSync(Schema.parseJson(WorkerResponse))

/** A platform that lets a request live longer than this is not known. */
export const longestSeconds = 8 * 60 * 60

const quiet = "15 seconds"

/**
 * Does the work of a contract's payload while its caller waits: answers with the whole response, or tells of each event
 * as it happens. A caller that goes away does not end the work.
 */
export const makePlain = (tasks: Tasks) =>
  Effect.fn("worker.plain")(function* (body: JsonObject, response: ServerResponse, streaming: boolean) {
    const decoded = Schema.decodeUnknownEither(Payload)(body, { errors: "all" })
    const begun = Either.isLeft(decoded)
      ? Either.left<Refusal>({ code: "worker.input_invalid", message: describe("", decoded.left) })
      : yield* Effect.either(start(tasks, decoded.right))
    if (streaming) yield* beginEvents(response)
    const last = Either.isLeft(begun)
      ? refused(begun.left)
      : yield* follow(begun.right, (records) =>
          streaming
            ? write(
                response,
                records.length === 0
                  ? ": working\n\n"
                  : records.map(({ event }) => `data: ${eventText(event)}\n\n`).join("")
              )
            : Effect.void
        ).pipe(
          Effect.map((ending) => responseOf(ending, streaming ? [] : everything(begun.right))),
          Effect.tap(() => tasks.settle(begun.right)),
          Effect.tap(() => tasks.forget(begun.right.order.taskId))
        )
    if (!streaming) return yield* answer(response, 200, responseText(last))
    yield* write(response, `data: ${responseText(last)}\n\n`)
    yield* Effect.sync(() => response.end())
  })

const start = Effect.fnUntraced(function* (tasks: Tasks, payload: WorkerPayload) {
  const begun = yield* tasks.begin({
    taskId: randomUUID({ disableEntropyCache: true }),
    startToken: "plain",
    payload,
    deadlineSeconds: longestSeconds,
    lingerSeconds: longestSeconds,
    journaled: false,
    answerable: false
  })
  if (begun === "cancelled before it came" || begun.known.where !== "here")
    return yield* Effect.dieMessage("a task id that was just minted is known already")
  yield* Deferred.succeed(begun.known.held.go, undefined)
  return begun.known.held
})

/** Hands on each event until the work has ended; with nothing to tell for a while, hands on nothing. */
const follow = Effect.fnUntraced(function* (
  held: Held,
  tell: (records: ReadonlyArray<EventRecord>) => Effect.Effect<void>
) {
  let cursor = 0
  for (;;) {
    const seen = held.bell.count()
    const { events } = held.ring.after(cursor, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    if (events.length > 0) yield* tell(events)
    cursor = events.at(-1)?.seq ?? cursor
    if (held.ending !== undefined && cursor === held.ring.seq()) return held.ending
    const rung = yield* Effect.timeoutOption(held.bell.after(seen), quiet)
    if (rung._tag === "None") yield* tell([])
  }
})

const everything = (held: Held) =>
  held.ring.after(0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY).events.map(({ event }) => event)

const responseOf = (ending: Ending, events: ReadonlyArray<WorkerEvent>): WorkerResponse => ({
  ok: ending.state === "succeeded",
  ...(ending.result === undefined ? {} : { output: valueOf(ending.result) }),
  events,
  artifacts: ending.artifacts,
  ...(ending.error === undefined ? {} : { error: ending.error })
})

const refused = ({ code, message }: Refusal): WorkerResponse => ({
  ok: false,
  events: [],
  artifacts: [],
  error: { code, message, retryable: code === "busy" }
})
