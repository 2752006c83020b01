// Made by codegen/main.ts from adapters.manifest.yaml (adapters.github-lane); change it there, then: npm run codegen
import { Schema } from "effect"
import { type AdapterSpec, detailSchema, NoDetails } from "../../src/domain/AdapterSpec.js"
import { Json } from "../../src/domain/Json.js"

export const Account = NoDetails
export type Account = typeof Account.Type

export const Details = Schema.Struct({
  orguser: Schema.propertySignature(Schema.String.pipe(Schema.pattern(new RegExp("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")))).annotations({
    description: "The org-user that owns the lane's repository."
  }),
  repo: Schema.propertySignature(Schema.String.pipe(Schema.pattern(new RegExp("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")))).annotations({
    description: "The repository, as the allowlist calls it."
  }),
  github: Schema.propertySignature(Schema.String.pipe(Schema.pattern(new RegExp("^[^-]")))).annotations({
    description: "The repository, as GitHub calls it."
  }),
  host: Schema.optionalWith(Schema.String.pipe(Schema.pattern(new RegExp("^[^-]"))), { exact: true, default: () => "localhost" }).annotations({
    description: "What {host} stands for."
  }),
  maxIterations: Schema.optionalWith(Schema.Int.pipe(Schema.greaterThanOrEqualTo(1)), { exact: true, default: () => 50 }).annotations({
    description: "What {max} stands for."
  }),
  timeoutSeconds: Schema.optionalWith(Schema.Finite.pipe(Schema.between(0.001, 3600)), { exact: true, default: () => 60 }).annotations({
    description: "How long each of the commands may take, in seconds."
  }),
  command: Schema.optionalWith(Schema.Array(Schema.String).pipe(Schema.minItems(1)), { exact: true, default: () => ["dotfiles-dispatch", "{orguser}", "{repo}", "{task}", "--host", "{host}", "--max", "{max}"] }).annotations({
    description: "The argument vector that hands work over. An element that is {orguser}, {repo}, {task}, {host}, {max}, {handle} or {github} is replaced as a whole."
  }),
  status: Schema.optionalWith(Schema.Array(Schema.String).pipe(Schema.minItems(1)), { exact: true }).annotations({
    description: "The argument vector that prints how work stands."
  }),
  cancel: Schema.optionalWith(Schema.Array(Schema.String).pipe(Schema.minItems(1)), { exact: true }).annotations({
    description: "The argument vector that stops work; only with status, which confirms that it stopped."
  }),
  ssh: Schema.optionalWith(Json, { exact: true }).annotations({
    description: "The machine the commands run on, as lanes.ssh has it; this one if left out."
  }),
  env: Schema.optionalWith(Schema.Array(Schema.String), { exact: true, default: () => ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "SHELL", "TMPDIR", "SSH_AUTH_SOCK"] }).annotations({
    description: "The names of the server's environment variables that are passed on; all others are not."
  }),
  cwd: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The folder the commands start in; the server's own if left out."
  })
})
export type Details = typeof Details.Type

export const spec: AdapterSpec = {
  name: "github-lane",
  title: "Repository lane",
  provider: "lane",
  capability: "agent-runtime",
  taskTypes: ["agent.run"],
  targetModes: ["session"],
  protocols: [],
  start: "once",
  transport: "process",
  placement: "host",
  maxConcurrent: 16,
  accountDetails: detailSchema(Account),
  details: detailSchema(Details),
  callerDetails: [],
  needs: []
}

export class SettingInvalid extends Schema.TaggedError<SettingInvalid>()("github-lane/SettingInvalid", {
  path: Schema.String,
  problem: Schema.String
}) {
  readonly code = "lane.setting_invalid"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { path: this.path, problem: this.problem }
  }
  override get message() {
    return `${this.path}: ${this.problem}`
  }
}

export class TaskInvalid extends Schema.TaggedError<TaskInvalid>()("github-lane/TaskInvalid", {
  problem: Schema.String
}) {
  readonly code = "lane.task_invalid"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { problem: this.problem }
  }
  override get message() {
    return `The task ${this.problem}.`
  }
}

export class CommandNotFound extends Schema.TaggedError<CommandNotFound>()("github-lane/CommandNotFound", {
  executable: Schema.String,
  returncode: Json,
  detail: Schema.String
}) {
  readonly code = "lane.command_not_found"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { executable: this.executable, returncode: this.returncode, detail: this.detail }
  }
  override get message() {
    return `The lane's command "${this.executable}" was not found or may not be executed. Install it on the server's PATH, or name its full path in the config's lanes.command.`
  }
}

export class CommandFailed extends Schema.TaggedError<CommandFailed>()("github-lane/CommandFailed", {
  github: Schema.String,
  returncode: Json,
  detail: Schema.String
}) {
  readonly code = "lane.command_failed"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { github: this.github, returncode: this.returncode, detail: this.detail }
  }
  override get message() {
    return `The dispatch command for ${this.github} ended with exit code ${JSON.stringify(this.returncode)}: ${this.detail}. It was not run again; look at the lane before you dispatch anew.`
  }
}

export class TimedOut extends Schema.TaggedError<TimedOut>()("github-lane/TimedOut", {
  github: Schema.String,
  seconds: Schema.Number,
  returncode: Json,
  detail: Schema.String
}) {
  readonly code = "lane.timeout"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { github: this.github, seconds: this.seconds, returncode: this.returncode, detail: this.detail }
  }
  override get message() {
    return `The dispatch command for ${this.github} did not end within ${this.seconds} s and was ended. The lane may have got the work all the same: look there before you dispatch anew. Whoever keeps the config can raise DISPATCH_TIMEOUT or lanes.timeoutSeconds.`
  }
}

export class Unreachable extends Schema.TaggedError<Unreachable>()("github-lane/Unreachable", {
  returncode: Json,
  detail: Schema.String
}) {
  readonly code = "lane.unreachable"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { returncode: this.returncode, detail: this.detail }
  }
  override get message() {
    return `ssh did not reach the lane's host, or lost it: ${this.detail}. It was not run again; see that "ssh -o BatchMode=yes" to that host works for the server's user, and look at the lane before you dispatch anew.`
  }
}

export class StatusUnavailable extends Schema.TaggedError<StatusUnavailable>()("github-lane/StatusUnavailable", {
  detail: Schema.String
}) {
  readonly code = "lane.status_unavailable"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The lane's status command gave no answer that can be used: ${this.detail}.`
  }
}

export class LaneFailed extends Schema.TaggedError<LaneFailed>()("github-lane/LaneFailed", {
  returncode: Json,
  detail: Schema.String
}) {
  readonly code = "lane.failed"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { returncode: this.returncode, detail: this.detail }
  }
  override get message() {
    return `The lane says that the work failed: ${this.detail}`
  }
}

export class StoppedElsewhere extends Schema.TaggedError<StoppedElsewhere>()("github-lane/StoppedElsewhere", {
  returncode: Json,
  detail: Schema.String
}) {
  readonly code = "lane.stopped_elsewhere"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { returncode: this.returncode, detail: this.detail }
  }
  override get message() {
    return `The work was stopped at the lane, not through this task: ${this.detail}`
  }
}

export class Unstoppable extends Schema.TaggedError<Unstoppable>()("github-lane/Unstoppable", {
  detail: Schema.String
}) {
  readonly code = "lane.unstoppable"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The lane cannot be stopped from here: ${this.detail}. Stop it where it runs, or let whoever keeps the config set lanes.status and lanes.cancel.`
  }
}
