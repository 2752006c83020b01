import { Schema } from "effect"
import { encodeText, type Json, type JsonObject } from "../../domain/Json.js"
import type { WorkerState } from "../../domain/WorkerProtocol.js"

/** The two dialects of A2A; they differ in the spelling of everything. */
export type Dialect = "0.3" | "1.0"

/** A part of a message or an artifact. */
export type Part =
  | { readonly text: string }
  | { readonly data: Json }
  | { readonly raw: string; readonly name: string; readonly mediaType?: string | undefined }
  | { readonly url: string; readonly name: string; readonly mediaType?: string | undefined }

/** A task as A2A sees it. */
export interface A2aTask {
  readonly id: string
  readonly contextId: string
  readonly state: WorkerState
  /** When it came to this state, in milliseconds since 1970. */
  readonly at: number
  readonly message?: string | undefined
  /** What the work asks, where it waits for an answer. */
  readonly question?: { readonly key: string; readonly payload: Json } | undefined
  readonly artifacts: ReadonlyArray<{ readonly name: string; readonly part: Part }>
  readonly metadata: JsonObject
}

const state: Readonly<Record<Exclude<WorkerState, "unknown">, string>> = {
  accepted: "submitted",
  running: "working",
  input_required: "input-required",
  succeeded: "completed",
  failed: "failed",
  cancelled: "canceled",
  expired: "failed",
  interrupted: "failed"
}

/** A state's name in a dialect. */
export const stateName = (dialect: Dialect, of: WorkerState): string => {
  const name = of === "unknown" ? "unknown" : state[of]
  if (dialect === "0.3") return name
  return of === "unknown" ? "TASK_STATE_UNSPECIFIED" : `TASK_STATE_${name.toUpperCase().replace("-", "_")}`
}

/** A task in a dialect's words. */
export const taskIn = (dialect: Dialect, task: A2aTask): JsonObject => ({
  ...(dialect === "0.3" ? { kind: "task" } : {}),
  id: task.id,
  contextId: task.contextId,
  status: {
    state: stateName(dialect, task.state),
    timestamp: new Date(task.at).toISOString(),
    ...(task.message === undefined
      ? {}
      : {
          message: {
            ...(dialect === "0.3" ? { kind: "message", role: "agent" } : { role: "ROLE_AGENT" }),
            messageId: `${task.id}-${task.question?.key ?? "status"}`,
            taskId: task.id,
            contextId: task.contextId,
            parts: [
              partIn(dialect, { text: task.message }),
              ...(task.question === undefined ? [] : [partIn(dialect, { data: task.question.payload })])
            ]
          }
        })
  },
  ...(task.artifacts.length === 0
    ? {}
    : {
        artifacts: task.artifacts.map(({ name, part }, index) => ({
          artifactId: `${task.id}-${index}`,
          name,
          parts: [partIn(dialect, part)]
        }))
      }),
  metadata: task.metadata
})

const partIn = (dialect: Dialect, part: Part): JsonObject => {
  const old = dialect === "0.3"
  if ("text" in part) return { ...(old ? { kind: "text" } : {}), text: part.text }
  if ("data" in part) return { ...(old ? { kind: "data" } : {}), data: part.data }
  const type = part.mediaType === undefined ? {} : { [old ? "mimeType" : "mediaType"]: part.mediaType }
  const content = "raw" in part ? { [old ? "bytes" : "raw"]: part.raw } : { [old ? "uri" : "url"]: part.url }
  return old
    ? { kind: "file", file: { name: part.name, ...type, ...content } }
    : { filename: part.name, ...type, ...content }
}

/** A result as a part that both dialects can carry: only an object is data in the older one. */
export const resultPart = (value: Json): Part => {
  if (typeof value === "string") return { text: value }
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? { data: value }
    : { text: encodeText(value) }
}

const Text = Schema.NonEmptyString
/** What both dialects have in a message; the newer one omits `kind`. */
export const IncomingMessage = Schema.Struct({
  messageId: Text,
  contextId: Schema.optional(Schema.String),
  taskId: Schema.optional(Schema.String),
  parts: Schema.NonEmptyArray(
    Schema.Struct({ text: Schema.optional(Schema.String), data: Schema.optional(Schema.Unknown) })
  ),
  metadata: Schema.optional(Schema.Unknown)
})
export type IncomingMessage = typeof IncomingMessage.Type
