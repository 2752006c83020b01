import { Either, Option, Schema } from "effect"
import { type Json, JsonObject } from "./Json.js"
import type { NewArtifact } from "./Task.js"
import { WorkerEvent, WorkerResponse } from "./WorkerEvent.js"

/** Text for the log, or an event. */
export type Told = { readonly log: string } | WorkerEvent

/** What a line on stdout comes to. */
export interface Said {
  readonly entries: ReadonlyArray<Told>
  readonly artifacts: ReadonlyArray<NewArtifact>
  /** It says how the work went. */
  readonly answers: boolean
}

/** How the work went, in the worker's words. */
export type Answer =
  | { readonly ok: true; readonly result?: Json }
  | { readonly ok: false; readonly message: string; readonly error?: Json; readonly result?: Json }

const decodeObject = Schema.decodeEither(Schema.parseJson(JsonObject))
const decodeEvent = Schema.decodeUnknownOption(WorkerEvent)
const decodeResponse = Schema.decodeUnknownOption(WorkerResponse)

/** Reads one whole line of stdout: a worker's event or response, else nothing. Lines about other tasks are not ours. */
export const understand = (line: string, taskId: string): Said | undefined => {
  const spoken = parse(line, taskId)
  if (spoken === undefined) return undefined
  const events = "ok" in spoken ? spoken.events : [spoken]
  const answers = "ok" in spoken || spoken.type === "task.result" || spoken.type === "task.failed"
  if (!("ok" in spoken))
    return { entries: [tellable.has(spoken.type) ? spoken : { log: `${line}\n` }], artifacts: [], answers }
  const entries = events.flatMap((event): ReadonlyArray<Told> =>
    tellable.has(event.type) ? [event] : event.message === undefined ? [] : [{ log: `${event.message}\n` }]
  )
  return { entries, artifacts: spoken.artifacts, answers }
}

/** What a line that answers says. */
export const answerOf = (line: string, taskId: string): Answer | undefined => {
  const spoken = parse(line, taskId)
  if (spoken === undefined) return undefined
  const events = "ok" in spoken ? spoken.events : [spoken]
  const failed = events.find(({ type }) => type === "task.failed")
  const told = events.findLast(({ type }) => type === "task.result")
  const result = "ok" in spoken && spoken.output !== undefined ? spoken.output : (told?.payload ?? told?.message)
  const withResult = result === undefined ? {} : { result }
  if ("ok" in spoken && !spoken.ok) return { ok: false, ...failureOf(spoken.error), ...withResult }
  if (failed !== undefined)
    return { ok: false, message: failed.message ?? silent, ...optional(failed.payload), ...withResult }
  return { ok: true, ...withResult }
}

/** A worker tells what it does; only we say where the task stands. */
export const tellable: ReadonlySet<string> = new Set([
  "task.progress",
  "task.log",
  "task.result",
  "task.heartbeat",
  "task.usage",
  "task.input_required",
  "runtime.provisioned",
  "session.created"
])

const silent = "it did not say why"

const parse = (line: string, taskId: string): WorkerEvent | WorkerResponse | undefined => {
  if (!line.startsWith("{")) return undefined
  const value = Either.getOrUndefined(decodeObject(line))
  if (value === undefined || (typeof value["taskId"] === "string" && value["taskId"] !== taskId)) return undefined
  return Option.getOrUndefined(Option.orElse(decodeResponse(value), () => decodeEvent(value)))
}

const failureOf = (error: WorkerResponse["error"]): { readonly message: string; readonly error?: Json } => {
  if (error === undefined) return { message: silent }
  if (typeof error === "string") return { message: error }
  if (!("code" in error)) return { message: error.message }
  return {
    message: error.message,
    error: { code: error.code, ...(error.details === undefined ? {} : { details: error.details }) }
  }
}

const optional = (error: Json | undefined) => (error === undefined ? {} : { error })
