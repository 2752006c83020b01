import { Schema } from "effect"
import type * as Records from "./supervisor/Records.js"

const Millis = Schema.Number

const Identity = Schema.Struct({ pid: Schema.Int, startTime: Schema.String, bootId: Schema.String })

export const Claim: Schema.Schema<Records.Claim> = Schema.Struct({
  token: Schema.String,
  supervisor: Schema.NullOr(Identity),
  claimedAt: Millis
})

export const Child: Schema.Schema<Records.Child> = Schema.Struct({
  child: Identity,
  descendants: Schema.Array(Identity)
})

export const Exit: Schema.Schema<Records.Exit> = Schema.Struct({
  reason: Schema.Literal(
    "exited",
    "spawn_failed",
    "deadline",
    "output_limit",
    "cancelled",
    "terminated",
    "supervisor_failed"
  ),
  code: Schema.NullOr(Schema.Int),
  signal: Schema.NullOr(Schema.String),
  startedAt: Millis,
  endedAt: Millis,
  stdoutBytes: Schema.Int,
  stderrBytes: Schema.Int,
  error: Schema.optionalWith(Schema.Struct({ code: Schema.String, message: Schema.String }), { exact: true })
})

export const Spec: Schema.Schema<Records.Spec> = Schema.Struct({
  taskId: Schema.String,
  token: Schema.String,
  argv: Schema.Array(Schema.String),
  cwd: Schema.String,
  stdin: Schema.String,
  deadlineSeconds: Schema.Number,
  outputLimitBytes: Schema.Number,
  graceSeconds: Schema.Number,
  interactive: Schema.optionalWith(Schema.Boolean, { exact: true }),
  redaction: Schema.optionalWith(
    Schema.Struct({
      patterns: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
      variables: Schema.optionalWith(Schema.Array(Schema.String), { exact: true })
    }),
    { exact: true }
  )
})

/** How far a task's output has been observed, in bytes. */
export const Cursor = Schema.Struct({
  stdout: Schema.NonNegativeInt,
  stderr: Schema.NonNegativeInt,
  /** Streams whose next byte belongs to a line that was too long to wait for its end. */
  within: Schema.Array(Schema.Literal("stdout", "stderr")),
  /** Where on stdout the line is that says how the work went. */
  answer: Schema.optionalWith(Schema.Struct({ at: Schema.NonNegativeInt, bytes: Schema.NonNegativeInt }), {
    exact: true
  })
})
export type Cursor = typeof Cursor.Type

export const beginning: Cursor = { stdout: 0, stderr: 0, within: [] }

/** What `command.run` takes: a whole argument vector, or an executable and its arguments. */
export const CommandInput = Schema.Struct({
  command: Schema.Union(Schema.NonEmptyArray(Schema.String), Schema.String),
  args: Schema.optional(Schema.Array(Schema.String))
})

/** A task's own checkout, as its resource names it. */
export const Worktree = Schema.Struct({ repository: Schema.String, path: Schema.String, branch: Schema.String })
export type Worktree = typeof Worktree.Type
