import { Schema } from "effect"
import { Json } from "../domain/Json.js"

/** What arrived on stdin, or a field of it, is not a task this worker can do. */
export class TaskUnusable extends Schema.TaggedError<TaskUnusable>()("TaskUnusable", { problem: Schema.String }) {
  readonly code = "worker.input_invalid"
  readonly retryable = false
  override get message() {
    return `The worker cannot use its task: ${this.problem}`
  }
}

export class FrameworkUnknown extends Schema.TaggedError<FrameworkUnknown>()("FrameworkUnknown", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "worker.framework_unknown"
  readonly retryable = false
  override get message() {
    return `This worker has no framework "${this.name}". It has: ${this.known.join(", ")}.`
  }
}

/** The environment the worker was started with. */
export class DeploymentInvalid extends Schema.TaggedError<DeploymentInvalid>()("DeploymentInvalid", {
  problem: Schema.String
}) {
  readonly code = "worker.deployment_invalid"
  readonly retryable = false
  override get message() {
    return `The worker cannot serve: ${this.problem}. Correct its environment and start it again.`
  }
}

export class FolderUnusable extends Schema.TaggedError<FolderUnusable>()("FolderUnusable", {
  path: Schema.String,
  problem: Schema.String
}) {
  readonly code = "worker.path_unusable"
  readonly retryable = false
  override get message() {
    return `context.path: "${this.path}" ${this.problem}. Name a folder that this machine has and the worker may read.`
  }
}

export class ArtifactNotWritten extends Schema.TaggedError<ArtifactNotWritten>()("ArtifactNotWritten", {
  name: Schema.String,
  problem: Schema.String
}) {
  readonly code = "worker.artifact_not_written"
  readonly retryable = true
  override get message() {
    return `${this.name} could not be written into AGENTDISPATCH_ARTIFACT_DIR (${this.problem}). Make that folder writable, or free some space.`
  }
}

/** Nobody takes what the worker says, so going on would be work for nothing. */
export class OutputClosed extends Schema.TaggedError<OutputClosed>()("OutputClosed", { problem: Schema.String }) {
  readonly code = "worker.output_closed"
  readonly retryable = true
  override get message() {
    return `The worker's stdout takes no more (${this.problem}).`
  }
}

export class Terminated extends Schema.TaggedError<Terminated>()("Terminated", { signal: Schema.String }) {
  readonly code = "worker.terminated"
  readonly retryable = true
  override get message() {
    return `The worker was told to stop (${this.signal}) before it had finished; dispatch the task again to start over.`
  }
}

export class CommandNotAllowed extends Schema.TaggedError<CommandNotAllowed>()("CommandNotAllowed", {
  executable: Schema.String,
  allowed: Schema.Array(Schema.String)
}) {
  readonly code = "worker.command_not_allowed"
  readonly retryable = false
  override get message() {
    return `command.run may not run "${this.executable}" here. Allowed: ${this.allowed.join(", ") || "nothing"}. Whoever deploys the worker can add it to AGENTDISPATCH_COMMAND_ALLOWLIST.`
  }
}

export class ProgramNotStarted extends Schema.TaggedError<ProgramNotStarted>()("ProgramNotStarted", {
  executable: Schema.String,
  problem: Schema.String
}) {
  readonly code = "worker.program_not_started"
  readonly retryable = false
  override get message() {
    return `"${this.executable}" could not be started (${this.problem}). Install it in the worker's image, or correct its name.`
  }
}

/** A program's end without an answer of its own. */
export class ProgramEnded extends Schema.TaggedError<ProgramEnded>()("ProgramEnded", {
  executable: Schema.String,
  how: Schema.String,
  details: Json
}) {
  readonly code = "worker.program_ended"
  readonly retryable = false
  override get message() {
    return `"${this.executable}" ended ${this.how}. Its log says why.`
  }
}

/** What a program itself said. */
export class ProgramFailed extends Schema.TaggedError<ProgramFailed>()("ProgramFailed", {
  problem: Schema.String,
  details: Json
}) {
  readonly code = "worker.program_failed"
  readonly retryable = false
  override get message() {
    return `The program said that it failed: ${this.problem}`
  }
}

export type WorkerError =
  | DeploymentInvalid
  | CommandNotAllowed
  | ProgramNotStarted
  | ProgramEnded
  | ProgramFailed
  | TaskUnusable
  | FrameworkUnknown
  | FolderUnusable
  | ArtifactNotWritten
  | OutputClosed
  | Terminated
