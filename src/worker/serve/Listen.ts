import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Cause, Effect, FiberSet } from "effect"
import { systemCode } from "../SystemProblem.js"
import { DeploymentInvalid } from "../WorkerError.js"
import { answer } from "./Http.js"

/** Answers one request; `path` is that of its target without the query. */
export type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => Effect.Effect<void>

export interface Listener {
  readonly port: number
  /** Resolves once every request that came has been answered. */
  readonly idle: Effect.Effect<void>
}

/** Idle connections outlive the pauses between a caller's requests, so that none is cut while the next one is sent. */
const keepAliveMillis = 75_000

/** Answers requests on a port until the scope closes. */
export const listen = Effect.fn("worker.listen")(function* (
  handler: Handler,
  host: string,
  port: number,
  log: (line: string) => void
) {
  const requests = yield* FiberSet.make<void>()
  const fork = yield* FiberSet.runtime(requests)<never>()
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      createServer({ keepAliveTimeout: keepAliveMillis, requestTimeout: 0 }, (request, response) => {
        fork(
          Effect.catchAllCause(handler(request, response, pathOf(request)), (cause) =>
            Cause.isInterruptedOnly(cause) ? Effect.void : mistaken(cause, response, log)
          )
        )
      })
    ),
    (opened) =>
      Effect.sync(() => {
        opened.close()
        opened.closeAllConnections()
      })
  )
  const listener: Listener = { port: yield* opened(server, host, port), idle: FiberSet.awaitEmpty(requests) }
  return listener
})

const opened = (server: Server, host: string, port: number) =>
  Effect.async<number, DeploymentInvalid>((resume) => {
    server.once("error", (error) =>
      resume(new DeploymentInvalid({ problem: `port ${port} of ${host} cannot be had (${systemCode(error)})` }))
    )
    server.listen(port, host, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

const mistaken = (cause: Cause.Cause<never>, response: ServerResponse, log: (line: string) => void) =>
  Effect.suspend(() => {
    log(Cause.pretty(cause))
    if (!response.headersSent) return answer(response, 500, '{"error":"a mistake of the worker; its log has it"}')
    response.destroy()
    return Effect.void
  })

const pathOf = ({ url = "/" }: IncomingMessage): string => url.replace(/[?#].*$/s, "")
