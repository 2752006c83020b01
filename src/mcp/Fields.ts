import { Schema } from "effect"
import { Json, JsonObject } from "../domain/Json.js"
import { Target, TargetMode } from "../domain/Task.js"

/** An optional argument with the text a model reads about it. */
export const optional = <A, I>(schema: Schema.Schema<A, I>, description?: string) =>
  Schema.optional(schema).annotations(description === undefined ? {} : { description })

const Text = Schema.String
const Variables = Schema.Record({ key: Schema.String, value: Schema.String })

/** No arguments; an empty struct would let every argument pass unread. */
export const none = JsonObject.pipe(
  Schema.filter((given) =>
    Object.keys(given).map((name) => ({ path: [name], message: "is not an argument of this tool: it takes none" }))
  )
).annotations({ jsonSchema: { type: "object", additionalProperties: false } })

export const taskId = Schema.String
export const waitSeconds = optional(
  Schema.Number.pipe(Schema.between(0, 50)),
  "Answer only when something changed or after so many seconds, 50 at most"
)
/** Its length is checked and not shown: a schema of it costs every conversation. */
const IdempotencyKey = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200)).annotations({
  jsonSchema: { type: "string" }
})
/** Explained where it is met first; what explains it again costs every conversation. */
const idempotencyKey = optional(
  IdempotencyKey,
  "Repeat it with the same call and you get the same task, not a second one"
)

const CallTarget = Schema.Struct({
  mode: Schema.optional(TargetMode),
  protocol: Schema.optional(Text),
  details: Schema.optional(JsonObject)
})

/** `Terms`, decoded below the edge; their parts are told in words, because a schema of them costs every conversation. */
const terms = optional(
  JsonObject,
  "priority (-9 to 9), queueSeconds, startSeconds, runSeconds, budget {runSeconds, costUsd}"
)

export const spawn = Schema.Struct({
  instruction: optional(Text, "The whole task in words; the agent sees nothing else of this conversation"),
  runtime: optional(Text, "Name of a runtime profile; without it the default one"),
  context: optional(JsonObject, "Facts the agent needs, as JSON"),
  protocol: optional(Text),
  framework: optional(Text, "Handed to the worker as it is"),
  model: optional(Schema.Union(Text, JsonObject)),
  runtime_tools: optional(JsonObject),
  runtimeArn: optional(Text),
  runtime_arn: optional(Text),
  ecrImageUri: optional(Text),
  ecr_image_uri: optional(Text),
  executionRoleArn: optional(Text),
  execution_role_arn: optional(Text),
  environmentVariables: optional(Variables),
  environment_variables: optional(Variables),
  provider: optional(Text),
  account_profile: optional(Text),
  target: optional(CallTarget),
  metadata: optional(JsonObject, "Kept with the task, not shown to the agent"),
  terms,
  parent_task_id: optional(Text, "Cancelled with this task"),
  depends_on: optional(Schema.Array(Text), "Tasks to succeed first"),
  idempotency_key: idempotencyKey
})

const Key = Schema.String.pipe(Schema.minLength(1), Schema.maxLength(100))

/** Each item is a call of `spawn_cloud_agent` under a key. */
const FanoutItem = Schema.Struct({ key: Key }, { key: Text, value: Json }).annotations({
  jsonSchema: { type: "object", required: ["key"] }
})

export const fanout = Schema.Struct({
  items: Schema.Array(FanoutItem).annotations({
    description: "Up to 50: a key each, with any arguments of spawn_cloud_agent; depends_on may name keys"
  }),
  shared: optional(JsonObject, "Arguments for every item"),
  parent_task_id: Schema.optional(Text),
  idempotency_key: Schema.optional(IdempotencyKey)
})

export const check = Schema.Struct({
  runtime: optional(Text, "Name of a runtime profile; without it the default one"),
  provider: optional(Text),
  account_profile: optional(Text),
  live: optional(Schema.Boolean, "Also ask the backend (default true); false only checks the config"),
  runtimeArn: optional(Text),
  runtime_arn: optional(Text),
  target: optional(CallTarget)
})

export const dispatch = Schema.Struct({
  provider: Text,
  account_profile: Text,
  capability: Text,
  backend: optional(Text),
  task_type: Schema.Literal("agent.run", "command.run"),
  target: Target,
  input: JsonObject,
  metadata: optional(JsonObject),
  terms: Schema.optional(JsonObject),
  idempotency_key: Schema.optional(IdempotencyKey)
})

export const unit = Schema.Struct({
  orguser: Schema.propertySignature(Text).annotations({ description: "The org-user that owns the repository" }),
  repo: Text,
  task_description: Schema.propertySignature(Text).annotations({
    description: "The whole brief, 8,000 characters at most"
  })
})
