import { ProtocolErrorCode } from "@modelcontextprotocol/server"
import { Effect, Either, Schedule, Schema, Stream } from "effect"
import type { ServerResponse } from "node:http"
import { JsonText } from "../domain/Json.js"
import type { Run } from "./Server.js"
import {
  clientOfListen,
  errorTo,
  goodbye,
  listen,
  type Listen,
  listenOf,
  type Outgoing,
  refusalOf
} from "./TaskListen.js"
import { asCaller } from "./Tool.js"

/** How many streams one process holds open; the server's connections are more, so that calls still get in. */
const mostStreams = 512
/** Keeps proxies from ending a stream on which nothing happens. */
const keepAlive = "15 seconds"

const parse = Schema.decodeEither(JsonText)

/** The subscription to tasks that a request's body is, if it is one. */
export const subscriptionIn = (text: string): Listen | undefined =>
  text.includes('"subscriptions/listen"') ? listenOf(Either.getOrUndefined(parse(text))) : undefined

/** Subscriptions to tasks over HTTP: each is one stream of server-sent events. */
export const makeHttpListen = () => {
  const open = new Map<ServerResponse, { readonly request: Listen; readonly end: AbortController }>()

  const close = (response: ServerResponse) => {
    const found = open.get(response)
    if (found === undefined) return
    open.delete(response)
    found.end.abort()
    response.end(event(goodbye(found.request)))
  }

  const serve = Effect.fn("http.listen")(function* (request: Listen, response: ServerResponse, run: Run) {
    const refusal =
      refusalOf(request) ??
      (open.size >= mostStreams
        ? errorTo(
            request.id,
            ProtocolErrorCode.InternalError,
            `Subscription limit reached: ${mostStreams} in this process`
          )
        : undefined)
    if (refusal !== undefined)
      return void response
        .writeHead(refusal.error.code === ProtocolErrorCode.MissingRequiredClientCapability ? 400 : 200, {
          "Content-Type": "application/json"
        })
        .end(JSON.stringify(refusal))
    const end = new AbortController()
    open.set(response, { request, end })
    response.once("close", () => {
      open.delete(response)
      end.abort()
    })
    response.writeHead(200, { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" })
    const beats = Stream.map(Stream.fromSchedule(Schedule.spaced(keepAlive)), () => ": keepalive\n\n")
    const told = Stream.map(listen(request), event)
    const telling = Stream.runForEach(Stream.merge(told, beats), (text) => written(response, text))
    yield* Effect.promise(() => run(asCaller(clientOfListen(request))(telling), end.signal).catch(() => undefined))
  })

  return {
    serve,
    closeAll: () => {
      for (const response of open.keys()) close(response)
    }
  }
}

/** Waits for a reader that is slower than the news; what is left unread then is no more than ids. */
const written = (response: ServerResponse, text: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    const done = () => resume(Effect.void)
    if (response.write(text)) return done()
    response.once("drain", done)
    return Effect.sync(() => void response.off("drain", done))
  })

const event = (message: Outgoing): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`
