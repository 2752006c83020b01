import { Effect, Schema } from "effect"
import { Clarification } from "../domain/Clarification.js"
import { InvalidInput } from "../domain/DispatchError.js"
import { defined, JsonObject } from "../domain/Json.js"
import type { DispatchCall, SpawnCall } from "../domain/Routing.js"
import { TaskHandle } from "../domain/TaskView.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import { Preflight } from "../dispatch/Preflight.js"
import * as Fields from "./Fields.js"
import * as Reply from "./Reply.js"
import { type CallContext, tool } from "./Tool.js"

/**
 * A handle, or what is still to be answered; one object, because older clients refuse a choice at the root. What is for
 * reading alone has no schema of its parts: every conversation would carry it.
 */
const HandleOrClarification = Schema.Struct({
  status: Schema.String,
  taskId: Schema.optional(TaskHandle.fields.taskId),
  provider: Schema.optional(TaskHandle.fields.provider),
  accountProfile: Schema.optional(TaskHandle.fields.accountProfile),
  capability: Schema.optional(TaskHandle.fields.capability),
  backend: Schema.optional(TaskHandle.fields.backend),
  poll: Schema.optional(JsonObject),
  cloudAgent: TaskHandle.fields.cloudAgent,
  retry_tool: Schema.optional(Clarification.fields.retry_tool),
  questions: Schema.optional(Schema.Array(JsonObject)),
  available_runtimes: Schema.optional(Clarification.fields.available_runtimes)
})

/** The two spellings of one argument are one detail; both at once must agree. */
const either = (name: string, camel: string | undefined, snake: string | undefined) =>
  camel !== undefined && snake !== undefined && camel !== snake
    ? new InvalidInput({ path: name, problem: "is given in two spellings with two values; give one" })
    : Effect.succeed(camel ?? snake)

/** A call whose transport repeats it is still one call. */
export const keyOf = (given: string | undefined, { toolUseId }: CallContext) =>
  given ?? (toolUseId === undefined ? undefined : `tool-use:${toolUseId}`)

export const spawnCallOf = Effect.fnUntraced(function* (args: typeof Fields.spawn.Type) {
  return {
    instruction: args.instruction,
    runtime: args.runtime,
    context: args.context,
    protocol: args.protocol,
    framework: args.framework,
    model: args.model,
    runtimeTools: args.runtime_tools,
    provider: args.provider,
    accountProfile: args.account_profile,
    target: args.target,
    metadata: args.metadata,
    terms: args.terms,
    details: defined({
      runtimeArn: yield* either("runtimeArn", args.runtimeArn, args.runtime_arn),
      ecrImageUri: yield* either("ecrImageUri", args.ecrImageUri, args.ecr_image_uri),
      executionRoleArn: yield* either("executionRoleArn", args.executionRoleArn, args.execution_role_arn),
      environmentVariables: args.environmentVariables ?? args.environment_variables
    })
  } satisfies SpawnCall
})

export const dispatchCallOf = (args: typeof Fields.dispatch.Type): DispatchCall => ({
  provider: args.provider,
  accountProfile: args.account_profile,
  capability: args.capability,
  backend: args.backend,
  taskType: args.task_type,
  target: args.target,
  input: args.input,
  metadata: args.metadata,
  terms: args.terms
})

export const spawnCloudAgent = tool(
  {
    title: "Spawn a background agent",
    description:
      "Hands a long piece of work to a background or cloud agent and returns its durable taskId at once; the work goes on without you, also after a restart. Then ask get_task_status, get_task_logs or get_task_result. If something is missing you get questions: answer them as arguments of a second call.",
    readOnly: false,
    idempotent: false
  },
  Fields.spawn,
  HandleOrClarification,
  (args, context) =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const handle = yield* dispatch.spawn(yield* spawnCallOf(args), {
        idempotencyKey: keyOf(args.idempotency_key, context),
        relatives: { parent: args.parent_task_id, dependsOn: args.depends_on }
      })
      return Reply.value(handle)
    })
)

export const dispatchTask = tool(
  {
    title: "Dispatch a task",
    description:
      "Like spawn_cloud_agent with every part of the route named: provider, account, capability, backend, task type, target and input. For command.run the input is {command: [executable, ...arguments]}.",
    readOnly: false,
    idempotent: false
  },
  Fields.dispatch,
  TaskHandle,
  (args, context) =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const handle = yield* dispatch.dispatch(dispatchCallOf(args), {
        idempotencyKey: keyOf(args.idempotency_key, context)
      })
      return Reply.value(handle)
    })
)

const Report = Schema.Struct({
  ok: Schema.Boolean,
  runtime: Schema.optional(Schema.String),
  provider: Schema.optional(Schema.String),
  account_profile: Schema.optional(Schema.String),
  backend: Schema.optional(Schema.String),
  adapter: Schema.optional(Schema.String),
  target_mode: Schema.optional(Schema.String),
  checks: Schema.Array(
    Schema.Struct({ name: Schema.String, status: Schema.Literal("pass", "warn", "fail"), message: Schema.String })
  )
})

export const checkCloudAgentRuntime = tool(
  {
    title: "Check a runtime",
    description:
      "Finds out before spawning whether a runtime profile is ready: config, account, backend. Starts nothing.",
    readOnly: true,
    idempotent: true
  },
  Fields.check,
  Report,
  (args) =>
    Effect.gen(function* () {
      const preflight = yield* Preflight
      const report = yield* preflight.check(
        {
          runtime: args.runtime,
          provider: args.provider,
          accountProfile: args.account_profile,
          target: args.target,
          details: defined({ runtimeArn: yield* either("runtimeArn", args.runtimeArn, args.runtime_arn) })
        },
        args.live ?? true
      )
      return Reply.value(report)
    })
)
