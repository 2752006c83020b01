import { Context, type Effect, Schema } from "effect"

/** A fixed argument vector; no shell ever reads it. */
export interface Command {
  readonly argv: readonly [string, ...ReadonlyArray<string>]
  readonly cwd?: string | undefined
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
}

export class CommandNotFound extends Schema.TaggedError<CommandNotFound>()("CommandNotFound", {
  executable: Schema.String
}) {
  override get message() {
    return `The executable "${this.executable}" was not found or may not be executed.`
  }
}

export class CommandTimedOut extends Schema.TaggedError<CommandTimedOut>()("CommandTimedOut", {
  executable: Schema.String,
  seconds: Schema.Number
}) {
  override get message() {
    return `"${this.executable}" did not end within ${this.seconds} s and was ended.`
  }
}

export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  executable: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `"${this.executable}" could not be run: ${this.detail}.`
  }
}

export interface Completed {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs commands somewhere. */
export class Transport extends Context.Tag("agentdispatch/Transport")<
  Transport,
  {
    /** Runs to the end; what it printed is cut at 1 MiB a stream. */
    readonly run: (
      command: Command & { readonly stdin?: string; readonly timeoutSeconds: number }
    ) => Effect.Effect<Completed, CommandNotFound | CommandTimedOut | CommandFailed>
    /** Starts a process that outlives us, detached from our session and streams. */
    readonly launch: (command: Command) => Effect.Effect<{ readonly pid: number }, CommandNotFound | CommandFailed>
  }
>() {}
