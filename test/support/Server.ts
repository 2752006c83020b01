import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { Effect, Either, Option, Schema, type Scope } from "effect"
import { type Json, JsonObject, JsonText } from "../../src/domain/Json.js"

/** The built programs; another build than the usual one is named by AGENTDISPATCH_TEST_DIST. */
const dist = process.env["AGENTDISPATCH_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url))
export const program = join(dist, "agentdispatch-mcp.js")
export const workerCommand: ReadonlyArray<string> = [process.execPath, join(dist, "worker.js")]

/** A private folder in which servers run; whatever still runs in it ends with its scope. */
export interface Place {
  readonly folder: string
  readonly stateDir: string
}

export const place: Effect.Effect<Place, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "agentdispatch-stdio-"))
    return { folder, stateDir: join(folder, "state") }
  }),
  ({ folder }) =>
    Effect.sync(() => {
      for (const pid of processesNaming(folder)) Either.try(() => process.kill(pid, "SIGKILL"))
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    })
)

export interface Start {
  readonly config?: Json
  readonly env?: Readonly<Record<string, string>>
}

/** Writes a text beside the state folder and says where. */
export const written = ({ folder }: Place, name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** What it takes to start a server in a place: program, arguments and environment. */
export const commandOf = (at: Place, { config, env }: Start) => {
  const home = join(at.folder, "home")
  mkdirSync(home, { recursive: true })
  return {
    command: process.execPath,
    args:
      config === undefined
        ? [program]
        : [program, "--config", written(at, "agentdispatch.json", JSON.stringify(config))],
    env: { PATH: process.env["PATH"] ?? "", HOME: home, AGENTDISPATCH_STATE_DIR: at.stateDir, ...env },
    cwd: at.folder
  }
}

const Tool = Schema.Struct({
  name: Schema.String,
  title: Schema.String,
  description: Schema.String,
  inputSchema: JsonObject,
  outputSchema: JsonObject,
  annotations: JsonObject
})
export type Tool = typeof Tool.Type

/** What a tool answered, as a client got it. */
export interface Answer {
  readonly text: string
  /** The text as the value it spells. */
  readonly value: Json
  readonly structured: JsonObject | undefined
  /** Resources that hold what the answer only outlines. */
  readonly links: ReadonlyArray<{ readonly uri: string; readonly mimeType: string; readonly size: number }>
  readonly isError: boolean
}

/** One client with the server process it started. */
export interface Session {
  readonly pid: number
  readonly call: (tool: string, args?: JsonObject, meta?: JsonObject) => Effect.Effect<Answer>
  readonly tools: Effect.Effect<ReadonlyArray<Tool>>
  /** Kills the server and waits until it is gone. */
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
}

export type Kind = "the 2026-07-28 client" | "the new client in legacy mode" | "the old SDK's client"
export const kinds: ReadonlyArray<Kind> = [
  "the 2026-07-28 client",
  "the new client in legacy mode",
  "the old SDK's client"
]

const identity = { name: "stdio-suite", version: "1.0.0" }

const newClient = (kind: Kind) =>
  new Client(identity, {
    versionNegotiation: { mode: kind === "the 2026-07-28 client" ? { pin: "2026-07-28" } : "legacy" }
  })

interface Connection {
  readonly pid: number | null
  readonly call: (request: { name: string; arguments: JsonObject; _meta?: JsonObject }) => Promise<unknown>
  readonly tools: () => Promise<{ readonly tools: unknown }>
  readonly close: () => Promise<void>
  readonly gone: Promise<void>
}

const connected = async (kind: Kind, parameters: ReturnType<typeof commandOf>): Promise<Connection> => {
  const options = { ...parameters, stderr: "ignore" as const }
  if (kind === "the old SDK's client") {
    const [client, transport] = [new OldClient(identity), new OldTransport(options)]
    await client.connect(transport)
    return {
      pid: transport.pid,
      call: (wanted) => client.callTool({ ...wanted, arguments: { ...wanted.arguments } }),
      tools: () => client.listTools(),
      close: () => client.close(),
      gone: new Promise((resolve) => (client.onclose = resolve))
    }
  }
  const [client, transport] = [newClient(kind), new StdioClientTransport(options)]
  await client.connect(transport)
  return {
    pid: transport.pid,
    call: (wanted) => client.callTool({ ...wanted, arguments: { ...wanted.arguments } }),
    tools: () => client.listTools(),
    close: () => client.close(),
    gone: new Promise((resolve) => (client.onclose = resolve))
  }
}

/** A connected client of one kind; its server is gone when the scope closes. */
export const session = (kind: Kind, at: Place, start: Start = {}): Effect.Effect<Session, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = yield* Effect.acquireRelease(
      Effect.promise(() => connected(kind, commandOf(at, start))),
      ({ close }) => Effect.promise(close)
    )
    const pid = connection.pid ?? 0
    return {
      pid,
      call: (name, args = {}, _meta) =>
        Effect.map(
          Effect.promise(() => connection.call({ name, arguments: args, ...(_meta === undefined ? {} : { _meta }) })),
          answerOf
        ),
      tools: Effect.map(Effect.promise(connection.tools), ({ tools }) => decodeTools(tools)),
      kill: (signal) =>
        Effect.promise(async () => {
          process.kill(pid, signal)
          await connection.gone
        })
    }
  })

const decodeTools = Schema.decodeUnknownSync(Schema.Array(Tool))

const parse = Schema.decodeSync(JsonText)

const ResourceLink = Schema.Struct({
  type: Schema.Literal("resource_link"),
  uri: Schema.String,
  mimeType: Schema.String,
  size: Schema.Int
})
const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

const CallResult = Schema.Struct({
  content: Schema.NonEmptyArray(Schema.Union(Text, ResourceLink)),
  structuredContent: Schema.optional(JsonObject),
  isError: Schema.optional(Schema.Boolean)
})

/** A `tools/call` result: a text that spells JSON, and behind it what has ended meanwhile and links. */
export const answerOf = (result: unknown): Answer => {
  const { content, isError, structuredContent } = Schema.decodeUnknownSync(CallResult)(result)
  const text = content.flatMap((block) => (block.type === "text" ? [block.text] : []))[0] ?? ""
  const { inbox: _, ...structured } = structuredContent ?? {}
  return {
    text,
    value: parse(text),
    structured: structuredContent === undefined ? undefined : structured,
    links: content.filter((block) => block.type === "resource_link"),
    isError: isError ?? false
  }
}

const ToolError = Schema.Struct({ error: Schema.Struct({ code: Schema.String, message: Schema.String }) })

/** What a refusal says, with the code in front; fails the test for an answer that is none. */
export const refusalOf = (answer: Answer): string => {
  if (!answer.isError) throw new Error(`expected a refusal, got ${answer.text.slice(0, 500)}`)
  const { error } = Schema.decodeUnknownSync(ToolError)(answer.value)
  return `${error.code}: ${error.message}`
}

/** Looks again until there is something to see; the test's own deadline ends it. */
export const eventually = <A, E, R>(look: Effect.Effect<A | undefined, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(look, (found) =>
    found === undefined ? Effect.delay(eventually(look), "25 millis") : Effect.succeed(found)
  )

const readOr = (path: string): string =>
  Option.getOrElse(Option.liftThrowable(() => readFileSync(path, "latin1"))(), () => "")

/** Living processes whose command line or environment holds a text, as /proc tells. */
export const processesNaming = (text: string): ReadonlyArray<number> =>
  Option.getOrElse(Option.liftThrowable(() => readdirSync("/proc"))(), () => [])
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => `${readOr(`/proc/${pid}/cmdline`)}\0${readOr(`/proc/${pid}/environ`)}`.includes(text))
    .filter((pid) => !/\) [ZX] /.test(readOr(`/proc/${pid}/stat`)))
    .map(Number)
