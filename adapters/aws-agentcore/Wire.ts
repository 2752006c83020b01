import { Option, Schema } from "effect"
import { Json, type JsonObject } from "../../src/domain/Json.js"
import type { NewArtifact } from "../../src/domain/Task.js"

export type A2aVersion = "0.3" | "1.0"

/** The same five operations under the names of both versions. */
export const methods = {
  send: { "0.3": "message/send", "1.0": "SendMessage" },
  get: { "0.3": "tasks/get", "1.0": "GetTask" },
  cancel: { "0.3": "tasks/cancel", "1.0": "CancelTask" },
  list: { "1.0": "ListTasks" }
} as const

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true, nullable: true })

const Part = Schema.Struct({
  text: maybe(Schema.String),
  data: maybe(Json),
  /** v1.0 */
  url: maybe(Schema.String),
  mediaType: maybe(Schema.String),
  /** v0.3 */
  file: maybe(Schema.Struct({ uri: maybe(Schema.String), mimeType: maybe(Schema.String) }))
})

export const A2aMessage = Schema.Struct({
  messageId: maybe(Schema.String),
  parts: Schema.optionalWith(Schema.Array(Part), { default: () => [] }),
  contextId: maybe(Schema.String),
  taskId: maybe(Schema.String)
})
export type A2aMessage = typeof A2aMessage.Type

const A2aArtifact = Schema.Struct({
  name: maybe(Schema.String),
  parts: Schema.optionalWith(Schema.Array(Part), { default: () => [] })
})

export const A2aTask = Schema.Struct({
  id: Schema.String,
  contextId: maybe(Schema.String),
  status: Schema.Struct({ state: Schema.String, message: maybe(A2aMessage) }),
  artifacts: Schema.optionalWith(Schema.Array(A2aArtifact), { default: () => [], nullable: true }),
  /** The messages so far, of servers that keep them. */
  history: Schema.optionalWith(Schema.Array(Schema.Struct({ messageId: maybe(Schema.String) })), {
    default: () => [],
    nullable: true
  })
})
export type A2aTask = typeof A2aTask.Type

export const RpcReply = Schema.Struct({
  result: maybe(Json),
  error: maybe(Schema.Struct({ code: Schema.Number, message: Schema.String, data: maybe(Json) }))
})

export const ListReply = Schema.Struct({ tasks: Schema.optionalWith(Schema.Array(A2aTask), { default: () => [] }) })

/** What a send comes back with: work to watch, a message that is the whole answer, or something else. */
export type Sent =
  | { readonly kind: "task"; readonly task: A2aTask; readonly raw: Json }
  | { readonly kind: "message"; readonly message: A2aMessage; readonly raw: Json }
  | { readonly kind: "other"; readonly raw: Json }

const wrappedTask = Schema.decodeUnknownOption(Schema.Struct({ task: A2aTask }))
const wrappedMessage = Schema.decodeUnknownOption(Schema.Struct({ message: A2aMessage }))
const bareTask = Schema.decodeUnknownOption(A2aTask)
const bareMessage = Schema.decodeUnknownOption(Schema.Struct({ kind: Schema.Literal("message"), ...A2aMessage.fields }))

export const readSent = (raw: Json): Sent => {
  const task = Option.orElse(
    Option.map(wrappedTask(raw), (found) => found.task),
    () => bareTask(raw)
  )
  if (Option.isSome(task)) return { kind: "task", task: task.value, raw }
  const message = Option.orElse(
    Option.map(wrappedMessage(raw), (found) => found.message),
    () => bareMessage(raw)
  )
  return Option.isSome(message) ? { kind: "message", message: message.value, raw } : { kind: "other", raw }
}

/** Both versions' states by the names of 0.3, such as `input-required`. */
export const stateOf = ({ status }: A2aTask): string => {
  const state = status.state
    .replace(/^TASK_STATE_/, "")
    .toLowerCase()
    .replaceAll("_", "-")
  return state === "cancelled" ? "canceled" : state
}

export const textOfMessage = ({ parts }: Pick<A2aMessage, "parts">): string =>
  parts.flatMap(({ text }) => (text === undefined ? [] : [text])).join("\n")

export const textOfTask = ({ artifacts, status }: A2aTask): string => {
  const texts = artifacts.map(textOfMessage).filter((text) => text !== "")
  return texts.length > 0 ? texts.join("\n") : status.message === undefined ? "" : textOfMessage(status.message)
}

/** Files the agent left somewhere by address; what it put into its answer is in the result. */
export const filesOf = ({ artifacts }: A2aTask): ReadonlyArray<NewArtifact> =>
  artifacts.flatMap(({ parts }) =>
    parts.flatMap(({ url, mediaType, file }) => {
      const uri = url ?? file?.uri
      const contentType = mediaType ?? file?.mimeType
      return uri === undefined ? [] : [{ uri, kind: "a2a.file", ...(contentType === undefined ? {} : { contentType }) }]
    })
  )

/** One text as a message of either version. */
export const messageOf = (
  version: A2aVersion,
  given: {
    readonly messageId: string
    readonly text: string
    readonly contextId?: string | undefined
    readonly taskId?: string | undefined
    readonly metadata?: JsonObject | undefined
    /** The same for a program. */
    readonly data?: JsonObject | undefined
  }
): JsonObject => {
  const { messageId, text, contextId, taskId, metadata, data } = given
  const common = {
    messageId,
    ...(contextId === undefined ? {} : { contextId }),
    ...(taskId === undefined ? {} : { taskId }),
    ...(metadata === undefined ? {} : { metadata })
  }
  return version === "0.3"
    ? {
        message: {
          kind: "message",
          role: "user",
          parts: [{ kind: "text", text }, ...(data === undefined ? [] : [{ kind: "data", data }])],
          ...common
        },
        configuration: { blocking: false }
      }
    : {
        message: { role: "ROLE_USER", parts: [{ text }, ...(data === undefined ? [] : [{ data }])], ...common },
        configuration: { returnImmediately: true }
      }
}
