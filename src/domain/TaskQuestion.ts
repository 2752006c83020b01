import { Either, Schema } from "effect"
import { defined, type Json, JsonObject } from "./Json.js"
import type { NewTaskEvent } from "./TaskEvent.js"

/** One field of an answer; flat and primitive, so that every MCP client can show it as a form. */
export const AnswerField = Schema.Struct({
  id: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(100)),
  type: Schema.Literal("string", "number", "integer", "boolean"),
  title: Schema.optional(Schema.String),
  choices: Schema.optional(Schema.Array(Schema.String)),
  default: Schema.optional(Schema.Union(Schema.String, Schema.Number, Schema.Boolean)),
  /** Left out means that it must be given. */
  optional: Schema.optional(Schema.Boolean)
})
export type AnswerField = typeof AnswerField.Type

/** A field as a worker may write it: one without a type is text. */
const AskedField = Schema.Struct({
  ...AnswerField.fields,
  type: Schema.optionalWith(AnswerField.fields.type, { default: () => "string" as const })
})

/** What a worker says when it cannot go on alone: the payload of its `task.input_required`. */
export const AskPayload = Schema.Struct({
  /** The worker's own name for the question; its answer comes back under it. */
  key: Schema.optional(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(100))),
  fields: Schema.optional(Schema.Array(AskedField).pipe(Schema.minItems(1), Schema.maxItems(20))),
  /** Short for one field `answer` with these choices; of a single field, its own. */
  choices: Schema.optional(Schema.Array(Schema.String)),
  default: Schema.optional(Schema.Union(Schema.String, Schema.Number, Schema.Boolean)),
  /** How long to wait for an answer; then the defaults are the answer, or the question is cancelled where one has none. */
  expiresSeconds: Schema.optional(Schema.Number.pipe(Schema.positive()))
})

/** `accept` carries the fields; `decline` is a no; `cancel` says that nobody answered. */
export const Answer = Schema.Struct({
  action: Schema.Literal("accept", "decline", "cancel"),
  content: Schema.optional(JsonObject)
})
export type Answer = typeof Answer.Type

/** A question a task is parked on; times are milliseconds since 1970. */
export const TaskQuestion = Schema.Struct({
  /** Unique over the task's life. */
  key: Schema.String,
  /** How the worker calls it. */
  workerKey: Schema.String,
  question: Schema.String,
  fields: Schema.Array(AnswerField),
  askedAt: Schema.Int,
  expiresAt: Schema.optional(Schema.Int),
  answer: Schema.optional(Answer),
  /** Who answered, as `Caller` names it, or `default`. */
  answeredBy: Schema.optional(Schema.String),
  answeredAt: Schema.optional(Schema.Int),
  /** The agent has the answer. */
  delivered: Schema.Boolean,
  /** Ours, not the agent's; its answer is for us. */
  askedBy: Schema.optional(Schema.Literal("dispatch"))
})
export type TaskQuestion = typeof TaskQuestion.Type

/** Nobody waits for ever. */
export const longestWaitSeconds = 7 * 24 * 3_600
export const usualWaitSeconds = 24 * 3_600

export const isOpen = ({ answer }: TaskQuestion): boolean => answer === undefined
export const isUndelivered = ({ answer, delivered }: TaskQuestion): boolean => answer !== undefined && !delivered

/** A question in a worker's words. */
export interface NewQuestion {
  readonly message?: string | undefined
  readonly payload?: Json | undefined
}

/** A worker's question as it is kept; a payload it got wrong still is a question that text can answer. */
export const ask = (asked: NewQuestion, known: ReadonlyArray<TaskQuestion>, now: number): TaskQuestion => {
  const {
    choices,
    default: preset,
    expiresSeconds,
    fields,
    key
  } = Either.getOrElse(Schema.decodeUnknownEither(AskPayload)(asked.payload ?? {}), (): typeof AskPayload.Type => ({}))
  const workerKey = key ?? `question-${known.length + 1}`
  const taken = new Set(known.map((question) => question.key))
  const free = taken.has(workerKey) ? `${workerKey}.${known.length + 1}` : workerKey
  const short = {
    ...(choices === undefined || choices.length === 0 ? {} : { choices }),
    ...(preset === undefined ? {} : { default: preset })
  }
  const wait = Math.min(expiresSeconds ?? usualWaitSeconds, longestWaitSeconds)
  return {
    key: free,
    workerKey,
    question: asked.message ?? "The agent asks for input.",
    fields:
      fields === undefined
        ? [
            {
              id: "answer",
              type: typeof preset === "boolean" ? "boolean" : typeof preset === "number" ? "number" : "string",
              ...short
            }
          ]
        : fields.map((field) => (fields.length === 1 ? { ...short, ...field } : field)),
    askedAt: now,
    expiresAt: now + Math.round(wait * 1000),
    delivered: false
  }
}

/** What a question is told by where nobody can answer it. */
export const unanswerable = (question: string | undefined): NewTaskEvent => ({
  type: "task.progress",
  message: `The agent asks, and cannot be answered from here: ${question ?? "it did not say what"}`
})

/** The question as a worker hands it on, under a key of its own. */
export const handedOn = ({ askedAt, expiresAt, fields, key, question }: TaskQuestion): NewTaskEvent => ({
  type: "task.input_required",
  message: question,
  payload: {
    key,
    fields: fields.map((field) => defined({ ...field })),
    ...(expiresAt === undefined ? {} : { expiresSeconds: (expiresAt - askedAt) / 1000 })
  }
})

/** The question as its task's journal tells it. */
export const asked = ({ key, question, fields, expiresAt }: TaskQuestion): NewTaskEvent => ({
  type: "task.input_required",
  message: question,
  payload: {
    key,
    fields: fields.map((field) => defined({ ...field })),
    ...(expiresAt === undefined ? {} : { expiresAt })
  }
})

export const answered = ({ key, answer, answeredBy }: TaskQuestion): NewTaskEvent => ({
  type: "task.answered",
  message: answer?.action ?? "cancel",
  payload: { key, by: answeredBy ?? "default" }
})

/** What an answer becomes when its time is over. */
export const byDefault = ({ fields }: TaskQuestion): Answer =>
  fields.every((field) => field.default !== undefined || field.optional === true)
    ? {
        action: "accept",
        content: Object.fromEntries(
          fields.flatMap((field) => (field.default === undefined ? [] : [[field.id, field.default]]))
        )
      }
    : { action: "cancel" }

/** The answer with defaults filled in, or what is wrong with it. */
export const check = (
  { fields }: TaskQuestion,
  given: Answer
): Either.Either<Answer, { readonly field: string; readonly problem: string }> => {
  if (given.action !== "accept") return Either.right({ action: given.action })
  const content: Record<string, string | number | boolean> = {}
  for (const field of fields) {
    const value =
      given.content !== undefined && Object.hasOwn(given.content, field.id) ? given.content[field.id] : undefined
    const settled = value ?? field.default
    if (settled === undefined) {
      if (field.optional === true) continue
      return Either.left({ field: field.id, problem: "is missing" })
    }
    const problem = misfit(field, settled)
    if (problem !== undefined) return Either.left({ field: field.id, problem })
    if (typeof settled === "string" || typeof settled === "number" || typeof settled === "boolean")
      content[field.id] = settled
  }
  return Either.right({ action: "accept", content })
}

const misfit = (field: AnswerField, value: Json): string | undefined => {
  const type = field.type === "integer" ? "number" : field.type
  if (typeof value !== type) return `must be a ${field.type}`
  if (field.type === "integer" && !Number.isInteger(value)) return "must be a whole number"
  return field.choices === undefined || (typeof value === "string" && field.choices.includes(value))
    ? undefined
    : `must be one of: ${field.choices.join(", ")}`
}

/** One field of a form, in the words of JSON Schema. */
type FormField = { title?: string } & (
  | { type: "string"; enum?: Array<string>; default?: string }
  | { type: "number" | "integer"; default?: number }
  | { type: "boolean"; default?: boolean }
)

/** The form as MCP's elicitation wants it. */
export interface FormSchema {
  type: "object"
  properties: Record<string, FormField>
  required: Array<string>
  [keyword: string]: unknown
}

export const requestedSchema = ({ fields }: Pick<TaskQuestion, "fields">): FormSchema => ({
  type: "object",
  properties: Object.fromEntries(fields.map((field) => [field.id, formField(field)])),
  required: fields.filter((field) => field.optional !== true).map((field) => field.id)
})

const formField = ({ choices, default: preset, title, type }: AnswerField): FormField => {
  const titled = title === undefined ? {} : { title }
  switch (type) {
    case "string":
      return {
        type,
        ...titled,
        ...(choices === undefined ? {} : { enum: [...choices] }),
        ...(typeof preset === "string" ? { default: preset } : {})
      }
    case "boolean":
      return { type, ...titled, ...(typeof preset === "boolean" ? { default: preset } : {}) }
    default:
      return { type, ...titled, ...(typeof preset === "number" ? { default: preset } : {}) }
  }
}
