import { Effect, Match, Schema } from "effect"
import type { Clarification, Question } from "../domain/Clarification.js"
import { lookup } from "../domain/Config.js"
import type { ConfigInvalid } from "../domain/ConfigInvalid.js"
import type { DispatchError, NeedsAnswers } from "../domain/DispatchError.js"
import type { MoveRefused } from "../domain/StoreMove.js"
import type { AuditUnusable } from "../services/AuditTrail.js"
import { ExitCode } from "./ExitCode.js"
import { Screen } from "./Screen.js"

/** A command line that means nothing. */
export class UsageInvalid extends Schema.TaggedError<UsageInvalid>()("UsageInvalid", { problem: Schema.String }) {
  readonly code = "usage.invalid"
  override get message() {
    return this.problem
  }
}

/** The config file of `init` was not written; whatever stood there is as it was. */
export class ConfigNotWritten extends Schema.TaggedError<ConfigNotWritten>()("ConfigNotWritten", {
  path: Schema.String,
  problem: Schema.String
}) {
  readonly code = "config.not_written"
  override get message() {
    return `${this.path} ${this.problem}`
  }
}

/** Everything that ends a command before it has done its work. */
export type Refusal = DispatchError | ConfigInvalid | UsageInvalid | ConfigNotWritten | AuditUnusable | MoveRefused

const refused = () => ExitCode.failed
const unusable = () => ExitCode.usage

/** Who can mend it decides the exit code. A new error does not compile until it is here. */
const exitCodeOf = Match.typeTags<Refusal, ExitCode>()({
  NeedsAnswers: () => ExitCode.questions,
  InvalidInput: unusable,
  UsageInvalid: unusable,
  ConfigInvalid: unusable,
  ConfigNotWritten: refused,
  AuditUnusable: unusable,
  CredentialRefused: refused,
  PolicyDenied: refused,
  QuotaReached: refused,
  AccountProfileNotFound: refused,
  AccountProviderMismatch: refused,
  RuntimeProfileNotFound: refused,
  BackendNotFound: refused,
  CapabilityNotConfigured: refused,
  AdapterNotFound: refused,
  AdapterUnsupported: refused,
  TaskNotFound: () => ExitCode.notFound,
  TaskTerminal: refused,
  ArtifactNotFound: refused,
  QuestionClosed: refused,
  BackendFailed: refused,
  IdempotencyConflict: refused,
  TaskChanged: refused,
  LaneUnknown: refused,
  LaneWrongOwner: refused,
  LaneTaskInvalid: unusable,
  LaneHandleUnknown: () => ExitCode.notFound,
  AllowlistInvalid: unusable,
  LaneSettingInvalid: unusable,
  StoreFailed: refused,
  MoveRefused: refused
})

/** Tells of a refusal, for a person on stderr or as JSON on stdout. */
export const refuse = Effect.fn("cli.refuse")(function* (refusal: Refusal, json: boolean) {
  const screen = yield* Screen
  if (json) yield* screen.out(`${JSON.stringify(inJson(refusal))}\n`)
  else
    yield* screen.err(
      refusal._tag === "NeedsAnswers" ? questionsInWords(refusal) : `${refusal.code}: ${inCommands(refusal.message)}\n`
    )
  return exitCodeOf(refusal)
})

const inJson = (refusal: Refusal) => {
  if (refusal._tag !== "NeedsAnswers") return { error: { code: refusal.code, message: refusal.message } }
  return {
    status: "needs_clarification",
    retry_tool: "spawn_cloud_agent",
    questions: refusal.questions,
    available_runtimes: refusal.availableRuntimes
  } satisfies Clarification
}

const flags: Readonly<Record<string, string>> = {
  instruction: "an instruction, in quotes",
  runtime: "--runtime",
  account_profile: "--account-profile",
  runtimeArn: "--runtime-arn",
  ecrImageUri: "--ecr-image-uri",
  executionRoleArn: "--execution-role-arn"
}

const questionInWords = ({ choices, id, question }: Question): ReadonlyArray<string> => [
  `  ${question}`,
  ...(choices === undefined || choices.length === 0 ? [] : [`    choices: ${choices.join(", ")}`]),
  `    answer with: ${lookup(flags, id) ?? `"${id}" in --context-json`}`
]

const questionsInWords = ({ questions }: NeedsAnswers): string =>
  ["Nothing was dispatched. Answer first:", ...questions.flatMap(questionInWords)].join("\n").concat("\n")

const commands: Readonly<Record<string, string>> = {
  list_tasks: "`agentdispatch list`",
  get_task_status: "`agentdispatch status`",
  get_task_logs: "`agentdispatch logs`",
  get_task_result: "`agentdispatch result`",
  cancel_task: "`agentdispatch cancel`",
  idempotency_key: "--idempotency-key"
}

/** A message that advises a model, as advice for a shell. */
export const inCommands = (message: string): string =>
  Object.entries(commands).reduce((text, [tool, command]) => text.replaceAll(tool, command), message)
