import type { Options } from "@effect/cli"
import { Effect } from "effect"
import { lookup } from "../domain/Config.js"
import { InvalidInput } from "../domain/DispatchError.js"
import { defined, type JsonObject } from "../domain/Json.js"
import type { DispatchCall, SpawnCall } from "../domain/Routing.js"
import { TargetMode, TaskType } from "../domain/Task.js"
import { Settings } from "../services/Settings.js"
import * as Flags from "./Flags.js"
import { jsonObjectFlag, modelFlag, variables } from "./JsonFlag.js"
import { UsageInvalid } from "./Refusal.js"

const longestWait = 7 * 24 * 3_600_000

export const waitFlags = {
  wait: Flags.flag("wait", "Wait for the end, then print the result"),
  timeoutMs: Flags.number(
    "timeout-ms",
    1,
    longestWait,
    "With --wait: wait so many milliseconds; the task goes on after that"
  )
}

export const runFlags = {
  runtime: Flags.text("runtime", "The runtime profile"),
  instruction: Flags.text("instruction", "The whole task in words; may also stand without the flag"),
  contextJson: Flags.text("context-json", "Facts the agent needs, a JSON object"),
  command: Flags.text(
    "command",
    "For command.run: one executable; its arguments follow after --, and no shell sees them"
  ),
  provider: Flags.text("provider", "The provider"),
  accountProfile: Flags.text("account-profile", "The account profile"),
  capability: Flags.text("capability", "With --provider and --account-profile instead of --runtime: the route by name"),
  taskType: Flags.choice("task-type", TaskType.literals, "agent.run, or command.run, which --command implies"),
  targetMode: Flags.choice("target-mode", TargetMode.literals, "session or runtime"),
  protocol: Flags.text("protocol", "How the agent is spoken to"),
  framework: Flags.text("framework", "Handed to the worker as it is"),
  modelJson: Flags.text("model-json", "A model, as a JSON string or object"),
  runtimeToolsJson: Flags.text("runtime-tools-json", "A JSON object, handed to the worker as it is"),
  runtimeArn: Flags.text("runtime-arn", "AgentCore: the runtime to run a session on"),
  ecrImageUri: Flags.text("ecr-image-uri", "AgentCore: the image to make a runtime of"),
  executionRoleArn: Flags.text("execution-role-arn", "AgentCore: the role of that runtime"),
  env: Flags.texts("env", "NAME=VALUE", "A variable of that runtime; may be repeated"),
  cleanupAfterTask: Flags.flag("cleanup-after-task", "Delete a runtime made for the task also when it speaks a2a"),
  targetDetailsJson: Flags.text("target-details-json", "More target details, a JSON object"),
  metadataJson: Flags.text("metadata-json", "A JSON object kept with the task, not shown to the agent"),
  termsJson: Flags.text(
    "terms-json",
    "Limits as a JSON object: priority, queueSeconds, startSeconds, runSeconds, budget"
  ),
  parentTaskId: Flags.text("parent-task-id", "The task it is a part of; cancelled with it"),
  dependsOn: Flags.texts("depends-on", "TASK_ID", "A task that must succeed first; may be repeated"),
  idempotencyKey: Flags.text("idempotency-key", "The same key with the same call is the same task")
}

type Values<T> = { readonly [K in keyof T]: T[K] extends Options.Options<infer A> ? A : never }
export type RunFlags = Values<typeof runFlags>

/** The call a command line describes: the short form, or the long one if the capability is named and no profile is. */
export type Call =
  | { readonly form: "spawn"; readonly call: SpawnCall }
  | { readonly form: "dispatch"; readonly call: DispatchCall }

/** `words` stand before `--`, `tail` behind it. */
export const callOf = Effect.fn("cli.callOf")(function* (
  given: RunFlags,
  words: ReadonlyArray<string>,
  tail: ReadonlyArray<string>
) {
  const { command: executable } = given
  const command = executable === undefined ? undefined : [executable, ...tail]
  const instruction = yield* instructionOf(given.instruction, words, executable === undefined ? tail : [])
  const taskType = given.taskType ?? (command === undefined ? "agent.run" : "command.run")
  if (command !== undefined && taskType !== "command.run") {
    return yield* new UsageInvalid({ problem: "--command belongs to --task-type command.run." })
  }
  if (command === undefined && taskType === "command.run") {
    return yield* new UsageInvalid({
      problem: "--task-type command.run needs --command EXECUTABLE, and its arguments after --."
    })
  }
  const details = yield* detailsOf(given)
  const context = yield* jsonObjectFlag("--context-json", given.contextJson)
  const model = yield* modelFlag("--model-json", given.modelJson)
  const runtimeTools = yield* jsonObjectFlag("--runtime-tools-json", given.runtimeToolsJson)
  const metadata = yield* jsonObjectFlag("--metadata-json", given.metadataJson)
  const terms = yield* jsonObjectFlag("--terms-json", given.termsJson)
  const { accountProfile, capability, framework, protocol, provider, runtime } = given

  if (capability !== undefined && runtime === undefined) {
    if (provider === undefined || accountProfile === undefined) {
      return yield* new UsageInvalid({
        problem:
          "--capability names a route together with --provider and --account-profile; add them, or use --runtime alone."
      })
    }
    return {
      form: "dispatch",
      call: {
        provider,
        accountProfile,
        capability,
        taskType,
        target: { mode: given.targetMode ?? "session", protocol, ...(details === undefined ? {} : { details }) },
        input: defined({ instruction, command, context, framework, model, runtimeTools }),
        metadata,
        terms
      }
    } satisfies Call
  }
  if (capability !== undefined && runtime !== undefined) yield* offers(runtime, capability)
  return {
    form: "spawn",
    call: {
      instruction,
      command,
      taskType,
      runtime,
      provider,
      accountProfile,
      context,
      protocol,
      framework,
      model,
      runtimeTools,
      metadata,
      terms,
      details,
      ...(given.targetMode === undefined ? {} : { target: { mode: given.targetMode } })
    }
  } satisfies Call
})

const instructionOf = Effect.fn("cli.instructionOf")(function* (
  flag: string | undefined,
  words: ReadonlyArray<string>,
  tail: ReadonlyArray<string>
) {
  const [first, second] = [...words, ...tail]
  if (second !== undefined) {
    return yield* new UsageInvalid({
      problem: `"${second}" is one word too many; put the instruction in quotes, as one word.`
    })
  }
  if (first !== undefined && flag !== undefined) {
    return yield* new UsageInvalid({
      problem: "There are two instructions, one with --instruction and one without; give one."
    })
  }
  return flag ?? first
})

const detailsOf = Effect.fn("cli.detailsOf")(function* (given: RunFlags) {
  const more = yield* jsonObjectFlag("--target-details-json", given.targetDetailsJson)
  const own = defined({
    runtimeArn: given.runtimeArn,
    ecrImageUri: given.ecrImageUri,
    executionRoleArn: given.executionRoleArn,
    environmentVariables: yield* variables("--env", given.env),
    cleanupAfterTask: given.cleanupAfterTask ? true : undefined
  })
  const twice = Object.keys(own).find((name) => more !== undefined && Object.hasOwn(more, name))
  if (twice !== undefined) {
    return yield* new InvalidInput({
      path: "--target-details-json",
      problem: `has "${twice}", which a flag of its own gives as well; give it once`
    })
  }
  const details: JsonObject = { ...more, ...own }
  return Object.keys(details).length === 0 ? undefined : details
})

/** A profile names its capability, so a capability beside it can only agree. */
const offers = Effect.fn("cli.offers")(function* (runtime: string, capability: string) {
  const { config } = yield* Settings
  const profile = lookup(config.runtimes, runtime)
  if (profile !== undefined && profile.capability !== capability) {
    return yield* new InvalidInput({
      path: "--capability",
      problem: `is "${capability}", but runtime profile "${runtime}" offers "${profile.capability}"`
    })
  }
})
