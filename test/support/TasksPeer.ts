import { Client, StreamableHTTPClientTransport, type Transport } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import {
  type ApplicationInputCallbacks,
  createApplicationInputHandler,
  createTaskSessionFromClient,
  DispatchError,
  type JsonRpcResponse,
  type RawClientDispatch,
  type TaskEnabledSession
} from "@modelcontextprotocol/ext-tasks/client"
import { Effect, Option, Schema, type Scope } from "effect"
import { Json, type JsonObject } from "../../src/domain/Json.js"
import { httpServer } from "./HttpServer.js"
import { commandOf, type Place } from "./Server.js"

const clientInfo = { name: "ext-tasks", version: "0.2.2" }
const protocolVersion = "2026-07-28"

/** One request as the peer sent it, and when, in milliseconds. */
export interface Sent {
  readonly method: string
  readonly at: number
}

/** A session of the Tasks extension's own client with a server that is there for it alone. */
export interface TasksPeer {
  readonly session: TaskEnabledSession
  readonly sent: ReadonlyArray<Sent>
  /** Ends the server with SIGKILL and waits until it is gone. */
  readonly kill: Effect.Effect<void>
}

export const wires = ["stdio", "HTTP"] as const
export type Wire = (typeof wires)[number]

/** What the peer's user says to a form; a peer without one shows none. */
export type OnForm = ApplicationInputCallbacks["elicitation"]

const decodeAnswer = Schema.decodeUnknownOption(
  Schema.Struct({
    id: Schema.String,
    result: Schema.optional(Json),
    error: Schema.optional(Schema.Struct({ code: Schema.Int, message: Schema.String, data: Schema.optional(Json) }))
  })
)
const decodeRequest = Schema.decodeUnknownSync(
  Schema.Struct({ method: Schema.String, params: Schema.optional(Schema.Record({ key: Schema.String, value: Json })) })
)

/** The host's part of the extension: requests in the peer's own wire shapes, beside the SDK's on one connection. */
const coordinator = (transport: Transport, sent: Array<Sent>): RawClientDispatch => {
  const waiting = new Map<string, (response: JsonRpcResponse) => void>()
  const usual = transport.onmessage?.bind(transport)
  transport.onmessage = (message) => {
    const answer = Option.getOrUndefined(decodeAnswer(message))
    const settle = waiting.get(answer?.id ?? "")
    if (answer === undefined || settle === undefined) return usual?.(message)
    waiting.delete(answer.id)
    settle(
      answer.error === undefined
        ? { kind: "result", result: answer.result ?? null }
        : { kind: "error", error: answer.error }
    )
  }
  return (request, options) =>
    new Promise((resolve, reject) => {
      const { method, params } = decodeRequest(request)
      const id = `raw-${sent.length + 1}`
      sent.push({ method, at: performance.now() })
      waiting.set(id, resolve)
      options?.signal?.addEventListener("abort", () => reject(new DispatchError(`${method} was aborted`)))
      transport
        .send({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) }, options?.context ?? {})
        .catch((cause: unknown) => reject(new DispatchError(`${method} was not sent`, false, { cause })))
    })
}

interface Reached {
  readonly transport: Transport
  readonly kill: Effect.Effect<void>
}

const reached = (wire: Wire, at: Place, config: JsonObject): Effect.Effect<Reached, never, Scope.Scope> =>
  wire === "HTTP"
    ? Effect.map(httpServer(at, config), ({ ended, signal, url }) => ({
        transport: new StreamableHTTPClientTransport(new URL(url)),
        kill: Effect.zipRight(signal("SIGKILL"), Effect.asVoid(ended))
      }))
    : Effect.sync(() => {
        const transport = new StdioClientTransport({ ...commandOf(at, { config }), stderr: "ignore" })
        return {
          transport,
          kill: Effect.promise(
            () =>
              new Promise<void>((resolve) => {
                const usual = transport.onclose
                transport.onclose = () => {
                  usual?.()
                  resolve()
                }
                process.kill(transport.pid ?? Number.NaN, "SIGKILL")
              })
          )
        }
      })

/** Connects over one of the wires to a server of its own in a place. */
export const tasksPeer = (
  wire: Wire,
  at: Place,
  config: JsonObject,
  onForm?: OnForm
): Effect.Effect<TasksPeer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { kill, transport } = yield* reached(wire, at, config)
    const clientCapabilities = onForm === undefined ? {} : { elicitation: { form: {} } }
    const client = new Client(clientInfo, {
      capabilities: clientCapabilities,
      versionNegotiation: { mode: { pin: protocolVersion } }
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => client.connect(transport)),
      () => Effect.promise(() => client.close())
    )
    const sent: Array<Sent> = []
    const session = yield* Effect.acquireRelease(
      Effect.sync(() =>
        createTaskSessionFromClient(client, {
          endpointId: "the-installation",
          rawDispatch: coordinator(transport, sent),
          v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities },
          ...(onForm === undefined ? {} : { onInputRequest: answering(onForm) })
        })
      ),
      (open) => Effect.promise(() => open.close())
    )
    return { session, sent, kill }
  })

const answering = (elicitation: OnForm) =>
  createApplicationInputHandler({
    elicitation,
    sampling: () => Promise.reject(new Error("nobody asks for samples")),
    roots: () => Promise.reject(new Error("nobody asks for roots"))
  })
