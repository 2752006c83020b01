import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import type { Json, JsonObject } from "../../src/domain/Json.js"
import { TaskHandle, TaskResultView, TaskStatusView } from "../../src/domain/TaskView.js"
import { type Answer, type Place, refusalOf, type Session, workerCommand } from "./Server.js"

/** A config for local work: the reference worker, scripts through `command.run`, and commands that take argv. */
export const workbench = (details: JsonObject = {}): JsonObject => ({
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: {
    worker: { adapter: "local-process", account: "here", details: { command: workerCommand } },
    scripts: {
      adapter: "local-process",
      account: "here",
      details: { allow: ["sh", process.execPath, "no-such-program"], graceSeconds: 1, ...details }
    },
    argv: {
      adapter: "local-process",
      account: "here",
      details: { command: ["printf", "%s", "{instruction}"] }
    }
  },
  runtimes: {
    echo: profile("worker", { framework: "echo" }),
    "repo-report": profile("worker", { framework: "repo-report" }),
    argv: profile("argv")
  }
})

export const profile = (backend: string, more: JsonObject = {}): JsonObject => ({
  provider: "local",
  account: "here",
  capability: "agent-runtime",
  backend,
  ...more
})

export type Call = Session["call"]

/** Arguments of a `dispatch_task` that runs a command on the workbench. */
export const command = (...argv: ReadonlyArray<string>): JsonObject => ({
  provider: "local",
  account_profile: "here",
  capability: "agent-runtime",
  backend: "scripts",
  task_type: "command.run",
  target: { mode: "session" },
  input: { command: argv }
})

export const shell = (script: string): JsonObject => command("sh", "-c", script)
export const node = (script: string): JsonObject => command(process.execPath, "-e", script)

const value = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknownSync(schema)
  return (answer: Answer): A => {
    if (answer.isError) throw new Error(refusalOf(answer))
    return decode(answer.value)
  }
}

export const handleOf = value(TaskHandle)
export const statusOf = value(TaskStatusView)
export const resultOf = value(TaskResultView)
export const logOf = value(
  Schema.Struct({ taskId: Schema.String, cursor: Schema.Int, nextCursor: Schema.Int, data: Schema.String })
)
export const listOf = value(
  Schema.Struct({
    tasks: Schema.Array(Schema.Struct({ taskId: Schema.String, status: Schema.String })),
    nextCursor: Schema.optional(Schema.String)
  })
)

export const dispatched = (call: Call, args: JsonObject): Effect.Effect<string> =>
  Effect.map(call("dispatch_task", args), (answer) => handleOf(answer).taskId)

export const spawned = (call: Call, args: JsonObject): Effect.Effect<string> =>
  Effect.map(call("spawn_cloud_agent", args), (answer) => handleOf(answer).taskId)

/** The result once the task is over, the whole of it however large it is. */
export const finished = (call: Call, task_id: string): Effect.Effect<TaskResultView> =>
  Effect.flatMap(call("get_task_result", { task_id, wait_seconds: 20 }), (answer) => {
    const result = resultOf(answer)
    if (!over.has(result.status)) return finished(call, task_id)
    return keysOf(answer.value).includes("cut")
      ? Effect.map(wholeResult(call, task_id), Schema.decodeSync(Schema.parseJson(TaskResultView)))
      : Effect.succeed(result)
  })

const pageOf = value(Schema.Struct({ nextCursor: Schema.Int, total: Schema.Int, data: Schema.String }))

/** The JSON of a result that is too large for a reply, read page by page. */
export const wholeResult = (call: Call, task_id: string, cursor = 0): Effect.Effect<string> =>
  Effect.flatMap(call("get_task_result", { task_id, cursor }), (answer) => {
    const { data, nextCursor, total } = pageOf(answer)
    return nextCursor >= total
      ? Effect.succeed(data)
      : Effect.map(wholeResult(call, task_id, nextCursor), (rest) => data + rest)
  })

const over = new Set(["succeeded", "failed", "cancelled"])

/** The whole log, read by pages of a size. */
export const wholeLog = (call: Call, task_id: string, limit = 64_000): Effect.Effect<string> =>
  Effect.gen(function* () {
    let [text, cursor] = ["", 0]
    for (;;) {
      const page = logOf(yield* call("get_task_logs", { task_id, cursor, limit }))
      if (page.nextCursor === cursor) return text
      text += page.data
      cursor = page.nextCursor
    }
  })

/** Waits, change by change, until the task's status or its journal is as wanted. */
export const until = (
  call: Call,
  task_id: string,
  wanted: (seen: TaskStatusView) => boolean,
  since_revision = 0
): Effect.Effect<TaskStatusView> =>
  Effect.flatMap(call("get_task_status", { task_id, since_revision, wait_seconds: 5 }), (answer) => {
    const seen = statusOf(answer)
    if (!wanted(seen) && over.has(seen.status)) throw new Error(`it ended without that: ${answer.text}`)
    return wanted(seen) ? Effect.succeed(seen) : until(call, task_id, wanted, seen.revision)
  })

export const running = (call: Call, task_id: string): Effect.Effect<TaskStatusView> =>
  until(call, task_id, ({ status }) => status === "running")

/** Lets work end that waits for the file `go` of its folder. */
export const allow = ({ folder }: Place): void => writeFileSync(join(folder, "go"), "")

/** A small git repository to report on. */
export const repository = (at: Place): Effect.Effect<string> =>
  Effect.sync(() => {
    const folder = join(at.folder, "repository")
    mkdirSync(join(folder, "src"), { recursive: true })
    writeFileSync(join(folder, "README.md"), "# A repository\n")
    writeFileSync(join(folder, "src", "main.ts"), "// TODO: more\nexport const answer = 42\n")
    const git = (...args: ReadonlyArray<string>) => execFileSync("git", ["-C", folder, ...args], { stdio: "ignore" })
    git("init", "--quiet")
    git("add", ".")
    return folder
  })

/** The names a JSON object has, in its order. */
export const keysOf = (found: Json | undefined): ReadonlyArray<string> =>
  typeof found === "object" && found !== null ? Object.keys(found) : []
