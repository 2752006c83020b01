import { createHash } from "node:crypto"
import { constants, type FileHandle, open, realpath } from "node:fs/promises"
import { join, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { Artifact } from "../../src/domain/Task.js"
import type { ArtifactPiece } from "../../src/services/Adapter.js"
import { ArtifactUnreadable } from "./Spec.generated.js"
import { files } from "./supervisor/Records.js"

/** Of a larger file the hash would cost more than the page. */
const hashedBytes = 32 * 1024 * 1024
const chunk = 256 * 1024

/**
 * A piece of a file in the task's artifact folder. A worker names its artifacts itself, so a name that leads out of the
 * folder, by `..` or by a link, is refused.
 */
export const readArtifact = Effect.fn("local.readArtifact")(function* (
  folder: string,
  { uri }: Artifact,
  { offset, limit }: { readonly offset: number; readonly limit: number }
) {
  const refuse = (problem: string) => new ArtifactUnreadable({ uri, problem })
  const attempt = <A>(act: () => Promise<A>) =>
    Effect.tryPromise({ try: act, catch: (error) => refuse(error instanceof Error ? error.message : String(error)) })

  const path = yield* attempt(async () => realpath(fileURLToPath(uri)))
  const home = yield* attempt(() => realpath(join(folder, files.artifacts)))
  if (!path.startsWith(home + sep)) return yield* refuse("it is not in the task's artifact folder")
  return yield* Effect.acquireUseRelease(
    attempt(() => open(path, constants.O_RDONLY | constants.O_NOFOLLOW)),
    (file) => attempt(() => piece(file, offset, limit)),
    (file) => Effect.promise(() => file.close())
  )
})

const piece = async (file: FileHandle, offset: number, limit: number): Promise<ArtifactPiece> => {
  const stat = await file.stat()
  if (!stat.isFile()) throw new Error("it is not a file")
  const buffer = Buffer.alloc(Math.max(0, Math.min(limit, stat.size - offset)))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
  const data = new Uint8Array(buffer.subarray(0, bytesRead))
  return stat.size > hashedBytes
    ? { data, totalBytes: stat.size }
    : { data, totalBytes: stat.size, sha256: await hash(file, stat.size) }
}

const hash = async (file: FileHandle, size: number): Promise<string> => {
  const sum = createHash("sha256")
  const buffer = Buffer.alloc(Math.min(chunk, Math.max(1, size)))
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) break
    sum.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return sum.digest("hex")
}
