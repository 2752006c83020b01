import { Either, Option, Schema } from "effect"
import { Json, JsonObject, JsonText } from "../../domain/Json.js"
import { Answer, type TaskQuestion } from "../../domain/TaskQuestion.js"
import { WorkerPayload } from "../../domain/WorkerProtocol.js"
import type { IncomingMessage } from "./A2aWords.js"

const { taskType } = WorkerPayload.fields

/** What a data part may bring beside the text. */
const Extra = Schema.Struct({
  taskType: Schema.optionalWith(taskType, { default: () => "agent.run" as const }),
  input: Schema.optionalWith(Json, { default: () => ({}) }),
  prompt: Schema.optional(Schema.String),
  context: Schema.optional(Json),
  framework: Schema.optional(Schema.String)
})

const readable = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(Schema.UndefinedOr(schema).annotations({ decodingFallback: () => Either.right(undefined) }))

/** The contract's payload as a dispatcher puts it beside the text; the same names may mean something else to others. */
const Beside = Schema.Struct({
  taskType: readable(taskType),
  input: readable(JsonObject),
  metadata: readable(JsonObject),
  context: readable(JsonObject),
  framework: readable(Schema.String)
})

const decodeAnswer = Schema.decodeUnknownOption(Answer)
const decodeExtra = Schema.decodeUnknownOption(Extra)
const decodeBeside = Schema.decodeUnknownOption(Beside)
const decodeObject = Schema.decodeUnknownOption(JsonObject)

/** The text of a message. */
export const textOf = ({ parts }: IncomingMessage): string =>
  parts.flatMap(({ text }) => (text === undefined ? [] : [text])).join("\n")

/**
 * The work that a message asks for: its data part's, else its metadata's, else its text alone. Nothing if it has a data
 * part of another shape; metadata of another shape is only handed on.
 */
export const payloadOf = (message: IncomingMessage): Option.Option<WorkerPayload> => {
  const text = textOf(message)
  const prompt = text === "" ? {} : { prompt: text }
  const metadata = Option.getOrUndefined(decodeObject(message.metadata))
  const data = message.parts.find((part) => part.data !== undefined)?.data
  if (data !== undefined || metadata === undefined) {
    const handedOn = metadata === undefined ? {} : { metadata }
    return Option.map(decodeExtra(data ?? {}), (extra) => ({ ...extra, ...prompt, ...handedOn }))
  }
  return Option.map(decodeBeside(metadata), (beside) => ({
    taskType: beside.taskType ?? "agent.run",
    input: readableInput(beside.input ?? {}),
    metadata: beside.metadata ?? metadata,
    ...(beside.context === undefined ? {} : { context: beside.context }),
    ...(beside.framework === undefined ? {} : { framework: beside.framework }),
    ...prompt
  }))
}

/** What a message answers a question with: its data part, else its text as the question's first field. */
export const answerIn = (message: IncomingMessage, { fields }: Pick<TaskQuestion, "fields">): Answer => {
  const data = message.parts.find((part) => part.data !== undefined)?.data
  const text = textOf(message)
  const [field] = fields
  return Option.getOrElse(decodeAnswer(data), () => ({
    action: "accept",
    content: field === undefined ? {} : { [field.id]: field.type === "string" ? text : literal(text) }
  }))
}

/** A number or a truth value that is written as text. */
const literal = (text: string): Json => Option.getOrElse(Schema.decodeOption(JsonText)(text.trim()), () => text)

/** The members of `input` that a worker reads itself, in the shape it needs. */
const shapes = new Map<string, (value: unknown) => boolean>([
  ["framework", Schema.is(Schema.String)],
  ["instruction", Schema.is(Schema.String)],
  ["context", Schema.is(JsonObject)]
])

const readableInput = (input: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(input).filter(([name, value]) => shapes.get(name)?.(value) ?? true))
