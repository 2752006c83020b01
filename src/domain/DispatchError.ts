import { DateTime, Schema } from "effect"
import { Question } from "./Clarification.js"
import { Expired, expiredInWords } from "./Expired.js"
import type { LaneError } from "./LaneError.js"
import { TaskStatus } from "./Lifecycle.js"
import { remedies, StoreFault } from "./StoreFault.js"

const listed = (names: ReadonlyArray<string>) => (names.length === 0 ? "none" : names.join(", "))

/** A field of a call that cannot be accepted as it is. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  path: Schema.String,
  problem: Schema.String
}) {
  readonly code = "input.invalid"
  override get message() {
    return `${this.path}: ${this.problem}`
  }
}

/** Something the caller has not said and nobody configured. */
export class NeedsAnswers extends Schema.TaggedError<NeedsAnswers>()("NeedsAnswers", {
  questions: Schema.Array(Question),
  availableRuntimes: Schema.Array(Schema.String)
}) {
  readonly code = "input.needs_answers"
  override get message() {
    return `Missing: ${listed(this.questions.map((question) => question.id))}.`
  }
}

/** A credential was passed through a tool. */
export class CredentialRefused extends Schema.TaggedError<CredentialRefused>()("CredentialRefused", {
  path: Schema.String
}) {
  readonly code = "policy.denied"
  override get message() {
    return `${this.path} looks like a credential and credentials never pass through a tool. Remove it, or put a reference such as \${secret:NAME} and let the worker resolve it.`
  }
}

/** The policy forbids a dispatch, or the rule that allows it limits it to less. */
export class PolicyDenied extends Schema.TaggedError<PolicyDenied>()("PolicyDenied", {
  reason: Schema.String,
  rule: Schema.String,
  /** What would have to be otherwise, each a sentence. */
  wouldChange: Schema.Array(Schema.String)
}) {
  readonly code = "policy.denied"
  override get message() {
    const by = this.reason.includes(this.rule) ? "" : ` by ${this.rule}`
    return [
      `The policy of this installation denies the dispatch${by}: ${this.reason.replace(/\.$/, "")}.`,
      ...this.wouldChange
    ].join(" ")
  }
}

/** A limit of the policy is used up. */
export class QuotaReached extends Schema.TaggedError<QuotaReached>()("QuotaReached", {
  rule: Schema.String,
  limit: Schema.Literal("perHour", "concurrent"),
  allowed: Schema.Int,
  /** When there is room again, in milliseconds since 1970, where that is known. */
  retryAt: Schema.optional(Schema.Int)
}) {
  readonly code = "policy.quota_reached"
  get wouldChange(): ReadonlyArray<string> {
    const raise = `Whoever keeps the config can raise limits.${this.limit} of ${this.rule}.`
    if (this.allowed === 0) return [raise]
    if (this.limit === "concurrent") return ["Wait for one to end, or cancel one.", raise]
    return [
      this.retryAt === undefined
        ? "Wait until an earlier one is an hour ago."
        : `There is room again at ${DateTime.formatIso(DateTime.unsafeMake(this.retryAt))}.`,
      raise
    ]
  }
  get reason() {
    return this.limit === "perHour"
      ? `${this.rule} allows ${this.allowed} dispatches an hour and they are used up`
      : `${this.rule} allows ${this.allowed} unfinished tasks at once and that many there are`
  }
  override get message() {
    return [`${this.reason}.`, ...this.wouldChange].join(" ")
  }
}

export class AccountProfileNotFound extends Schema.TaggedError<AccountProfileNotFound>()("AccountProfileNotFound", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "account_profile.not_found"
  override get message() {
    return `No account profile "${this.name}". Configured: ${listed(this.known)}.`
  }
}

export class AccountProviderMismatch extends Schema.TaggedError<AccountProviderMismatch>()("AccountProviderMismatch", {
  account: Schema.String,
  accountProvider: Schema.String,
  provider: Schema.String
}) {
  readonly code = "account_profile.provider_mismatch"
  override get message() {
    return `Account profile "${this.account}" belongs to provider "${this.accountProvider}", not "${this.provider}". Name an account of "${this.provider}", or leave provider out.`
  }
}

export class RuntimeProfileNotFound extends Schema.TaggedError<RuntimeProfileNotFound>()("RuntimeProfileNotFound", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "runtime_profile.not_found"
  override get message() {
    return `No runtime profile "${this.name}". Configured: ${listed(this.known)}.`
  }
}

export class BackendNotFound extends Schema.TaggedError<BackendNotFound>()("BackendNotFound", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "backend.not_found"
  override get message() {
    return `No backend "${this.name}" for this account. Configured: ${listed(this.known)}.`
  }
}

export class CapabilityNotConfigured extends Schema.TaggedError<CapabilityNotConfigured>()("CapabilityNotConfigured", {
  provider: Schema.String,
  capability: Schema.String,
  taskType: Schema.String,
  targetMode: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "capability.not_configured"
  override get message() {
    return `Nothing here offers provider "${this.provider}", capability "${this.capability}", task type "${this.taskType}", target mode "${this.targetMode}". Offered: ${listed(this.known)}.`
  }
}

export class AdapterNotFound extends Schema.TaggedError<AdapterNotFound>()("AdapterNotFound", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "adapter.not_found"
  override get message() {
    return `No adapter "${this.name}" is built in. Built in: ${listed(this.known)}.`
  }
}

export class AdapterUnsupported extends Schema.TaggedError<AdapterUnsupported>()("AdapterUnsupported", {
  adapter: Schema.String,
  wanted: Schema.String,
  offered: Schema.Array(Schema.String)
}) {
  readonly code = "adapter.unsupported"
  override get message() {
    return `Adapter "${this.adapter}" does not do ${this.wanted}. It does: ${listed(this.offered)}.`
  }
}

export class TaskNotFound extends Schema.TaggedError<TaskNotFound>()("TaskNotFound", {
  id: Schema.String,
  expired: Schema.optional(Expired)
}) {
  readonly code = "task.not_found"
  override get message() {
    if (this.expired !== undefined) return `Task "${this.id}" has expired. ${expiredInWords(this.expired)}`
    return `No task "${this.id}" in this state folder. list_tasks shows the tasks that are.`
  }
}

/** A change that arrived after the task's end. */
export class TaskTerminal extends Schema.TaggedError<TaskTerminal>()("TaskTerminal", {
  id: Schema.String,
  status: TaskStatus
}) {
  readonly code = "task.terminal"
  override get message() {
    return this.status === "completing"
      ? `Task "${this.id}" has finished its work; its result is being stored and is kept.`
      : `Task "${this.id}" already ended as ${this.status}; that is final. get_task_result has its outcome.`
  }
}

export class ArtifactNotFound extends Schema.TaggedError<ArtifactNotFound>()("ArtifactNotFound", {
  taskId: Schema.String,
  artifactId: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  readonly code = "artifact.not_found"
  override get message() {
    return `Task "${this.taskId}" has no artifact "${this.artifactId}". It has: ${listed(this.known)}.`
  }
}

/** An answer that nobody waits for: never asked, already answered, or too late. */
export class QuestionClosed extends Schema.TaggedError<QuestionClosed>()("QuestionClosed", {
  taskId: Schema.String,
  keys: Schema.Array(Schema.String),
  open: Schema.Array(Schema.String)
}) {
  readonly code = "question.closed"
  override get message() {
    return `Task "${this.taskId}" does not wait for an answer to ${listed(this.keys)}: it was never asked, has its answer, or the task has ended. Open questions: ${listed(this.open)}.`
  }
}

/** A backend could not do what was asked of it for a task that exists. */
export class BackendFailed extends Schema.TaggedError<BackendFailed>()("BackendFailed", {
  code: Schema.String,
  detail: Schema.String,
  retryable: Schema.Boolean
}) {
  override get message() {
    return this.detail
  }
}

/** The key names another request than the one it came with first. */
export class IdempotencyConflict extends Schema.TaggedError<IdempotencyConflict>()("IdempotencyConflict", {
  key: Schema.String,
  taskId: Schema.String,
  /** The call is the same, and the task it made is deleted. */
  expired: Schema.optional(Expired)
}) {
  readonly code = "idempotency.conflict"
  override get message() {
    if (this.expired !== undefined)
      return `idempotency_key "${this.key}" belongs to ${this.taskId}, which did this already. ${expiredInWords(this.expired)} Use a new key to do it again.`
    return `idempotency_key "${this.key}" already belongs to ${this.taskId}, which was dispatched with other arguments. Use a new key for new work, or the same arguments to get that task back.`
  }
}

/** Somebody else changed the task, or owns it now: read it again. */
export class TaskChanged extends Schema.TaggedError<TaskChanged>()("TaskChanged", { id: Schema.String }) {
  readonly code = "task.changed"
  override get message() {
    return `Task "${this.id}" changed while it was being changed. Try again.`
  }
}

export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", {
  fault: StoreFault,
  detail: Schema.String,
  cause: Schema.optional(Schema.Defect),
  /** The task that may have been accepted all the same, where no key keeps a second call from making another. */
  perhaps: Schema.optional(Schema.String)
}) {
  get code() {
    return `store.${this.fault}`
  }
  override get message() {
    const before =
      this.perhaps === undefined
        ? ""
        : ` It may have been accepted as ${this.perhaps} all the same: ask get_task_status for that before you call again.`
    return `${remedies[this.fault]} (${this.detail})${before}`
  }
}

/** Everything a caller of `Dispatch` can meet. */
export type DispatchError =
  | InvalidInput
  | NeedsAnswers
  | CredentialRefused
  | PolicyDenied
  | QuotaReached
  | AccountProfileNotFound
  | AccountProviderMismatch
  | RuntimeProfileNotFound
  | BackendNotFound
  | CapabilityNotConfigured
  | AdapterNotFound
  | AdapterUnsupported
  | TaskNotFound
  | TaskTerminal
  | ArtifactNotFound
  | QuestionClosed
  | BackendFailed
  | IdempotencyConflict
  | TaskChanged
  | StoreFailed
  | LaneError
