import { Effect, Option, Schema, type Scope } from "effect"
import { JsonObject } from "../../src/domain/Json.js"
import { type HttpServer, httpServer, posted } from "../support/HttpServer.js"
import { type RawServer, rawServer, greeting } from "../support/RawServer.js"
import { type Answer, answerOf, type Place } from "../support/Server.js"
import { type SkewedClock, skewedClock } from "./Clock.js"
import { type Proxy, proxy } from "../support/Proxy.js"

/** One place for a server: whatever runs in it now, and how a client reaches that. */
export interface Slot {
  readonly pid: () => number | undefined
  readonly clock: () => SkewedClock | undefined
  /** An answer, or nothing when none came: its server died, was stopped, or the connection went. */
  readonly call: (tool: string, args: JsonObject) => Effect.Effect<Option.Option<Answer>>
  /** Waits for the end of the server that runs now and starts another. */
  readonly replace: Effect.Effect<void, never, Scope.Scope>
}

/** How long a client waits for an answer; a stopped server gives none. */
const patience = "9 seconds"

const environment = {
  AWS_ACCESS_KEY_ID: "AKIDCHAOS00000000001",
  AWS_SECRET_ACCESS_KEY: "not-a-secret",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  AWS_EC2_METADATA_DISABLED: "true"
}

/** A server on stdio whose clock is so many milliseconds ahead. */
export const stdioSlot = (at: Place, config: JsonObject, ahead: number): Effect.Effect<Slot, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: { readonly server: RawServer; readonly clock: SkewedClock } | undefined
    const begin: Effect.Effect<void, never, Scope.Scope> = Effect.gen(function* () {
      const clock = skewedClock(at, ahead)
      const server = yield* rawServer(at, { config, env: { ...environment, NODE_OPTIONS: clock.option } })
      yield* server.write(greeting(0))
      const up = yield* Effect.raceFirst(Effect.as(server.answerTo(0), true), Effect.as(server.ended, false))
      // A full disk keeps a server from starting.
      if (!up) return yield* Effect.delay(begin, "300 millis")
      current = { server, clock }
    })
    yield* begin
    return {
      pid: () => current?.server.pid,
      clock: () => current?.clock,
      call: (name, args) =>
        Effect.suspend(() => {
          if (current === undefined) return Effect.succeedNone
          const { server } = current
          const asked = Effect.map(server.ask("tools/call", { name, arguments: args }), ({ result }) => result)
          return answered(Effect.raceFirst(asked, Effect.as(server.ended, undefined)))
        }),
      replace: Effect.gen(function* () {
        const up = current
        current = undefined
        if (up !== undefined) yield* up.server.ended
        yield* begin
      })
    }
  })

/** A server on HTTP, behind something that loses its connections. */
export const httpSlot = (
  at: Place,
  config: JsonObject
): Effect.Effect<Slot & { readonly line: Proxy }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const line = yield* proxy
    let current: HttpServer | undefined
    const begin: Effect.Effect<void, never, Scope.Scope> = Effect.gen(function* () {
      const server = yield* httpServer(at, config, environment).pipe(
        Effect.asSome,
        Effect.catchAllDefect(() => Effect.succeedNone)
      )
      if (Option.isNone(server)) return yield* Effect.delay(begin, "300 millis")
      current = server.value
      line.to(server.value.url)
    })
    yield* begin
    return {
      line,
      pid: () => current?.pid,
      clock: () => undefined,
      call: (name, args) =>
        answered(
          Effect.map(
            posted(
              new URL("/mcp", line.url).href,
              JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } })
            ),
            ({ text }) => resultIn(text)
          )
        ),
      replace: Effect.gen(function* () {
        const up = current
        current = undefined
        if (up !== undefined) yield* up.ended
        yield* begin
      })
    }
  })

const Message = Schema.parseJson(Schema.Struct({ result: Schema.optional(JsonObject) }))
const decodeMessage = Schema.decodeOption(Message)

/** The result in a body that is JSON, or a stream of events of which the last has it. */
const resultIn = (body: string): JsonObject | undefined => {
  const text = body.startsWith("{")
    ? body
    : (body.split("\n").findLast((line) => line.startsWith("data:")) ?? "").slice(5)
  return Option.getOrUndefined(Option.flatMapNullable(decodeMessage(text), ({ result }) => result))
}

/** A broken connection is a promise that failed. */
const answered = (asked: Effect.Effect<unknown>): Effect.Effect<Option.Option<Answer>> =>
  Effect.catchAllDefect(asked, () => Effect.succeed(undefined)).pipe(
    Effect.timeoutOption(patience),
    Effect.map(Option.flatMapNullable((result) => result ?? undefined)),
    Effect.map(Option.map(answerOf))
  )
