import { appendFile, mkdir, open, readdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Either } from "effect"
import { isTerminal } from "../../src/domain/Lifecycle.js"
import type { NewArtifact } from "../../src/domain/Task.js"
import type { AdapterFailure, ArtifactPiece } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import { clientsOf } from "./Clients.js"
import { ask, unfit } from "./Dialogue.js"
import { failing, type Work } from "./Mode.js"
import { sha256 } from "./Plan.js"
import { ArtifactUnavailable, ResultCorrupt } from "./Spec.generated.js"
import { hashOfFile } from "./FileHash.js"

const chunkBytes = 4 * 1024 * 1024
const within = "60 seconds"

interface Page {
  readonly offset: number
  readonly limit: number
}

/** Copies the worker's files here, because they end with its session. What cannot be copied is told and left behind. */
export const keepArtifacts = (
  work: Work,
  artifacts: ReadonlyArray<NewArtifact>
): Effect.Effect<ReadonlyArray<Entry>, AdapterFailure> =>
  Effect.gen(function* () {
    const notes: Array<Entry> = []
    let room = work.plan.details.artifactLimitBytes
    for (const { uri } of artifacts.filter((artifact) => artifact.uri.startsWith("file:"))) {
      const kept = yield* Effect.either(keep(work, uri, room))
      if (Either.isRight(kept)) room -= kept.right
      else if (kept.left.retryable) return yield* Effect.fail(kept.left)
      else notes.push({ type: "task.progress", message: `${uri} was not kept: ${kept.left.message}` })
    }
    return notes
  })

const nameOf = (uri: string): string => sha256(uri).slice(0, 40)

const disk = <A>(act: () => Promise<A>) =>
  Effect.tryPromise({
    try: act,
    catch: (error) => new ArtifactUnavailable({ detail: error instanceof Error ? error.message : String(error) })
  })

/** The copy's name ends in the hash of what it holds. */
const find = (folder: string, uri: string) =>
  Effect.map(
    Effect.promise(() => readdir(folder).catch(() => [])),
    (names) => names.find((name) => name.startsWith(`${nameOf(uri)}-`))
  )

/** How many bytes it takes. */
const keep = (work: Work, uri: string, room: number): Effect.Effect<number, AdapterFailure> =>
  Effect.gen(function* () {
    const { folder } = work
    const part = join(folder, `${nameOf(uri)}.part`)
    yield* disk(() => mkdir(folder, { recursive: true, mode: 0o700 }))
    yield* disk(() => rm(part, { force: true }))
    let total = 0
    let hash = ""
    for (let offset = 0; offset === 0 || offset < total;) {
      const piece = yield* fetchPiece(work, uri, { offset, limit: chunkBytes })
      total = piece.totalBytes
      hash = piece.sha256
      if (total > room)
        return yield* new ArtifactUnavailable({
          detail: `its ${total} bytes are more than is left of the backend's details.artifactLimitBytes`
        })
      yield* disk(() => appendFile(part, piece.data, { mode: 0o600 }))
      if (total === 0) break
      if (piece.data.length === 0)
        return yield* new ResultCorrupt({ detail: `${uri} ends at byte ${offset} of ${total}` })
      offset += piece.data.length
    }
    if ((yield* disk(() => hashOfFile(part))) !== hash)
      return yield* new ResultCorrupt({ detail: `the SHA-256 of ${uri} is another` })
    yield* disk(() => rename(part, join(folder, `${nameOf(uri)}-${hash}`)))
    return total
  })

const fetchPiece = (work: Work, uri: string, { offset, limit }: Page) =>
  Effect.gen(function* () {
    const { task, plan, session } = work
    const { poll: client } = yield* clientsOf(plan.place)
    const reply = yield* ask(
      client,
      session,
      { v: 1, op: "artifact", taskId: task.id, uri, offset, limit },
      within
    ).pipe(Effect.mapError((error): AdapterFailure => (error._tag === "Fault" ? failing(work)(error) : error)))
    if ("refused" in reply) return yield* new ArtifactUnavailable({ detail: reply.refused.message })
    if (!("data" in reply)) return yield* unfit("artifact", reply)
    if (reply.offset !== offset)
      return yield* new ResultCorrupt({ detail: `byte ${reply.offset} came instead of ${offset}` })
    return { data: new Uint8Array(Buffer.from(reply.data, "base64")), totalBytes: reply.bytes, sha256: reply.sha256 }
  })

/** A piece of an artifact, with the hash of the whole: of our copy, or from the worker while it still runs. */
export const readArtifact = (
  work: Work,
  { uri }: Pick<NewArtifact, "uri">,
  page: Page
): Effect.Effect<ArtifactPiece, AdapterFailure> =>
  Effect.gen(function* () {
    const name = yield* find(work.folder, uri)
    if (name !== undefined) return yield* readCopy(join(work.folder, name), name.slice(nameOf(uri).length + 1), page)
    if (work.plan.worker !== "dispatch/1")
      return yield* new ArtifactUnavailable({
        detail: `a runtime of worker "${work.plan.worker}" keeps no files that can be read through it.`
      })
    if (isTerminal(work.task.status) || work.task.status === "cancelling")
      return yield* new ArtifactUnavailable({ detail: "it was not kept, and its session has ended." })
    return yield* fetchPiece(work, uri, page)
  })

const readCopy = (path: string, hash: string, { offset, limit }: Page) =>
  Effect.acquireUseRelease(
    disk(() => open(path, "r")),
    (file) =>
      disk(async (): Promise<ArtifactPiece> => {
        const { size } = await file.stat()
        const data = Buffer.alloc(Math.max(0, Math.min(limit, size - offset)))
        const { bytesRead } = await file.read(data, 0, data.length, offset)
        return { data: new Uint8Array(data.subarray(0, bytesRead)), totalBytes: size, sha256: hash }
      }),
    (file) => Effect.promise(() => file.close())
  )
