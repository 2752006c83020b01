import { Effect, Option, type Scope } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import { type HttpServer, httpClient, httpServer } from "./HttpServer.js"
import { type Answer, place, type Session } from "./Server.js"

/** One machine of a team: a state folder of its own, a server that may be replaced, and its client. */
export interface Machine {
  /** The access key the server of the moment signs its calls with. */
  readonly key: () => string
  /** The URL of a path at the server of the moment. */
  readonly at: (path: string) => string
  /** What the server of the moment has logged. */
  readonly stderr: () => string
  /** An answer, or nothing when none came: its server is gone, or going. */
  readonly call: (...call: Parameters<Session["call"]>) => Effect.Effect<Option.Option<Answer>>
  /** Ends the server by a signal and waits until it is gone. */
  readonly end: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** A frozen server keeps its place and its clients; it goes on when it is told to. */
  readonly signal: (name: "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
  readonly begin: Effect.Effect<void, never, Scope.Scope>
}

/** How long a client waits for an answer before it asks another server. */
const patience = "10 seconds"

let keys = 0

/** An access key that nobody else signs with, and what makes a server use it. */
export const signingWith = () => {
  const key = `AKIDTEAM${String(++keys).padStart(8, "0")}`
  return [
    key,
    {
      AWS_ACCESS_KEY_ID: key,
      AWS_SECRET_ACCESS_KEY: "not-a-secret",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true"
    }
  ] as const
}

/** Calls of a machine that must answer. */
export const callOf =
  ({ call }: Machine): Session["call"] =>
  (...args) =>
    Effect.flatMap(
      call(...args),
      Option.match({ onNone: () => Effect.dieMessage("no answer came"), onSome: Effect.succeed })
    )

/** A machine whose server has not begun yet. */
export const machine = (
  config: JsonObject,
  environment: Readonly<Record<string, string>> = {}
): Effect.Effect<Machine, never, Scope.Scope> =>
  Effect.map(place, (at) => {
    let current: { readonly server: HttpServer; readonly call: Session["call"] } | undefined
    let key = ""
    return {
      key: () => key,
      at: (path) => current?.server.at(path) ?? "",
      stderr: () => current?.server.stderr() ?? "",
      call: (...call) =>
        Effect.suspend(() => (current === undefined ? Effect.succeedNone : answered(current.call(...call)))),
      end: (signal) =>
        Effect.suspend(() => {
          const ending = current?.server
          if (ending === undefined) return Effect.void
          current = undefined
          return Effect.zipRight(ending.signal(signal), Effect.asVoid(ending.ended))
        }),
      signal: (name) => Effect.suspend(() => current?.server.signal(name) ?? Effect.void),
      begin: Effect.gen(function* () {
        const [own, signing] = signingWith()
        key = own
        const server = yield* httpServer(at, config, { ...signing, ...environment })
        current = { server, call: (yield* httpClient("the 2026-07-28 client", server)).call }
      })
    }
  })

/** A connection that broke is a promise that failed. */
const answered = (asked: Effect.Effect<Answer>): Effect.Effect<Option.Option<Answer>> =>
  asked.pipe(
    Effect.asSome,
    Effect.catchAllDefect(() => Effect.succeedNone),
    Effect.timeoutOption(patience),
    Effect.map(Option.flatten)
  )
