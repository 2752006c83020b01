import { Schema } from "effect"
import { TargetMode, TaskType } from "../src/domain/Task.js"
import { DetailField, FieldName, optional, required, text } from "./Field.js"

const ErrorName = Schema.String.pipe(
  Schema.pattern(/^[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*$/, {
    description: "lower-case words joined by '_', such as not_ready"
  })
)

const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: () => NoInfer<A>, description: string) =>
  Schema.optionalWith(schema, { exact: true, default: value }).annotations({ description })

const fields = Schema.Record({ key: FieldName, value: DetailField })

const FieldGroup = Schema.Struct({ fields: withDefault(fields, () => ({}), "Each field by its name.") })

const Need = Schema.Struct({
  id: required(text, "The input field that answers; also the detail it fills."),
  question: required(text, "What to ask when nobody said it."),
  modes: optional(
    Schema.NonEmptyArray(TargetMode),
    "Asked for in these target modes; all of the adapter's if left out."
  ),
  taskTypes: optional(
    Schema.NonEmptyArray(TaskType),
    "Asked for in these task types; all of the adapter's if left out."
  ),
  environment: optional(text, "An environment variable of the server that may answer.")
})

const Failure = Schema.Struct({
  code: optional(text, "The code callers see; <adapter>.<error> with '_' for '-' if left out."),
  retryable: required(Schema.Boolean, "Whether trying again later may help."),
  delivery: required(
    Schema.Literal("none", "unknown", "done"),
    "What a start that failed like this did: the far side never got it, nobody knows, or it got it."
  ),
  message: required(text, "What happened and what to do next; {field} is filled in."),
  fields: withDefault(
    Schema.Record({ key: FieldName, value: Schema.Literal("string", "int", "number", "boolean", "string[]", "json") }),
    () => ({}),
    "The facts the error carries, each with its type."
  )
})
export type Failure = typeof Failure.Type

export const Entry = Schema.Struct({
  title: required(text, "What people call it."),
  provider: required(text, "The provider its accounts belong to."),
  capability: required(
    Schema.Literal("agent-runtime", "service-deploy", "job-runner", "container-task", "workflow-runner"),
    "What it offers."
  ),
  taskTypes: required(Schema.NonEmptyArray(TaskType), "The kinds of work it takes."),
  targetModes: required(Schema.NonEmptyArray(TargetMode), "Where work can run."),
  protocols: withDefault(Schema.Array(text), () => [], "How its agents can be spoken to."),
  start: required(
    Schema.Literal("idempotent", "probe", "once"),
    "What a repeated start does: nothing, unknown but it can be asked, or perhaps a second run."
  ),
  transport: required(Schema.Literal("process", "http", "sdk"), "How it is reached."),
  placement: withDefault(
    Schema.Literal("anywhere", "host"),
    () => "anywhere" as const,
    "host: its work can only be started, seen and stopped from the machine that accepted it."
  ),
  maxConcurrent: required(
    Schema.Int.pipe(Schema.positive()),
    "How many tasks of one backend may be under way at once."
  ),
  built: withDefault(Schema.Boolean, () => true, "false: declared, but its Adapter.ts is not part of this build."),
  account: withDefault(FieldGroup, () => ({ fields: {} }), "What an account's details may hold."),
  details: withDefault(FieldGroup, () => ({ fields: {} }), "What a backend's and a target's details may hold."),
  needs: withDefault(Schema.Array(Need), () => [], "What a request must bring, and the question that asks for it."),
  errors: withDefault(Schema.Record({ key: ErrorName, value: Failure }), () => ({}), "The ways it can fail.")
})
export type Entry = typeof Entry.Type
