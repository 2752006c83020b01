import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { Effect, Option, Schema, type Scope } from "effect"
import { type Json, JsonObject } from "../../src/domain/Json.js"
import { type Answer, answerOf, commandOf, eventually, type Place, type Start } from "./Server.js"

/** How a process ended and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A server spoken to in bytes. */
export interface RawServer {
  readonly pid: number
  readonly write: (bytes: string | Uint8Array) => Effect.Effect<void>
  /** Sends one request and waits for its answer. */
  readonly ask: (method: string, params?: JsonObject) => Effect.Effect<JsonObject>
  /** The answer to the request of an id; waits for it. */
  readonly answerTo: (id: number) => Effect.Effect<JsonObject>
  readonly hangUp: Effect.Effect<void>
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
  /** The most memory the process has held so far, in bytes. */
  readonly peakMemory: Effect.Effect<number>
  readonly stdout: () => string
  readonly stderr: () => string
}

const launch = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly env: Record<string, string>; readonly cwd: string }
) => {
  const child = spawn(command, [...args], { ...options, stdio: ["pipe", "pipe", "pipe"] })
  const said = { stdout: "", stderr: "" }
  child.stdin.on("error", () => undefined)
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text))
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, ...said }))
  })
  return { child, said, ended }
}

/** Runs the program once with nothing on stdin, for instance with `--check`, to its end. */
export const runOnce = (at: Place, args: ReadonlyArray<string>, start: Start = {}): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const { args: usual, command, cwd, env } = commandOf(at, start)
    const { child, ended } = launch(command, [...usual, ...args], { cwd, env })
    child.stdin.end()
    void ended.then((end) => resume(Effect.succeed(end)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

export const rawServer = (at: Place, start: Start = {}): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, command, cwd, env } = commandOf(at, start)
    const { child, ended, said } = yield* Effect.acquireRelease(
      Effect.sync(() => launch(command, args, { cwd, env })),
      (running) =>
        Effect.promise(() => {
          running.child.kill("SIGKILL")
          return running.ended
        })
    )
    let last = 1000
    let seen = 0
    const answers = new Map<number, JsonObject>()
    const answerTo = (id: number) =>
      eventually(
        Effect.sync(() => {
          const until = said.stdout.lastIndexOf("\n") + 1
          for (const line of said.stdout.slice(seen, until).split("\n")) {
            const message = Option.getOrUndefined(decodeLine(line))
            if (typeof message?.["id"] === "number") answers.set(message["id"], message)
          }
          seen = until
          return answers.get(id)
        })
      )
    const write = (bytes: string | Uint8Array) => Effect.sync(() => void child.stdin.write(bytes))
    return {
      pid: child.pid ?? 0,
      write,
      answerTo,
      ask: (method, params) =>
        Effect.suspend(() => {
          const id = ++last
          return Effect.zipRight(write(request(id, method, params)), answerTo(id))
        }),
      hangUp: Effect.sync(() => void child.stdin.end()),
      signal: (name) => Effect.sync(() => void child.kill(name)),
      ended: Effect.promise(() => ended),
      peakMemory: Effect.sync(() => peakOf(child.pid ?? 0)),
      stdout: () => said.stdout,
      stderr: () => said.stderr
    }
  })

const decodeLine = Schema.decodeOption(Schema.parseJson(JsonObject))

/** One message as a line. */
export const line = (message: Json): string => `${JSON.stringify(message)}\n`

export const request = (id: number, method: string, params: JsonObject = {}): string =>
  line({ jsonrpc: "2.0", id, method, params })

export const toolCall = (id: number, name: string, args: JsonObject = {}): string =>
  request(id, "tools/call", { name, arguments: args })

/** What an older client says first. */
export const greeting = (id: number): string =>
  request(id, "initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "raw", version: "1.0.0" }
  }) + line({ jsonrpc: "2.0", method: "notifications/initialized" })

/** A raw connection that has been greeted. */
export const greeted = (at: Place, start: Start = {}): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.tap(rawServer(at, start), (server) => Effect.zipRight(server.write(greeting(0)), server.answerTo(0)))

/** Calls a tool and gives its answer as a client would. */
export const callOf =
  (server: RawServer) =>
  (name: string, args: JsonObject = {}): Effect.Effect<Answer> =>
    Effect.map(server.ask("tools/call", { name, arguments: args }), (message) => answerOf(message["result"]))

/** The messages of a stream that holds nothing else; a line that is no JSON-RPC message is a defect. */
export const messagesIn = (stdout: string): ReadonlyArray<JsonObject> => {
  const lines = stdout.split("\n")
  if (lines.pop() !== "") throw new Error(`stdout ends in the middle of a line: ${stdout.slice(-200)}`)
  return lines.map((text) => decodeMessage(text))
}

const Message = JsonObject.pipe(Schema.filter((message) => message["jsonrpc"] === "2.0"))

const decodeMessage = Schema.decodeSync(Schema.parseJson(Message))

const peakOf = (pid: number): number => {
  const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return Number(kilobytes) * 1024
}
