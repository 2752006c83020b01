import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { type FileHandle, lstat, open, readdir, realpath } from "node:fs/promises"
import { join, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Effect, Either } from "effect"
import type { NewArtifact } from "../../domain/Task.js"

/** More is the work's own business to declare. */
const most = 200

const pieceBytes = 1024 * 1024

/** A piece of a file with what is to be known of the whole. */
export interface Piece {
  readonly bytes: number
  readonly sha256: string
  readonly data: Buffer
}

/** The plain files in a task's folder that were not declared; links are not followed. */
export const leftBehind = (folder: string, declared: ReadonlyArray<NewArtifact>) =>
  Effect.promise(async () => {
    const names = new Set(declared.map(({ uri }) => uri))
    const found: Array<NewArtifact> = []
    for (const path of [...(await filesBelow(folder))].sort()) {
      const uri = pathToFileURL(path).href
      const status = await lstat(path).catch(() => undefined)
      if (!names.has(uri) && status?.isFile() && found.length < most)
        found.push({ uri, kind: "file", sizeBytes: status.size })
    }
    return found
  })

const filesBelow = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const found = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : []
    })
  )
  return found.flat()
}

/** Reads a piece of a file of the task's own folder; undefined for anything that is not one. */
export const readPiece = (folder: string, uri: string, offset: number, limit: number) =>
  Effect.promise(async (): Promise<Piece | undefined> => {
    const path = await inside(folder, uri).catch(() => undefined)
    if (path === undefined) return undefined
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
      () => undefined
    )
    if (handle === undefined) return undefined
    try {
      const status = await handle.stat()
      if (!status.isFile()) return undefined
      const data = Buffer.alloc(Math.max(0, Math.min(limit, status.size - offset)))
      const { bytesRead } = await handle.read(data, 0, data.length, offset)
      const key = `${path}\0${status.ino}\0${status.size}\0${status.mtimeMs}`
      const sha256 = hashes.get(key) ?? (await hashOf(handle, status.size))
      if (hashes.size >= hashesKept) hashes.clear()
      hashes.set(key, sha256)
      return { bytes: status.size, sha256, data: data.subarray(0, bytesRead) }
    } finally {
      await handle.close()
    }
  })

/** A large file is fetched piece by piece, and each piece comes with the hash of the whole. */
const hashes = new Map<string, string>()
const hashesKept = 1000

/** The real path of what a file uri names, unless a link or a `..` leads it out of the folder. */
const inside = async (folder: string, uri: string): Promise<string | undefined> => {
  const named = Either.try(() => fileURLToPath(uri))
  if (Either.isLeft(named)) return undefined
  const [root, path] = await Promise.all([realpath(folder), realpath(named.right)])
  return path.startsWith(root + sep) ? path : undefined
}

const hashOf = async (handle: FileHandle, size: number): Promise<string> => {
  const hash = createHash("sha256")
  const piece = Buffer.allocUnsafe(pieceBytes)
  for (let at = 0; at < size;) {
    const { bytesRead } = await handle.read(piece, 0, Math.min(pieceBytes, size - at), at)
    if (bytesRead === 0) break
    hash.update(piece.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest("hex")
}
