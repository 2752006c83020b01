import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Duration, Effect, Schema } from "effect"
import { isTerminal } from "../../src/domain/Lifecycle.js"
import { TaskHandle, TaskResultView, TaskStatusView, TaskSummary } from "../../src/domain/TaskView.js"

/** Another build than the usual one is named by AGENTDISPATCH_TEST_DIST. */
const dist = process.env["AGENTDISPATCH_TEST_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url))
const bundle = join(dist, "agentdispatch.js")

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One command line, running. */
export interface Running {
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Completes once stdout and stderr together contain the text. */
  readonly says: (text: string) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
}

/** A user with a folder and a state folder of their own. */
export interface Desk {
  readonly folder: string
  readonly run: (...args: ReadonlyArray<string>) => Effect.Effect<Ended>
  readonly start: (...args: ReadonlyArray<string>) => Effect.Effect<Running>
}

const patience = Duration.seconds(20)

type Variables = Readonly<Record<string, string>>

const launch = (
  folder: string,
  more: Variables,
  args: ReadonlyArray<string>
): { readonly child: ChildProcess; readonly running: Running } => {
  const child = spawn(process.execPath, [bundle, ...args], {
    cwd: folder,
    // No agent is on this PATH, so the built-in profiles are the same on every machine.
    env: { PATH: join(folder, "bin"), HOME: folder, AGENTDISPATCH_STATE_DIR: join(folder, "state"), ...more },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let [stdout, stderr] = ["", ""]
  let code: number | null | undefined
  const listeners = new Set<() => void>()
  const tell = () => listeners.forEach((listener) => listener())
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
    tell()
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
    tell()
  })
  child.once("close", (given) => {
    code = given
    tell()
  })
  const until = <A>(found: () => A | undefined) =>
    Effect.async<A>((resume) => {
      const look = () => {
        const value = found()
        if (value === undefined) return
        listeners.delete(look)
        resume(Effect.succeed(value))
      }
      listeners.add(look)
      look()
      return Effect.sync(() => listeners.delete(look))
    }).pipe(
      Effect.timeoutFail({
        duration: patience,
        onTimeout: () => new Error(`agentdispatch ${args.join(" ")} said: ${stdout}${stderr}`)
      }),
      Effect.orDie
    )
  return {
    child,
    running: {
      kill: (signal) => Effect.sync(() => void child.kill(signal)),
      says: (text) => Effect.asVoid(until(() => (`${stdout}${stderr}`.includes(text) ? true : undefined))),
      ended: until(() => (code === undefined ? undefined : { code, stdout, stderr }))
    }
  }
}

const Listed = Schema.parseJson(
  Schema.Struct({ tasks: Schema.Array(TaskSummary), nextCursor: Schema.optional(Schema.String) })
)

/** A desk with variables besides its own. Whatever a test leaves running is ended with it. */
export const deskWith = (variables: Variables) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const folder = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "agentdispatch-cli-")))
      const children = new Set<ChildProcess>()
      const start = (...args: ReadonlyArray<string>) =>
        Effect.sync(() => {
          const { child, running } = launch(folder, variables, args)
          children.add(child)
          return running
        })
      const run = (...args: ReadonlyArray<string>) => Effect.flatMap(start(...args), ({ ended }) => ended)
      return { folder, run, start, children }
    }),
    ({ children, folder, run }) =>
      Effect.gen(function* () {
        for (const child of children) child.kill("SIGKILL")
        const { code, stdout } = yield* run("list", "--json", "--limit", "100")
        const { tasks } = code === 0 ? yield* Schema.decode(Listed)(stdout) : { tasks: [] }
        for (const { status, taskId } of tasks) if (!isTerminal(status)) yield* run("cancel", taskId)
        yield* Effect.promise(() => rm(folder, { recursive: true, force: true }))
      }).pipe(Effect.orDie)
  ).pipe(Effect.map((made): Desk => made))

export const desk = deskWith({})

export const listOf = Schema.decode(Listed)
export const handleOf = Schema.decode(Schema.parseJson(TaskHandle))
export const statusOf = Schema.decode(Schema.parseJson(TaskStatusView))
export const resultOf = Schema.decode(Schema.parseJson(TaskResultView))
export const refusalOf = Schema.decode(
  Schema.parseJson(Schema.Struct({ error: Schema.Struct({ code: Schema.String, message: Schema.String }) }))
)
