import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Effect, Schema, type Scope } from "effect"
import { type JsonObject, JsonText } from "../../src/domain/Json.js"
import { answerOf, commandOf, eventually, type Kind, type Place, program, type Session, written } from "./Server.js"
import type { Ended } from "./RawServer.js"

const cli = join(program, "..", "agentdispatch.js")

/** A server that listens on a free port of this machine. */
export interface HttpServer {
  readonly pid: number
  /** The MCP endpoint. */
  readonly url: string
  readonly at: (path: string) => string
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
  readonly stderr: () => string
}

const Listening = Schema.parseJson(Schema.Struct({ listening: Schema.String }))

/** The token of a principal, and what the config says of it. */
export const tokenOf = (name: string): string => `adt_test_${name}`
export const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex")
export const tokens = (...names: ReadonlyArray<string>): JsonObject =>
  Object.fromEntries(names.map((name) => [name, { sha256: hashOf(tokenOf(name)) }]))

const serving = (at: Place, config: JsonObject) => [
  "serve",
  "--http",
  "--config",
  written(at, "http.json", JSON.stringify(config))
]

const launch = (at: Place, args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
  const { command, cwd, env } = commandOf(at, { env: more })
  const child = spawn(command, [cli, ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"]
  })
  const said = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text))
  const state: { over?: Ended } = {}
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      state.over = { code, signal, ...said }
      resolve(state.over)
    })
  })
  return { child, said, state, ended }
}

/** Runs the server to its end, which it must find by itself. */
export const servedOnce = (at: Place, config: JsonObject, ...args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  ranOnce(at, ...serving(at, config), ...args)

/** Runs a command line to its end. */
export const ranOnce = (at: Place, ...args: ReadonlyArray<string>): Effect.Effect<Ended> => ranWith(at, {}, ...args)

/** Runs a command line to its end in an environment. */
export const ranWith = (
  at: Place,
  env: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const { child, ended } = launch(at, args, env)
    void ended.then((over) => resume(Effect.succeed(over)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

export const httpServer = (
  at: Place,
  config: JsonObject,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<HttpServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { child, ended, said, state } = yield* Effect.acquireRelease(
      Effect.sync(() => launch(at, [...serving(at, config), "--port", "0"], env)),
      (running) =>
        Effect.promise(() => {
          running.child.kill("SIGKILL")
          return running.ended
        })
    )
    const { listening } = yield* eventually(
      Effect.sync(() => {
        if (state.over !== undefined) throw new Error(`it ended: ${JSON.stringify(state.over)}`)
        return said.stdout.endsWith("\n") ? Schema.decodeSync(Listening)(said.stdout) : undefined
      })
    )
    return {
      pid: child.pid ?? 0,
      url: listening,
      at: (path) => new URL(path, listening).href,
      signal: (name) => Effect.sync(() => void child.kill(name)),
      ended: Effect.promise(() => ended),
      stderr: () => said.stderr
    }
  })

const identity = { name: "http-suite", version: "1.0.0" }

type Call = Session["call"]

/** A connected client of one kind; `token` is its bearer token. */
export const httpClient = (
  kind: Kind,
  server: Pick<HttpServer, "url">,
  token?: string
): Effect.Effect<{ readonly call: Call; readonly close: Effect.Effect<void> }, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => connected(kind, server.url, token)),
      ({ close }) => Effect.promise(close)
    ),
    (client) => ({
      call: (name, args = {}, _meta) =>
        Effect.map(
          Effect.promise(() =>
            client.callTool({ name, arguments: { ...args }, ...(_meta === undefined ? {} : { _meta }) })
          ),
          (result) => answerOf(firstText(result))
        ),
      close: Effect.promise(client.close)
    })
  )

/** News of other tasks may stand behind an answer. */
const Content = Schema.Struct({ content: Schema.Array(Schema.Unknown) })
const firstText = (result: unknown): unknown => {
  const { content } = Schema.decodeUnknownSync(Content)(result)
  return Object.assign({}, result, { content: content.slice(0, 1) })
}

interface Calls {
  readonly callTool: (wanted: {
    name: string
    arguments: Record<string, unknown>
    _meta?: Record<string, unknown>
  }) => Promise<unknown>
  readonly close: () => Promise<void>
}

const connected = async (kind: Kind, url: string, token: string | undefined): Promise<Calls> => {
  const options = token === undefined ? {} : { requestInit: { headers: { Authorization: `Bearer ${token}` } } }
  if (kind === "the old SDK's client") {
    const client = new OldClient(identity)
    await client.connect(new OldTransport(new URL(url), options))
    return { callTool: (wanted) => client.callTool(wanted), close: () => client.close() }
  }
  const client = new Client(identity, {
    versionNegotiation: { mode: kind === "the 2026-07-28 client" ? { pin: "2026-07-28" } : "legacy" }
  })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), options))
  return { callTool: (wanted) => client.callTool(wanted), close: () => client.close() }
}

/** An HTTP answer, its body read as JSON where it is JSON. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

const parse = Schema.decodeOption(JsonText)

export const asked = (url: string, init: RequestInit = {}): Effect.Effect<Reply> =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    const text = await response.text()
    const json = parse(text)
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: json._tag === "Some" ? json.value : undefined
    }
  })

/** Both are what every client sends. */
export const usualHeaders = {
  "Content-Type": "application/json",
  Accept: "application/json, text/event-stream"
} as const

export const posted = (
  url: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<Reply> => asked(url, { method: "POST", body, headers: { ...usualHeaders, ...headers } })
