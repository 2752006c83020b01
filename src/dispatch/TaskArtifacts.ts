import { Context, Effect, Encoding, Layer, Schema } from "effect"
import { AdapterUnsupported, ArtifactNotFound, BackendFailed, type DispatchError } from "../domain/DispatchError.js"
import { Adapters } from "../services/Adapter.js"
import { Store } from "../services/Store.js"
import { guard } from "./AdapterAnswer.js"
import { makeVisible } from "./Visible.js"
import { wholeText } from "./WholeText.js"

/** One page of an artifact, or where it is if it cannot be read through us. Positions are bytes. */
export const ArtifactPage = Schema.Struct({
  taskId: Schema.String,
  artifactId: Schema.String,
  uri: Schema.String,
  contentType: Schema.optional(Schema.String),
  offset: Schema.optional(Schema.Int),
  nextOffset: Schema.optional(Schema.Int),
  totalBytes: Schema.optional(Schema.Int),
  encoding: Schema.optional(Schema.Literal("utf8", "base64")),
  data: Schema.optional(Schema.String),
  /** SHA-256 of the whole artifact, where its backend tells it. */
  sha256: Schema.optional(Schema.String),
  /** The artifact is elsewhere: fetch its uri. */
  link: Schema.optional(Schema.Boolean)
})
export type ArtifactPage = typeof ArtifactPage.Type

/** Addresses that their owner serves, with access rules of its own. */
const elsewhere = /^(?:s3|gs|https?):/i

/** Reads what tasks left behind, through whatever backend keeps it. */
export class TaskArtifacts extends Context.Tag("agentdispatch/TaskArtifacts")<
  TaskArtifacts,
  {
    readonly read: (
      id: string,
      artifactId: string,
      range: { readonly offset: number; readonly limit: number }
    ) => Effect.Effect<ArtifactPage, DispatchError>
  }
>() {
  static readonly layer = Layer.effect(
    TaskArtifacts,
    Effect.gen(function* () {
      const store = yield* Store
      const adapters = yield* Adapters
      const find = yield* makeVisible

      return {
        read: Effect.fn("artifacts.read")(function* (id, artifactId, range) {
          const task = yield* find(id)
          const artifacts = yield* store.artifacts(task.id)
          const artifact = artifacts.find((candidate) => candidate.id === artifactId)
          if (artifact === undefined) {
            return yield* new ArtifactNotFound({ taskId: id, artifactId, known: artifacts.map((known) => known.id) })
          }
          const named = {
            taskId: task.id,
            artifactId,
            uri: artifact.uri,
            ...(artifact.contentType === undefined ? {} : { contentType: artifact.contentType })
          }
          if (elsewhere.test(artifact.uri)) return { ...named, link: true }
          const { readArtifact } = yield* adapters.find(task.request.adapter)
          if (readArtifact === undefined) {
            return yield* new AdapterUnsupported({
              adapter: task.request.adapter,
              wanted: "reading artifacts",
              offered: ["their uris"]
            })
          }
          const piece = yield* guard("readArtifact", () => readArtifact(task, artifact, range)).pipe(
            Effect.mapError(({ code, message, retryable }) => new BackendFailed({ code, detail: message, retryable }))
          )
          const text = wholeText(piece.data, range.offset + piece.data.length >= piece.totalBytes)
          const used = text?.bytes ?? piece.data.length
          return {
            ...named,
            offset: range.offset,
            nextOffset: range.offset + used,
            totalBytes: piece.totalBytes,
            encoding: text === undefined ? "base64" : "utf8",
            data: text?.text ?? Encoding.encodeBase64(piece.data),
            ...(piece.sha256 === undefined ? {} : { sha256: piece.sha256 })
          }
        })
      }
    })
  )
}
