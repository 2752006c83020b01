import { Either } from "effect"
import type { Question } from "./Clarification.js"
import { type Config, lookup } from "./Config.js"
import {
  AccountProfileNotFound,
  type AccountProviderMismatch,
  type AdapterNotFound,
  type AdapterUnsupported,
  type BackendNotFound,
  CapabilityNotConfigured,
  type CredentialRefused,
  InvalidInput,
  NeedsAnswers,
  type RuntimeProfileNotFound
} from "./DispatchError.js"
import { defined, type Json, type JsonObject } from "./Json.js"
import { chooseBackend, findSpec, onlyAccount, sameProvider, type World } from "./RoutingBackend.js"
import { finish, refuseCredential } from "./RoutingChecks.js"
import {
  answerNeeds,
  checkProtocol,
  firstMode,
  impliedMode,
  isBlank,
  mergeDetails,
  supports
} from "./RoutingDetails.js"
import { readTerms } from "./RoutingTerms.js"
import type { RoutedRequest, TargetMode, TaskType } from "./Task.js"

/** What a caller may say about where its work runs. */
export interface CallTarget {
  readonly mode?: TargetMode | undefined
  readonly protocol?: string | undefined
  readonly details?: JsonObject | undefined
}

/** The short form: an instruction, and whatever the caller wants otherwise than its profile says. */
export interface SpawnCall {
  readonly instruction?: string | undefined
  readonly runtime?: string | undefined
  readonly context?: JsonObject | undefined
  readonly protocol?: string | undefined
  readonly framework?: string | undefined
  readonly model?: string | JsonObject | undefined
  readonly runtimeTools?: JsonObject | undefined
  /** Details that have an input field of their own, such as `runtimeArn`. */
  readonly details?: JsonObject | undefined
  readonly provider?: string | undefined
  readonly accountProfile?: string | undefined
  readonly target?: CallTarget | undefined
  readonly metadata?: JsonObject | undefined
  readonly taskType?: TaskType | undefined
  /** For `command.run`: the executable and its arguments. */
  readonly command?: ReadonlyArray<string> | undefined
  /** `Terms`, not yet decoded. */
  readonly terms?: JsonObject | undefined
}

/** The long form: every part of the route by name. */
export interface DispatchCall {
  readonly provider: string
  readonly accountProfile: string
  readonly capability: string
  readonly backend?: string | undefined
  readonly taskType: TaskType
  readonly target: {
    readonly mode: TargetMode
    readonly protocol?: string | undefined
    readonly details?: JsonObject | undefined
  }
  readonly input: JsonObject
  readonly metadata?: JsonObject | undefined
  /** `Terms`, not yet decoded. */
  readonly terms?: JsonObject | undefined
}

export type RoutingError =
  | AccountProfileNotFound
  | AccountProviderMismatch
  | AdapterNotFound
  | AdapterUnsupported
  | BackendNotFound
  | CapabilityNotConfigured
  | CredentialRefused
  | InvalidInput
  | NeedsAnswers
  | RuntimeProfileNotFound

const instructionQuestion: Question = { id: "instruction", question: "What task should the cloud subagent run?" }

/** The short form as a routed request; precedence for every value is the call, the runtime profile, the defaults. */
export const routeSpawn = (world: World, call: SpawnCall): Either.Either<RoutedRequest, RoutingError> =>
  Either.gen(function* () {
    const { config, specs } = world
    const { defaults } = config
    const availableRuntimes = Object.keys(config.runtimes)
    const taskType = call.taskType ?? "agent.run"
    const questions: Array<Question> = []
    const ask = () => new NeedsAnswers({ questions, availableRuntimes })

    if (taskType === "agent.run" && isBlank(call.instruction)) questions.push(instructionQuestion)

    const runtime = call.runtime ?? defaults.runtime ?? impliedRuntime(config, call)
    if (runtime === undefined && isOpen(config, call) && availableRuntimes.length > 0) {
      questions.push({ id: "runtime", question: "Which runtime profile should run this?", choices: availableRuntimes })
      return yield* Either.left(ask())
    }
    const profile = runtime === undefined ? undefined : lookup(config.runtimes, runtime)
    if (runtime !== undefined && profile === undefined) {
      questions.push({
        id: "runtime",
        question: `There is no runtime profile "${runtime}". Which one should run this?`,
        choices: availableRuntimes
      })
      return yield* Either.left(ask())
    }

    const accountName =
      call.accountProfile ?? profile?.account ?? defaults.accountProfile ?? onlyAccount(config, call.provider)
    const account = accountName === undefined ? undefined : lookup(config.accounts, accountName)
    if (accountName === undefined || account === undefined) {
      questions.push({
        id: "account_profile",
        question:
          accountName === undefined
            ? "Which account profile should this run under?"
            : `There is no account profile "${accountName}". Which one should this run under?`,
        choices: Object.keys(config.accounts)
      })
      return yield* Either.left(ask())
    }

    const provider = call.provider ?? profile?.provider ?? account.provider
    yield* sameProvider(accountName, account, provider)
    const capability = profile?.capability ?? defaults.capability ?? "agent-runtime"
    const { backend, name } = yield* chooseBackend(world, {
      accountName,
      account,
      preferred: [profile?.backend, defaults.backend]
    })
    const spec = yield* findSpec(specs, backend.adapter)
    const mode =
      call.target?.mode ??
      impliedMode(spec, call.details) ??
      profile?.target?.mode ??
      defaults.targetMode ??
      firstMode(spec)
    yield* supports(spec, taskType, mode)

    const caller = { ...call.target?.details, ...call.details }
    yield* refuseCredential("target.details", caller, world.secretIn)
    const details = yield* mergeDetails(spec, [backend.details, profile?.target?.details], caller)
    const protocol = yield* checkProtocol(
      spec,
      call.protocol ??
        call.target?.protocol ??
        profile?.protocol ??
        profile?.target?.protocol ??
        textOf(details["protocol"]) ??
        defaults.protocol
    )

    const supplied = { ...call.metadata, ...call.context, ...caller, instruction: call.instruction ?? null }
    for (const id of profile?.requiredInputs ?? []) {
      if (isBlank(lookup<Json>(supplied, id)) && !questions.some((question) => question.id === id)) {
        questions.push({
          id,
          question: `The runtime profile "${runtime}" needs "${id}" (put it in context). What is it?`
        })
      }
    }
    const answered = answerNeeds(world, spec, mode, taskType, details)
    questions.push(...answered.questions.filter((question) => !questions.some((other) => other.id === question.id)))
    if (questions.length > 0) return yield* Either.left(ask())

    const terms = yield* readTerms(call.terms, profile?.terms, defaults.terms)
    const input = defined({
      instruction: call.instruction,
      command: call.command,
      context: call.context,
      framework: call.framework ?? profile?.framework ?? defaults.framework,
      model: call.model ?? profile?.model ?? defaults.model,
      runtimeTools: call.runtimeTools ?? profile?.runtimeTools ?? defaults.runtimeTools
    })
    return yield* finish(
      {
        ...(runtime === undefined ? {} : { runtime }),
        provider,
        accountProfile: accountName,
        account: defined({ ...account, details: account.details }),
        capability,
        backend: name,
        adapter: spec.name,
        taskType,
        target: {
          mode,
          ...(protocol === undefined ? {} : { protocol }),
          ...(Object.keys(caller).length === 0 ? {} : { details: caller })
        },
        details: answered.details,
        input,
        ...(profile?.metadata === undefined && call.metadata === undefined
          ? {}
          : { metadata: { ...profile?.metadata, ...call.metadata } }),
        ...(terms === undefined ? {} : { terms })
      },
      call.context === undefined ? [] : [["context", call.context]],
      world.secretIn
    )
  })

/** The long form as a routed request; nothing is asked, everything that is wrong is an error. */
export const routeDispatch = (world: World, call: DispatchCall): Either.Either<RoutedRequest, RoutingError> =>
  Either.gen(function* () {
    const { config, specs } = world
    const account = lookup(config.accounts, call.accountProfile)
    if (account === undefined) {
      return yield* Either.left(
        new AccountProfileNotFound({ name: call.accountProfile, known: Object.keys(config.accounts) })
      )
    }
    yield* sameProvider(call.accountProfile, account, call.provider)
    const offers = specs.filter((spec) => spec.provider === call.provider && spec.capability === call.capability)
    if (offers.length === 0) {
      return yield* Either.left(
        new CapabilityNotConfigured({
          provider: call.provider,
          capability: call.capability,
          taskType: call.taskType,
          targetMode: call.target.mode,
          known: specs.map((spec) => `${spec.provider}/${spec.capability}`)
        })
      )
    }
    const { backend, name } = yield* chooseBackend(world, {
      accountName: call.accountProfile,
      account,
      preferred: [],
      ...(call.backend === undefined ? {} : { wanted: call.backend })
    })
    const spec = yield* findSpec(specs, backend.adapter)
    yield* supports(spec, call.taskType, call.target.mode)
    const caller = call.target.details ?? {}
    yield* refuseCredential("target.details", caller, world.secretIn)
    const details = yield* mergeDetails(spec, [backend.details], caller)
    const protocol = yield* checkProtocol(spec, call.target.protocol ?? textOf(details["protocol"]))
    const answered = answerNeeds(world, spec, call.target.mode, call.taskType, details)
    const unanswered = answered.questions[0]
    if (unanswered !== undefined) {
      return yield* Either.left(
        new InvalidInput({ path: `target.details.${unanswered.id}`, problem: `is missing. ${unanswered.question}` })
      )
    }
    if (call.taskType === "agent.run" && isBlank(call.input["instruction"])) {
      return yield* Either.left(
        new InvalidInput({ path: "input.instruction", problem: "is missing or blank; say what the agent should do" })
      )
    }
    const terms = yield* readTerms(call.terms, undefined, config.defaults.terms)
    return yield* finish(
      {
        provider: call.provider,
        accountProfile: call.accountProfile,
        account: defined({ ...account, details: account.details }),
        capability: call.capability,
        backend: name,
        adapter: spec.name,
        taskType: call.taskType,
        target: {
          mode: call.target.mode,
          ...(protocol === undefined ? {} : { protocol }),
          ...(call.target.details === undefined ? {} : { details: call.target.details })
        },
        details: answered.details,
        input: call.input,
        ...(call.metadata === undefined ? {} : { metadata: call.metadata }),
        ...(terms === undefined ? {} : { terms })
      },
      [["input", call.input]],
      world.secretIn
    )
  })

const textOf = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined)

/** A call that names no other part of its route leaves the choice to a runtime profile. */
const isOpen = ({ defaults }: Config, call: SpawnCall): boolean =>
  [call.accountProfile, call.provider, call.target, defaults.accountProfile, defaults.backend].every(
    (part) => part === undefined
  ) && Object.keys(call.details ?? {}).length === 0

const impliedRuntime = (config: Config, call: SpawnCall): string | undefined => {
  const names = Object.keys(config.runtimes)
  return isOpen(config, call) && names.length === 1 ? names[0] : undefined
}
