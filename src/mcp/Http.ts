import { toNodeHandler } from "@modelcontextprotocol/node"
import {
  type AuthInfo,
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  ProtocolErrorCode
} from "@modelcontextprotocol/server"
import { Effect, Either } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { type HttpConfig, isGuarded } from "../domain/HttpConfig.js"
import { Caller } from "../services/Caller.js"
import { makeGate } from "./HttpAuth.js"
import { readBody } from "./HttpBody.js"
import { makeGuard } from "./HttpGuard.js"
import { makeHttpListen, subscriptionIn } from "./HttpListen.js"
import { makeServer, type Serving } from "./Server.js"

/** How many streams the SDK holds open, besides those that tell of tasks. */
const maxSubscriptions = 256
const defaultBodyBytes = 4 * 1_048_576
const metadataPath = "/.well-known/oauth-protected-resource"

export interface HttpOptions {
  readonly serving: Serving
  readonly http: HttpConfig
  /** The address that is listened on. */
  readonly host: string
  /** Whether the installation can take work now. */
  readonly isReady: Effect.Effect<boolean>
  readonly onerror: (error: Error) => void
}

/** Streamable HTTP for one process: it remembers nothing between two requests. */
export interface Http {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Effect.Effect<void>
  /** From now on nothing new is taken. */
  readonly drain: () => void
  /** How many requests have no answer yet; a stream of notifications has nothing to wait for. */
  readonly pending: () => number
  /** Ends what is still open. */
  readonly close: () => Promise<void>
}

export const makeHttp = (options: HttpOptions): Effect.Effect<Http> =>
  Effect.gen(function* () {
    const { host, http, isReady, onerror, serving } = options
    const maxRequestBodySize = http.maxBodyBytes ?? defaultBodyBytes
    const guarded = isGuarded(http)
    const gate = yield* makeGate(http)
    const guard = makeGuard(http, host)
    const handler = createMcpHandler(({ authInfo }) => makeServer(servingFor(serving, guarded, authInfo)), {
      maxRequestBodySize,
      maxSubscriptions,
      onerror
    })
    const answer = toNodeHandler(handler, { maxRequestBodySize, onerror })
    const open = new Set<ServerResponse>()
    const listening = makeHttpListen()
    let draining = false

    const serve = Effect.fn("http.serve")(function* (request: IncomingMessage, response: ServerResponse) {
      open.add(response)
      response.once("close", () => open.delete(response))
      const resource = http.publicUrl ?? `http://${request.headers.host ?? host}/mcp`
      const admitted = guarded
        ? yield* Effect.either(
            gate(request.headers.authorization, getOAuthProtectedResourceMetadataUrl(new URL(resource)))
          )
        : Either.right(undefined)
      if (Either.isLeft(admitted)) return yield* sendResponse(response, admitted.left)
      const read = yield* readBody(request, maxRequestBodySize)
      if (read.body === "gone") return
      if (read.body === "too large")
        return fault(
          response,
          413,
          -32_000,
          `The request is larger than ${maxRequestBodySize} bytes (http.maxBodyBytes)`
        )
      if (read.body === "not UTF-8")
        return fault(response, 400, ProtocolErrorCode.ParseError, "Parse error: the request is not UTF-8")
      if (read.text.trimStart().startsWith("["))
        return fault(response, 400, ProtocolErrorCode.InvalidRequest, "Batches are not served: send each message alone")
      const subscription = subscriptionIn(read.text)
      if (subscription !== undefined)
        return yield* listening.serve(subscription, response, servingFor(serving, guarded, admitted.right).run)
      const { headers, method, url } = request
      const whole = {
        headers,
        ...(method === undefined ? {} : { method }),
        ...(url === undefined ? {} : { url }),
        ...(admitted.right === undefined ? {} : { auth: admitted.right }),
        async *[Symbol.asyncIterator]() {
          yield read.text
        }
      }
      yield* Effect.promise(() => answer(whole, response))
    })

    const handle = Effect.fn("http.handle")(function* (request: IncomingMessage, response: ServerResponse) {
      const path = (request.url ?? "").split("?")[0] ?? ""
      response.setHeader("Cache-Control", "no-store")
      response.setHeader("X-Content-Type-Options", "nosniff")
      if (path === "/healthz") return send(response, 200, { status: "alive" })
      if (path === "/readyz") {
        const status = draining ? "draining" : (yield* isReady) ? "ready" : "unavailable"
        return send(response, status === "ready" ? 200 : 503, { status })
      }
      const wrong = guard(request.headers)
      if (wrong !== undefined) return fault(response, 403, -32_000, wrong)
      if (guarded && (path === metadataPath || path.startsWith(`${metadataPath}/`)))
        return send(response, 200, metadata(http, http.publicUrl ?? `http://${request.headers.host ?? host}/mcp`), {
          "Access-Control-Allow-Origin": "*"
        })
      if (path !== "/mcp") return fault(response, 404, -32_000, "Nothing is here; the MCP endpoint is /mcp")
      return draining ? leaving(response) : yield* serve(request, response)
    })

    return {
      handle: (request, response) => handle(request, response),
      drain: () => {
        draining = true
        listening.closeAll()
      },
      pending: () => [...open].filter((response) => !isStream(response)).length,
      close: handler.close
    }
  })

/** The same core, on behalf of whoever authenticated. */
const servingFor = (serving: Serving, guarded: boolean, authInfo: AuthInfo | undefined): Serving => {
  if (!guarded) return serving
  if (authInfo === undefined) throw new Error("a request came past the bearer check")
  const caller = { principal: authInfo.clientId }
  return { ...serving, run: (effect, signal) => serving.run(Effect.provideService(effect, Caller, caller), signal) }
}

/** RFC 9728: where a client gets a token, if not from whoever keeps the config. */
const metadata = ({ jwt }: HttpConfig, resource: string) => ({
  resource,
  resource_name: "AgentDispatch",
  bearer_methods_supported: ["header"],
  ...(jwt === undefined ? {} : { authorization_servers: [jwt.issuer] }),
  ...(jwt?.requiredScopes === undefined ? {} : { scopes_supported: jwt.requiredScopes })
})

const isStream = (response: ServerResponse): boolean =>
  response.headersSent && String(response.getHeader("content-type")).startsWith("text/event-stream")

const send = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body))

const sendResponse = (response: ServerResponse, { body, headers, status }: Response): Effect.Effect<void> =>
  Effect.map(
    Effect.promise(() => new Response(body).text()),
    (text) => void response.writeHead(status, Object.fromEntries(headers)).end(text)
  )

const fault = (response: ServerResponse, status: number, code: number, message: string): void =>
  send(response, status, { jsonrpc: "2.0", error: { code, message }, id: null })

const leaving = (response: ServerResponse): void => {
  response.setHeader("Connection", "close")
  response.setHeader("Retry-After", "1")
  fault(response, 503, -32_000, "The server is going; send the request again to the next one")
}
