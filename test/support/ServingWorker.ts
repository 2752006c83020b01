import { type ChildProcessByStdio, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { Context, Effect, Layer, Schema, type Scope } from "effect"
import { type Json, type JsonObject, JsonText } from "../../src/domain/Json.js"
import { ChunkReply, HelloReply, RefusalReply, StateReply } from "../../src/domain/WorkerProtocol.js"
import { bundle } from "./WorkerProcess.js"

export interface ServingOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface Serving {
  readonly pid: number
  readonly http: number
  readonly a2a: number
  /** What it has said on stderr so far. */
  readonly stderr: () => string
  readonly kill: (signal: NodeJS.Signals) => void
  /** Its exit code, or the signal that ended it. */
  readonly exited: Effect.Effect<number | string>
}

const Listening = Schema.parseJson(
  Schema.Struct({ listening: Schema.Struct({ http: Schema.optional(Schema.Int), a2a: Schema.optional(Schema.Int) }) })
)

/** A folder of its own for a test. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "worker-serve-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
)

const launch = (options: ServingOptions, artifacts: string) => {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(process.execPath, [bundle, "serve"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      PORT: "0",
      A2A_PORT: "0",
      AGENTDISPATCH_WORKER_HOST: "127.0.0.1",
      AGENTDISPATCH_ARTIFACT_DIR: artifacts,
      ...options.env
    },
    cwd: options.cwd ?? artifacts,
    stdio: ["ignore", "pipe", "pipe"]
  })
  return child
}

/** The shipped worker, serving on ports of its own; gone when the scope closes. */
export const serving = (options: ServingOptions = {}): Effect.Effect<Serving, never, Scope.Scope> =>
  Effect.gen(function* () {
    const artifacts = yield* folder
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => launch(options, artifacts)),
      (running) =>
        Effect.promise(
          () =>
            new Promise<void>((resolve) => {
              if (running.exitCode !== null || running.signalCode !== null) return resolve()
              running.once("exit", () => resolve())
              running.kill("SIGKILL")
            })
        )
    )
    let err = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text))
    const exited = new Promise<number | string>((resolve) =>
      child.once("exit", (code, signal) => resolve(code ?? signal ?? "?"))
    )
    const line = yield* Effect.promise(
      () =>
        new Promise<string>((resolve, reject) => {
          child.stdout.setEncoding("utf8").once("data", (text: string) => resolve(text))
          child.once("exit", () => reject(new Error(`the worker did not listen: ${err}`)))
        })
    )
    const { listening } = Schema.decodeUnknownSync(Listening)(line)
    return {
      pid: child.pid ?? 0,
      http: listening.http ?? 0,
      a2a: listening.a2a ?? 0,
      stderr: () => err,
      kill: (signal) => void child.kill(signal),
      exited: Effect.promise(() => exited)
    }
  })

/** One worker for several tests. */
export class Worker extends Context.Tag("test/Worker")<Worker, Serving>() {}
export const workerLayer = (options: ServingOptions = {}) => Layer.scoped(Worker, serving(options))

const request = (port: number, path: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    return { status: response.status, text: await response.text(), type: response.headers.get("content-type") ?? "" }
  })

/** A raw `POST /invocations`. */
export const invoke = (at: Serving, body: string, headers: Readonly<Record<string, string>> = {}) =>
  request(at.http, "/invocations", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers }
  })

export const parse = Schema.decodeSync(JsonText)

/** One operation of `dispatch/1`; the transport itself never fails. */
export const ask = (at: Serving, dispatch: JsonObject): Effect.Effect<Json> =>
  Effect.map(invoke(at, JSON.stringify({ dispatch: { v: 1, ...dispatch } })), ({ status, text }) => {
    if (status !== 200) throw new Error(`status ${status}: ${text}`)
    return parse(text)
  })

const as =
  <A, I>(schema: Schema.Schema<A, I>) =>
  (at: Serving, dispatch: JsonObject) =>
    Effect.map(ask(at, dispatch), Schema.decodeUnknownSync(schema))

export const state = as(StateReply)
export const chunk = as(ChunkReply)
export const hello = as(HelloReply)
export const refusal = as(RefusalReply)

export const startOf = (taskId: string, payload: JsonObject, more: JsonObject = {}): JsonObject => ({
  op: "start",
  taskId,
  startToken: "first",
  attempt: 1,
  payload: { taskType: "agent.run", input: {}, ...payload },
  deadlineSeconds: 600,
  lingerSeconds: 600,
  ...more
})

/** An echo that takes its time. */
export const slow = (delayMs: number, steps = 1): JsonObject => ({ context: { delayMs, steps } })

export const pollOf = (taskId: string, more: JsonObject = {}): JsonObject => ({
  op: "poll",
  taskId,
  cursor: 0,
  waitMs: 0,
  maxEvents: 1000,
  maxBytes: 1_000_000,
  ...more
})

/** Polls until the work has left the states it may still change from. */
export const outcome = (at: Serving, taskId: string, cursor = 0): Effect.Effect<typeof StateReply.Type> =>
  Effect.flatMap(state(at, pollOf(taskId, { waitMs: 5000, cursor })), (reply) =>
    reply.state === "accepted" || reply.state === "running" ? outcome(at, taskId, reply.seq) : Effect.succeed(reply)
  )

const Ping = Schema.parseJson(
  Schema.Struct({ status: Schema.Literal("Healthy", "HealthyBusy"), time_of_last_update: Schema.Int })
)

export const ping = (at: Serving, port = at.http) =>
  Effect.map(request(port, "/ping"), ({ text }) => Schema.decodeUnknownSync(Ping)(text))
