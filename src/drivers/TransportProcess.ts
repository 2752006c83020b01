import { type ChildProcess, spawn } from "node:child_process"
import type { Readable } from "node:stream"
import { Duration, Effect, Layer } from "effect"
import { type Command, CommandFailed, CommandNotFound, CommandTimedOut, type Completed, Transport } from "../services/Transport.js"

const mebibyte = 1024 * 1024

const run = Effect.fn("transport.run")(function* (command: Command & { readonly stdin?: string; readonly timeoutSeconds: number }) {
  const executable = command.argv[0]
  const completed = Effect.acquireUseRelease(begin(command, "pipe"), (child) => completion(child, command), endGroup)
  return yield* Effect.timeoutFail(completed, {
    duration: Duration.seconds(command.timeoutSeconds),
    onTimeout: () => new CommandTimedOut({ executable, seconds: command.timeoutSeconds })
  })
})

const launch = Effect.fn("transport.launch")(function* (command: Command) {
  const child = yield* begin(command, "ignore")
  child.unref()
  return { pid: child.pid ?? 0 }
})

export const layer = Layer.succeed(Transport, { run, launch })

/** Resolves once the system has the process; it leads a session of its own, so our terminal's end is not its end. */
const begin = (command: Command, stdio: "pipe" | "ignore") =>
  Effect.async<ChildProcess, CommandNotFound | CommandFailed>((resume) => {
    const [executable, ...args] = command.argv
    const refused = (error: unknown) => resume(Effect.fail(refusal(executable, error)))
    const attempt = Effect.try(() => spawn(executable, args, { cwd: command.cwd, env: command.env, detached: true, stdio }))
    Effect.runSync(
      Effect.match(attempt, {
        onFailure: ({ error }) => refused(error),
        onSuccess: (child) => {
          child.once("error", refused)
          child.once("spawn", () => resume(Effect.succeed(child)))
        }
      })
    )
  })

const completion = (child: ChildProcess, command: Command & { readonly stdin?: string }) =>
  Effect.async<Completed, CommandFailed>((resume) => {
    const stdout = head(child.stdout)
    const stderr = head(child.stderr)
    child.once("error", (error) => resume(Effect.fail(new CommandFailed({ executable: command.argv[0], detail: error.message }))))
    child.once("close", (code, signal) =>
      resume(
        code === null
          ? Effect.fail(new CommandFailed({ executable: command.argv[0], detail: `it was ended by ${signal ?? "a signal"}` }))
          : Effect.succeed({ exitCode: code, stdout: stdout(), stderr: stderr() })
      )
    )
    child.stdin?.on("error", () => undefined).end(command.stdin ?? "")
  })

/** The first MiB of a stream; the rest is read and dropped so that the writer can go on. */
const head = (stream: Readable | null): (() => string) => {
  const chunks: Array<Buffer> = []
  let length = 0
  stream?.on("data", (chunk: Buffer) => {
    const kept = chunk.subarray(0, mebibyte - length)
    length += kept.length
    if (kept.length > 0) chunks.push(kept)
  })
  return () => Buffer.concat(chunks).toString("utf8")
}

/** Leaves nothing of an interrupted command behind. */
const endGroup = (child: ChildProcess) =>
  child.exitCode !== null || child.signalCode !== null || child.pid === undefined
    ? Effect.void
    : Effect.ignore(Effect.try(() => process.kill(-(child.pid ?? 0), "SIGKILL")))

const refusal = (executable: string, error: unknown): CommandNotFound | CommandFailed => {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return new CommandNotFound({ executable })
  return new CommandFailed({ executable, detail: error instanceof Error ? error.message : String(error) })
}
