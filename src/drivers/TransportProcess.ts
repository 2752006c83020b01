import { type ChildProcess, spawn } from "node:child_process"
import type { Readable } from "node:stream"
import { Duration, Effect, Either, Layer } from "effect"
import {
  type Command,
  CommandFailed,
  CommandNotFound,
  CommandTimedOut,
  type Completed,
  Transport
} from "../services/Transport.js"

const mebibyte = 1024 * 1024

const run = Effect.fn("transport.run")(
  (command: Command & { readonly stdin?: string; readonly timeoutSeconds: number }) =>
    Effect.timeoutFail(completion(command, command.stdin ?? ""), {
      duration: Duration.seconds(command.timeoutSeconds),
      onTimeout: () => new CommandTimedOut({ executable: command.argv[0], seconds: command.timeoutSeconds })
    })
)

const launch = Effect.fn("transport.launch")((command: Command) =>
  Effect.async<{ readonly pid: number }, CommandNotFound | CommandFailed>((resume) => {
    const child = begin(command, "ignore")
    if (Either.isLeft(child)) return resume(Effect.fail(child.left))
    child.right.once("error", (error) => resume(Effect.fail(refusal(command, error))))
    child.right.once("spawn", () => {
      child.right.unref()
      resume(Effect.succeed({ pid: child.right.pid ?? 0 }))
    })
  })
)

export const layer = Layer.succeed(Transport, { run, launch })

/** Listens from the first moment, because what a short command printed is gone once it has ended unheard. */
const completion = (command: Command, stdin: string) =>
  Effect.async<Completed, CommandNotFound | CommandFailed>((resume) => {
    const begun = begin(command, "pipe")
    if (Either.isLeft(begun)) return resume(Effect.fail(begun.left))
    const child = begun.right
    const [stdout, stderr] = [head(child.stdout), head(child.stderr)]
    child.once("error", (error) => resume(Effect.fail(refusal(command, error))))
    child.once("close", (code, signal) =>
      resume(
        code === null
          ? Effect.fail(
              new CommandFailed({ executable: command.argv[0], detail: `it was ended by ${signal ?? "a signal"}` })
            )
          : Effect.succeed({ exitCode: code, stdout: stdout(), stderr: stderr() })
      )
    )
    child.stdin?.on("error", () => undefined).end(stdin)
    return endGroup(child)
  })

/** The process leads a session of its own, so the end of our terminal is not its end. */
const begin = (
  command: Command,
  stdio: "pipe" | "ignore"
): Either.Either<ChildProcess, CommandNotFound | CommandFailed> => {
  const [executable, ...args] = command.argv
  return Either.try({
    try: () => spawn(executable, args, { cwd: command.cwd, env: command.env, detached: true, stdio }),
    catch: (error) => refusal(command, error)
  })
}

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
const endGroup = ({ pid }: ChildProcess): Effect.Effect<void> =>
  pid === undefined ? Effect.void : Effect.ignore(Effect.try(() => process.kill(-pid, "SIGKILL")))

const refusal = ({ argv: [executable] }: Command, error: unknown): CommandNotFound | CommandFailed => {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return new CommandNotFound({ executable })
  return new CommandFailed({ executable, detail: error instanceof Error ? error.message : String(error) })
}
