import type { ServerResponse } from "node:http"
import { Cause, Effect, Option, Schema } from "effect"
import { encodeText, JsonObject } from "../../domain/Json.js"
import type { makeDispatch, Reply } from "./Dispatch.js"
import type { Health } from "./Health.js"
import { acceptsEvents, answer, bodyLimit, readBody, readerGone } from "./Http.js"
import type { Handler } from "./Listen.js"
import { makePlain } from "./Plain.js"
import type { Tasks } from "./Tasks.js"

const decode = Schema.decodeOption(Schema.parseJson(JsonObject))

/** The HTTP contract: `GET /ping`, and `POST /invocations` for `dispatch/1` and for plain payloads. */
export const invocations = (
  health: Health,
  tasks: Tasks,
  dispatch: ReturnType<typeof makeDispatch>,
  log: (line: string) => void
): Handler => {
  const plain = makePlain(tasks)
  const send = (response: ServerResponse, reply: Effect.Effect<Reply>) =>
    Effect.flatMap(Effect.catchAllDefect(reply, mistaken), ({ text, sent }) =>
      Effect.ensuring(answer(response, 200, text), sent)
    )
  const mistaken = (defect: unknown) =>
    Effect.suspend(() => {
      log(Cause.pretty(Cause.die(defect)))
      return dispatch.refusal("fault", "The worker met a mistake of its own; its log has the details.")
    })
  const invoke: Handler = Effect.fn("worker.invoke")(function* (request, response) {
    const text = yield* readBody(request)
    if (text === undefined)
      return yield* send(
        response,
        dispatch.refusal("too_large", `The request has more than the ${bodyLimit} bytes that an invocation may have.`)
      )
    const body = decode(text)
    if (Option.isNone(body))
      return yield* send(response, dispatch.refusal("invalid", "The request's body is not a JSON object."))
    if (!Object.hasOwn(body.value, "dispatch")) return yield* plain(body.value, response, acceptsEvents(request))
    return yield* send(response, dispatch.answer(body.value, readerGone(response)))
  })
  return (request, response, path) => {
    if (path === "/ping") return pong(health, response)
    if (path !== "/invocations") return answer(response, 404, '{"error":"There is /ping and /invocations."}')
    if (request.method !== "POST") return answer(response, 405, '{"error":"Use POST."}')
    return invoke(request, response, path)
  }
}

/** Answers `/ping`. */
export const pong = (health: Health, response: ServerResponse) =>
  Effect.flatMap(health.ping, (ping) => answer(response, 200, encodeText({ ...ping })))
