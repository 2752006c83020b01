import { Effect, Schema } from "effect"
import { type Json, JsonObject } from "../domain/Json.js"
import { shrink } from "../domain/Shrink.js"
import type { TaskError } from "../domain/Task.js"
import { type ArtifactView, shortError, type TaskResultView } from "../domain/TaskView.js"
import { Redactor } from "../services/Redactor.js"
import type { ResourceLink } from "./Reply.js"
import { uriOf } from "./ResourceUri.js"

/** Up to so many bytes of JSON an outcome is answered whole: clients cut longer answers, some without a word. */
export const wholeBytes = 8_000

/** What stands beside an outline: how large the whole is, in bytes of JSON, and the two ways to it. */
export const Cut = Schema.Struct({
  bytes: Schema.Int,
  /** For clients that read resources. */
  resource: Schema.String,
  /** For models, who have tools. */
  rest: Schema.String,
  /** How many artifacts are not listed. */
  artifactsLeftOut: Schema.optional(Schema.Int)
})

/** A piece of the text that the whole outcome is as JSON; positions are UTF-16 code units. */
export interface ResultPage {
  readonly taskId: string
  readonly status: TaskResultView["status"]
  readonly cursor: number
  readonly nextCursor: number
  /** Where the text ends. */
  readonly total: number
  readonly data: string
}

export const pageFields = {
  cursor: Schema.optional(Schema.Int),
  nextCursor: Schema.optional(Schema.Int),
  total: Schema.optional(Schema.Int),
  data: Schema.optional(Schema.String)
}

/** What a reply tells of a task's outcome, among other things. */
interface Outcome {
  readonly taskId: string
  readonly status: TaskResultView["status"]
  readonly result?: Json | undefined
  readonly artifacts?: ReadonlyArray<typeof ArtifactView.Type> | undefined
  readonly error?: TaskError | undefined
}

export interface Fitted<V> {
  readonly view: V & { readonly cut?: typeof Cut.Type }
  readonly links: ReadonlyArray<ResourceLink>
}

/** An outcome as it is if it is small, else its outline. */
export const fitted = <V extends Outcome>(view: V, most: number = wholeBytes): Fitted<V> => {
  if (bytesOf(JSON.stringify(view)) <= most) return { view, links: [] }
  const bytes = bytesOf(JSON.stringify(wholeOf(view)))
  const share = Math.max(leastShare, Math.floor(most / 6))
  const uri = uriOf(view.taskId, { of: "result" })
  const { artifacts, error, result } = view
  const listed = fewest(artifacts ?? [], share)
  const artifactsLeftOut = (artifacts ?? []).length - listed.length
  return {
    view: {
      ...view,
      ...(result === undefined ? {} : { result: shrink(result, inRest, share) }),
      ...(error === undefined ? {} : { error: shortError(error, inRest, share) }),
      ...(artifacts === undefined ? {} : { artifacts: listed }),
      cut: { bytes, resource: uri, rest, ...(artifactsLeftOut === 0 ? {} : { artifactsLeftOut }) }
    },
    links: [{ uri, name: `result of ${view.taskId}`, mimeType: "application/json", size: bytes }]
  }
}

/** Several outcomes as they are if they are small together, else each within its share. */
export const fittedAll = <V extends Outcome>(
  views: ReadonlyArray<V>
): { readonly views: ReadonlyArray<Fitted<V>["view"]>; readonly links: ReadonlyArray<ResourceLink> } => {
  if (bytesOf(JSON.stringify(views)) <= wholeBytes) return { views, links: [] }
  const each = views.map((view) => fitted(view, Math.floor(wholeBytes / views.length)))
  return { views: each.map(({ view }) => view), links: each.flatMap(({ links }) => links) }
}

/** The whole outcome as the text that pages and the resource are made of. */
export const wholeText = (view: TaskResultView): Effect.Effect<string> =>
  Effect.map(Redactor, (redactor) => JSON.stringify(isJsonObject(view) ? redactor.json(view) : view))

/** The page of a whole from a position on; it ends where it began when there is no more. */
export const pageOf = ({ status, taskId }: TaskResultView, whole: string, cursor: number): ResultPage => {
  const data = within(whole.slice(cursor, cursor + wholeBytes))
  return { taskId, status, cursor, nextCursor: cursor + data.length, total: whole.length, data }
}

const inRest = "cut.rest says how to get all"
const rest = "get_task_result with cursor 0, then nextCursor until it is total, brings the whole JSON"
const leastShare = 200

const isJsonObject = Schema.is(JsonObject)

const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/** The outcome without what else a reply tells, as `get_task_result` would answer it whole. */
const wholeOf = ({ artifacts, error, result, status, taskId }: Outcome): TaskResultView => ({
  taskId,
  status,
  ...(result === undefined ? {} : { result }),
  ...(error === undefined ? {} : { error }),
  artifacts: artifacts ?? []
})

/** As many as have room, from the first on. */
const fewest = <A>(artifacts: ReadonlyArray<A>, share: number): ReadonlyArray<A> => {
  let left = share
  return artifacts.filter((artifact) => (left -= bytesOf(JSON.stringify(artifact))) >= 0)
}

/** Quotes and characters of other scripts take more room than one byte, and no page parts a surrogate pair. */
const within = (piece: string): string => {
  let kept = piece
  for (let weight = bytesOf(JSON.stringify(kept)); weight > wholeBytes + 2; weight = bytesOf(JSON.stringify(kept)))
    kept = kept.slice(0, Math.floor((kept.length * wholeBytes) / weight))
  return kept.length > 1 ? kept.replace(/[\uD800-\uDBFF]$/, "") : kept
}
