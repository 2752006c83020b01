// Made by codegen/main.ts from adapters.manifest.yaml (adapters.local-process); change it there, then: npm run codegen
import { Schema } from "effect"
import { type AdapterSpec, detailSchema, NoDetails } from "../../src/domain/AdapterSpec.js"
import { Json } from "../../src/domain/Json.js"

export const Account = NoDetails
export type Account = typeof Account.Type

export const Details = Schema.Struct({
  command: Schema.optionalWith(Schema.Array(Schema.String).pipe(Schema.minItems(1)), { exact: true }).annotations({
    description: "The argument vector of agent.run. An element that is {instruction}, {context} or {taskId} is replaced as a whole. Leave it out for a backend that only offers command.run."
  }),
  allow: Schema.optionalWith(Schema.Array(Schema.String), { exact: true, default: () => [] }).annotations({
    description: "The executables command.run may run."
  }),
  cwd: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The folder work starts in; the server's own if left out."
  }),
  env: Schema.optionalWith(Schema.Array(Schema.String), { exact: true, default: () => ["PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "USER", "SHELL"] }).annotations({
    description: "The names of the server's environment variables that are passed on; all others are not."
  }),
  deadlineSeconds: Schema.optionalWith(Schema.Int.pipe(Schema.between(1, 604800)), { exact: true, default: () => 28800 }).annotations({
    description: "When the work is ended, in seconds from its start. A call may only lower it."
  }),
  outputLimitBytes: Schema.optionalWith(Schema.Int.pipe(Schema.greaterThanOrEqualTo(1)), { exact: true, default: () => 67108864 }).annotations({
    description: "How much stdout and stderr together may print before the work is ended, in bytes."
  }),
  graceSeconds: Schema.optionalWith(Schema.Finite.pipe(Schema.greaterThanOrEqualTo(0)), { exact: true, default: () => 5 }).annotations({
    description: "How long work may take to end by itself before it is killed, in seconds."
  }),
  interactive: Schema.optionalWith(Schema.Boolean, { exact: true, default: () => false }).annotations({
    description: "The command takes answers: its stdin stays open, and each answer to a task.input_required it printed is one JSON line {\"type\":\"task.answer\",\"key\":…,\"action\":…,\"content\":…}. Others find their stdin at its end."
  }),
  isolation: Schema.optionalWith(Schema.Literal("none", "worktree"), { exact: true, default: () => "none" }).annotations({
    description: "worktree: each task gets its own git worktree and branch."
  }),
  repository: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The git repository that worktrees are made from; cwd if left out."
  }),
  maxConcurrent: Schema.optionalWith(Schema.Int.pipe(Schema.greaterThanOrEqualTo(1)), { exact: true }).annotations({
    description: "How many tasks of this backend may be under way at once."
  })
})
export type Details = typeof Details.Type

export const spec: AdapterSpec = {
  name: "local-process",
  title: "Local process",
  provider: "local",
  capability: "agent-runtime",
  taskTypes: ["agent.run", "command.run"],
  targetModes: ["session"],
  protocols: [],
  start: "idempotent",
  transport: "process",
  placement: "host",
  maxConcurrent: 8,
  accountDetails: detailSchema(Account),
  details: detailSchema(Details),
  callerDetails: ["deadlineSeconds"],
  needs: []
}

export class ExecutableNotFound extends Schema.TaggedError<ExecutableNotFound>()("local-process/ExecutableNotFound", {
  executable: Schema.String
}) {
  readonly code = "local_process.executable_not_found"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { executable: this.executable }
  }
  override get message() {
    return `The executable "${this.executable}" was not found or may not be executed. Install it, or put its full path into the backend's details.`
  }
}

export class ExecutableNotAllowed extends Schema.TaggedError<ExecutableNotAllowed>()("local-process/ExecutableNotAllowed", {
  executable: Schema.String,
  allowed: Schema.Array(Schema.String)
}) {
  readonly code = "local_process.executable_not_allowed"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { executable: this.executable, allowed: this.allowed }
  }
  override get message() {
    return `command.run may not run "${this.executable}" on this backend. Allowed: ${this.allowed.join(", ") || "none"}. Whoever keeps the config can add it to the backend's details.allow.`
  }
}

export class ArgumentInvalid extends Schema.TaggedError<ArgumentInvalid>()("local-process/ArgumentInvalid", {
  path: Schema.String,
  problem: Schema.String
}) {
  readonly code = "local_process.argument_invalid"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { path: this.path, problem: this.problem }
  }
  override get message() {
    return `${this.path}: ${this.problem}`
  }
}

export class WorkingDirectoryMissing extends Schema.TaggedError<WorkingDirectoryMissing>()("local-process/WorkingDirectoryMissing", {
  path: Schema.String
}) {
  readonly code = "local_process.working_directory_missing"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { path: this.path }
  }
  override get message() {
    return `The folder "${this.path}" does not exist or cannot be entered. Create it, or change the backend's details.cwd.`
  }
}

export class SupervisorFailed extends Schema.TaggedError<SupervisorFailed>()("local-process/SupervisorFailed", {
  detail: Schema.String
}) {
  readonly code = "local_process.supervisor_failed"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The process that looks after this task could not do its work: ${this.detail}. Look at the state folder's rights and free space.`
  }
}

export class FolderFailed extends Schema.TaggedError<FolderFailed>()("local-process/FolderFailed", {
  path: Schema.String,
  detail: Schema.String
}) {
  readonly code = "local_process.folder_failed"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { path: this.path, detail: this.detail }
  }
  override get message() {
    return `The task's folder ${this.path} cannot be read or written: ${this.detail}. Look at its rights and at the free space of the disk.`
  }
}

export class Cancelled extends Schema.TaggedError<Cancelled>()("local-process/Cancelled", {}) {
  readonly code = "local_process.cancelled"
  readonly retryable = false
  readonly delivery = "none"
  override get message() {
    return `The task was cancelled before its work began, and will not run. Dispatch it again if it is wanted after all.`
  }
}

export class SpawnFailed extends Schema.TaggedError<SpawnFailed>()("local-process/SpawnFailed", {
  executable: Schema.String,
  detail: Schema.String
}) {
  readonly code = "local_process.spawn_failed"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { executable: this.executable, detail: this.detail }
  }
  override get message() {
    return `"${this.executable}" could not be started: ${this.detail}.`
  }
}

export class Exited extends Schema.TaggedError<Exited>()("local-process/Exited", {
  executable: Schema.String,
  exitCode: Schema.Int,
  lastLines: Schema.Array(Schema.String)
}) {
  readonly code = "local_process.exited"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { executable: this.executable, exitCode: this.exitCode, lastLines: this.lastLines }
  }
  override get message() {
    return `"${this.executable}" ended with exit code ${this.exitCode}. Its log says why.`
  }
}

export class Killed extends Schema.TaggedError<Killed>()("local-process/Killed", {
  executable: Schema.String,
  signal: Schema.String,
  lastLines: Schema.Array(Schema.String)
}) {
  readonly code = "local_process.killed"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { executable: this.executable, signal: this.signal, lastLines: this.lastLines }
  }
  override get message() {
    return `"${this.executable}" was ended from outside by ${this.signal}. Its log shows how far it came.`
  }
}

export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>()("local-process/DeadlineExceeded", {
  seconds: Schema.Int
}) {
  readonly code = "local_process.deadline_exceeded"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { seconds: this.seconds }
  }
  override get message() {
    return `The work was ended at its deadline of ${this.seconds} s. Give it less to do, or let whoever keeps the config raise the backend's details.deadlineSeconds.`
  }
}

export class OutputLimit extends Schema.TaggedError<OutputLimit>()("local-process/OutputLimit", {
  bytes: Schema.Int
}) {
  readonly code = "local_process.output_limit"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { bytes: this.bytes }
  }
  override get message() {
    return `The work was ended because it printed more than ${this.bytes} bytes. Let it write to a file, or let whoever keeps the config raise the backend's details.outputLimitBytes.`
  }
}

export class WorkerLost extends Schema.TaggedError<WorkerLost>()("local-process/WorkerLost", {
  lastHeartbeat: Schema.String
}) {
  readonly code = "worker.lost"
  readonly retryable = true
  readonly delivery = "done"
  get details() {
    return { lastHeartbeat: this.lastHeartbeat }
  }
  override get message() {
    return `The worker is gone and left no exit record; its last sign of life was ${this.lastHeartbeat}. Look at the log for what was done, then dispatch the work again if it is still wanted.`
  }
}

export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("local-process/WorkerFailed", {
  detail: Schema.String,
  exitCode: Json,
  workerError: Json
}) {
  readonly code = "local_process.worker_failed"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { detail: this.detail, exitCode: this.exitCode, workerError: this.workerError }
  }
  override get message() {
    return `The worker said that it failed: ${this.detail}`
  }
}

export class WorktreeFailed extends Schema.TaggedError<WorktreeFailed>()("local-process/WorktreeFailed", {
  repository: Schema.String,
  detail: Schema.String
}) {
  readonly code = "local_process.worktree_failed"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { repository: this.repository, detail: this.detail }
  }
  override get message() {
    return `No git worktree could be made from "${this.repository}": ${this.detail}.`
  }
}

export class ArtifactUnreadable extends Schema.TaggedError<ArtifactUnreadable>()("local-process/ArtifactUnreadable", {
  uri: Schema.String,
  problem: Schema.String
}) {
  readonly code = "local_process.artifact_unreadable"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { uri: this.uri, problem: this.problem }
  }
  override get message() {
    return `${this.uri} cannot be read: ${this.problem}.`
  }
}

export class UnsupportedPlatform extends Schema.TaggedError<UnsupportedPlatform>()("local-process/UnsupportedPlatform", {
  platform: Schema.String
}) {
  readonly code = "local_process.unsupported_platform"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { platform: this.platform }
  }
  override get message() {
    return `Local processes need Linux or macOS; this is ${this.platform}. Use a backend on another machine.`
  }
}
