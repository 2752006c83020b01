// Made by codegen/main.ts from adapters.manifest.yaml (adapters.aws-agentcore); change it there, then: npm run codegen
import { Schema } from "effect"
import { type AdapterSpec, detailSchema, NoDetails } from "../../src/domain/AdapterSpec.js"
import { Json } from "../../src/domain/Json.js"

export const Account = NoDetails
export type Account = typeof Account.Type

export const Details = Schema.Struct({
  region: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The AWS region; the account's if left out."
  }),
  runtimeArn: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The AgentCore runtime that sessions run on."
  }),
  qualifier: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The endpoint of the runtime; DEFAULT if left out."
  }),
  protocol: Schema.optionalWith(Schema.Literal("http", "a2a", "mcp", "ag-ui", "agui"), { exact: true }).annotations({
    description: "How the agent is spoken to; agui is another name of ag-ui."
  }),
  ecrImageUri: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The container image that a new runtime is made from."
  }),
  executionRoleArn: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "The IAM role that a new runtime runs under."
  }),
  environmentVariables: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { exact: true }).annotations({
    description: "Environment variables of a new runtime."
  }),
  subnets: Schema.optionalWith(Schema.Array(Schema.String).pipe(Schema.minItems(1)), { exact: true }).annotations({
    description: "The subnets a new runtime is placed in; its network is public if left out."
  }),
  securityGroups: Schema.optionalWith(Schema.Array(Schema.String).pipe(Schema.minItems(1)), { exact: true }).annotations({
    description: "The security groups of a new runtime; only with subnets."
  }),
  deleteRuntimeOnCompletion: Schema.optionalWith(Schema.Boolean, { exact: true }).annotations({
    description: "false: a runtime that was made for a task is kept afterwards."
  }),
  cleanupAfterTask: Schema.optionalWith(Schema.Boolean, { exact: true }).annotations({
    description: "true: a runtime made for a task is deleted afterwards even when it speaks a2a."
  }),
  keepRuntimeHours: Schema.optionalWith(Schema.Finite.pipe(Schema.greaterThanOrEqualTo(0)), { exact: true, default: () => 24 }).annotations({
    description: "How long an a2a runtime that was made for a task stays for follow-up, in hours."
  }),
  readyTimeoutSeconds: Schema.optionalWith(Schema.Finite.pipe(Schema.greaterThanOrEqualTo(1)), { exact: true, default: () => 600 }).annotations({
    description: "How long a new runtime and its endpoint may take to become ready, in seconds."
  }),
  worker: Schema.optionalWith(Schema.Literal("dispatch/1", "prompt", "a2a"), { exact: true }).annotations({
    description: "What the runtime understands; never probed. dispatch/1 is this product's worker, prompt any AgentCore app, a2a an A2A server. Left out, it is a2a for protocol a2a and prompt otherwise."
  }),
  a2aVersion: Schema.optionalWith(Schema.Literal("0.3", "1.0"), { exact: true, default: () => "0.3" }).annotations({
    description: "The version of A2A that the runtime speaks. 1.0 needs A2A-Version in the runtime's header allowlist."
  }),
  deadlineSeconds: Schema.optionalWith(Schema.Int.pipe(Schema.between(1, 1209600)), { exact: true }).annotations({
    description: "When the work is ended, in seconds from its start. Left out, two minutes before the session's own end, or, for prompt, 15 minutes without and 60 with streaming. A call may only lower it."
  }),
  idleTimeoutSeconds: Schema.optionalWith(Schema.Int.pipe(Schema.between(60, 28800)), { exact: true, default: () => 900 }).annotations({
    description: "How long an idle session of a new runtime lives, in seconds."
  }),
  maxLifetimeSeconds: Schema.optionalWith(Schema.Int.pipe(Schema.between(60, 1209600)), { exact: true, default: () => 28800 }).annotations({
    description: "How long a session may live, in seconds; it must be what the runtime is configured with."
  }),
  maxConcurrent: Schema.optionalWith(Schema.Int.pipe(Schema.greaterThanOrEqualTo(1)), { exact: true }).annotations({
    description: "How many tasks of this backend may be under way at once."
  }),
  lingerSeconds: Schema.optionalWith(Schema.Int.pipe(Schema.between(1, 28800)), { exact: true, default: () => 3600 }).annotations({
    description: "How long a dispatch/1 worker keeps a result that nobody has fetched, in seconds."
  }),
  artifactLimitBytes: Schema.optionalWith(Schema.Int.pipe(Schema.greaterThanOrEqualTo(0)), { exact: true, default: () => 67108864 }).annotations({
    description: "How much of a dispatch/1 worker's files is copied here before its session ends with them, in bytes; a file that would go beyond is left behind."
  }),
  endpoint: Schema.optionalWith(Schema.String, { exact: true }).annotations({
    description: "Another address of the AWS services, such as an emulator's; http only on this machine."
  })
})
export type Details = typeof Details.Type

export const spec: AdapterSpec = {
  name: "aws-agentcore",
  title: "AWS Bedrock AgentCore",
  provider: "aws",
  capability: "agent-runtime",
  taskTypes: ["agent.run", "command.run"],
  targetModes: ["session", "runtime"],
  protocols: ["http", "a2a", "mcp", "ag-ui"],
  start: "probe",
  transport: "sdk",
  placement: "anywhere",
  maxConcurrent: 25,
  accountDetails: detailSchema(Account),
  details: detailSchema(Details),
  callerDetails: ["runtimeArn", "ecrImageUri", "executionRoleArn", "environmentVariables", "cleanupAfterTask", "deadlineSeconds"],
  needs: [
    {
      id: "runtimeArn",
      question: "Which AWS AgentCore runtime ARN should this cloud subagent use?",
      modes: ["session"],
      taskTypes: ["agent.run", "command.run"],
      environment: "AGENTDISPATCH_AGENTCORE_RUNTIME_ARN"
    },
    {
      id: "ecrImageUri",
      question: "Which ECR image URI should the AgentCore runtime for this cloud subagent be made from?",
      modes: ["runtime"],
      taskTypes: ["agent.run", "command.run"]
    },
    {
      id: "executionRoleArn",
      question: "Which IAM execution role ARN should the AgentCore runtime for this cloud subagent use?",
      modes: ["runtime"],
      taskTypes: ["agent.run", "command.run"]
    }
  ]
}

export class SettingInvalid extends Schema.TaggedError<SettingInvalid>()("aws-agentcore/SettingInvalid", {
  path: Schema.String,
  problem: Schema.String
}) {
  readonly code = "aws_agentcore.setting_invalid"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { path: this.path, problem: this.problem }
  }
  override get message() {
    return `${this.path}: ${this.problem}`
  }
}

export class Unreachable extends Schema.TaggedError<Unreachable>()("aws-agentcore/Unreachable", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.unreachable"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `AWS could not be reached: ${this.detail}. Look at the network, the region and the endpoint.`
  }
}

export class Throttled extends Schema.TaggedError<Throttled>()("aws-agentcore/Throttled", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.throttled"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `AWS limits the rate of calls: ${this.detail}. It is tried again; if it goes on, ask for a higher quota or lower maxConcurrent.`
  }
}

export class SessionBusy extends Schema.TaggedError<SessionBusy>()("aws-agentcore/SessionBusy", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.session_busy"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The session is just being made or ended: ${this.detail}. It is tried again.`
  }
}

export class InitTimeout extends Schema.TaggedError<InitTimeout>()("aws-agentcore/InitTimeout", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.init_timeout"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The container did not become ready in time: ${this.detail}. Look at its CloudWatch log; a failing import is the usual reason.`
  }
}

export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("aws-agentcore/QuotaExceeded", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.quota_exceeded"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `A quota of the AWS account is used up: ${this.detail}. End sessions that are not needed, or ask for a higher quota.`
  }
}

export class RequestRefused extends Schema.TaggedError<RequestRefused>()("aws-agentcore/RequestRefused", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.request_refused"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `AgentCore refused the request: ${this.detail}.`
  }
}

export class AccessDenied extends Schema.TaggedError<AccessDenied>()("aws-agentcore/AccessDenied", {
  detail: Schema.String,
  permission: Schema.String
}) {
  readonly code = "aws_agentcore.access_denied"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { detail: this.detail, permission: this.permission }
  }
  override get message() {
    return `AWS denied access: ${this.detail}. The credentials of this account need the permission bedrock-agentcore:${this.permission}.`
  }
}

export class CredentialsExpired extends Schema.TaggedError<CredentialsExpired>()("aws-agentcore/CredentialsExpired", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.credentials_expired"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The AWS credentials have expired: ${this.detail}. Sign in again, for example with aws sso login.`
  }
}

export class CredentialsMissing extends Schema.TaggedError<CredentialsMissing>()("aws-agentcore/CredentialsMissing", {
  credentialSource: Schema.String,
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.credentials_missing"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { credentialSource: this.credentialSource, detail: this.detail }
  }
  override get message() {
    return `No AWS credentials were found for credentialSource "${this.credentialSource}": ${this.detail}. Sign in, or name a profile as profile:NAME in the account's credentialSource.`
  }
}

export class RuntimeNotFound extends Schema.TaggedError<RuntimeNotFound>()("aws-agentcore/RuntimeNotFound", {
  resource: Schema.String,
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.runtime_not_found"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { resource: this.resource, detail: this.detail }
  }
  override get message() {
    return `${this.resource} does not exist in this region or account: ${this.detail}. Check runtimeArn, qualifier and region.`
  }
}

export class Unanswered extends Schema.TaggedError<Unanswered>()("aws-agentcore/Unanswered", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.unanswered"
  readonly retryable = true
  readonly delivery = "unknown"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The connection broke before the answer came: ${this.detail}.`
  }
}

export class ContainerError extends Schema.TaggedError<ContainerError>()("aws-agentcore/ContainerError", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.container_error"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The agent's container answered with an error: ${this.detail}. Its CloudWatch log says why.`
  }
}

export class AnswerInvalid extends Schema.TaggedError<AnswerInvalid>()("aws-agentcore/AnswerInvalid", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.answer_invalid"
  readonly retryable = true
  readonly delivery = "unknown"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The answer could not be understood: ${this.detail}.`
  }
}

export class NotAWorker extends Schema.TaggedError<NotAWorker>()("aws-agentcore/NotAWorker", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.not_a_worker"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The runtime does not speak dispatch/1: ${this.detail}. Deploy this product's worker there, or set the backend's details.worker to prompt or a2a.`
  }
}

export class WorkerRefused extends Schema.TaggedError<WorkerRefused>()("aws-agentcore/WorkerRefused", {
  reason: Schema.String,
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.worker_refused"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { reason: this.reason, detail: this.detail }
  }
  override get message() {
    return `The worker refused the request (${this.reason}): ${this.detail}`
  }
}

export class WorkerBusy extends Schema.TaggedError<WorkerBusy>()("aws-agentcore/WorkerBusy", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.worker_busy"
  readonly retryable = true
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The worker cannot take the work now: ${this.detail}`
  }
}

export class WorkerLost extends Schema.TaggedError<WorkerLost>()("aws-agentcore/WorkerLost", {
  detail: Schema.String,
  lastHeartbeat: Schema.String
}) {
  readonly code = "worker.lost"
  readonly retryable = true
  readonly delivery = "done"
  get details() {
    return { detail: this.detail, lastHeartbeat: this.lastHeartbeat }
  }
  override get message() {
    return `The session's machine is gone and the work with it (${this.detail}); its last sign of life was ${this.lastHeartbeat}. Look at the log for what was done, then dispatch the work again if it is still wanted.`
  }
}

export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("aws-agentcore/WorkerFailed", {
  detail: Schema.String,
  workerError: Json
}) {
  readonly code = "aws_agentcore.worker_failed"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { detail: this.detail, workerError: this.workerError }
  }
  override get message() {
    return `The worker said that it failed: ${this.detail}`
  }
}

export class Expired extends Schema.TaggedError<Expired>()("aws-agentcore/Expired", {
  seconds: Schema.Int
}) {
  readonly code = "aws_agentcore.expired"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { seconds: this.seconds }
  }
  override get message() {
    return `The work was ended at its deadline of ${this.seconds} s. Give it less to do, or raise the backend's details.deadlineSeconds.`
  }
}

export class CancelledElsewhere extends Schema.TaggedError<CancelledElsewhere>()("aws-agentcore/CancelledElsewhere", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.cancelled_elsewhere"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The work was cancelled at the far side, not by this task's owner: ${this.detail}`
  }
}

export class StartUnknown extends Schema.TaggedError<StartUnknown>()("aws-agentcore/StartUnknown", {
  causeCode: Schema.String,
  detail: Schema.String
}) {
  readonly code = "start.indeterminate"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { causeCode: this.causeCode, detail: this.detail }
  }
  override get message() {
    return `Nobody knows how the work went: ${this.detail}. It was not started again. Look at the log and at the backend, then dispatch anew if it is still wanted; a dispatch/1 worker survives such breaks.`
  }
}

export class StreamBroken extends Schema.TaggedError<StreamBroken>()("aws-agentcore/StreamBroken", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.stream_broken"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The answer broke off before its end: ${this.detail}. What had arrived is in the log.`
  }
}

export class ResultCorrupt extends Schema.TaggedError<ResultCorrupt>()("aws-agentcore/ResultCorrupt", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.result_corrupt"
  readonly retryable = true
  readonly delivery = "done"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The result did not arrive whole: ${this.detail}.`
  }
}

export class CommandFailed extends Schema.TaggedError<CommandFailed>()("aws-agentcore/CommandFailed", {
  exitCode: Schema.Int
}) {
  readonly code = "aws_agentcore.command_failed"
  readonly retryable = false
  readonly delivery = "done"
  get details() {
    return { exitCode: this.exitCode }
  }
  override get message() {
    return `The command ended with exit code ${this.exitCode}. Its log says why.`
  }
}

export class CommandInvalid extends Schema.TaggedError<CommandInvalid>()("aws-agentcore/CommandInvalid", {
  problem: Schema.String
}) {
  readonly code = "aws_agentcore.command_invalid"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { problem: this.problem }
  }
  override get message() {
    return `input.command: ${this.problem}`
  }
}

export class RuntimeFailed extends Schema.TaggedError<RuntimeFailed>()("aws-agentcore/RuntimeFailed", {
  resource: Schema.String,
  status: Schema.String,
  reason: Schema.String
}) {
  readonly code = "aws_agentcore.runtime_failed"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { resource: this.resource, status: this.status, reason: this.reason }
  }
  override get message() {
    return `${this.resource} could not be made (${this.status}): ${this.reason}. What was made of it is being deleted.`
  }
}

export class RuntimeStuck extends Schema.TaggedError<RuntimeStuck>()("aws-agentcore/RuntimeStuck", {
  resource: Schema.String,
  status: Schema.String,
  seconds: Schema.Number
}) {
  readonly code = "aws_agentcore.runtime_stuck"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { resource: this.resource, status: this.status, seconds: this.seconds }
  }
  override get message() {
    return `${this.resource} was still ${this.status} after ${this.seconds} s. It is being deleted; raise details.readyTimeoutSeconds if it only needs longer.`
  }
}

export class CancelFailed extends Schema.TaggedError<CancelFailed>()("aws-agentcore/CancelFailed", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.cancel_failed"
  readonly retryable = true
  readonly delivery = "unknown"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The session could not be confirmed stopped: ${this.detail}. It is tried again.`
  }
}

export class CleanupFailed extends Schema.TaggedError<CleanupFailed>()("aws-agentcore/CleanupFailed", {
  resource: Schema.String,
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.cleanup_failed"
  readonly retryable = true
  readonly delivery = "unknown"
  get details() {
    return { resource: this.resource, detail: this.detail }
  }
  override get message() {
    return `${this.resource} could not be confirmed gone: ${this.detail}. It is tried again.`
  }
}

export class MessageRefused extends Schema.TaggedError<MessageRefused>()("aws-agentcore/MessageRefused", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.message_refused"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The message was not delivered: ${this.detail}`
  }
}

export class ArtifactUnavailable extends Schema.TaggedError<ArtifactUnavailable>()("aws-agentcore/ArtifactUnavailable", {
  detail: Schema.String
}) {
  readonly code = "aws_agentcore.artifact_unavailable"
  readonly retryable = false
  readonly delivery = "none"
  get details() {
    return { detail: this.detail }
  }
  override get message() {
    return `The artifact cannot be read: ${this.detail}`
  }
}
