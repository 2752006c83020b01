import { constants } from "node:fs"
import { lstat, open, realpath } from "node:fs/promises"
import { Effect, Schema } from "effect"
import { displayName } from "./FileName.js"
import { lineScan, type Mark } from "./LineScan.js"
import { pathProblem } from "./SystemProblem.js"

/** One file that is left out of the figures; the report goes on without it. */
class FileUnreadable extends Schema.TaggedError<FileUnreadable>()("FileUnreadable", {
  file: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `${this.file} ${this.problem}`
  }
}

/** What one file adds; `lines` is absent for a file that is not text. */
export interface FileFigures {
  readonly bytes: number
  readonly lines?: number
}

const pieceBytes = 256 * 1024
/** Git's own rule: a zero byte this near the start makes a file binary. */
const sniffBytes = 8000
const slash = Buffer.from("/")

/**
 * Reads one file below `root`: undefined when it is gone, a link, no file, or reached through a link that leaves the
 * folder. `between` runs after every piece, with its size in bytes.
 */
export const scanFile = Effect.fn("worker.scanFile")(function* <E>(
  root: Buffer,
  name: Buffer,
  onMark: (mark: Mark) => void,
  between: (bytes: number) => Effect.Effect<void, E>
) {
  const path = Buffer.concat([root, slash, name])
  const reading = <A>(evaluate: () => Promise<A>) =>
    Effect.tryPromise({
      try: evaluate,
      catch: (cause) => new FileUnreadable({ file: displayName(name), problem: pathProblem(cause) })
    })
  const bytes = yield* reading(() => sizeWithin(root, path))
  if (bytes === undefined) return undefined
  return yield* Effect.acquireUseRelease(
    reading(() => open(path, constants.O_RDONLY | constants.O_NOFOLLOW)),
    (handle) =>
      Effect.gen(function* () {
        const scan = lineScan(onMark)
        const piece = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(bytes, 1)))
        // No further than the size seen at first: a log that grows while it is read has an end too.
        for (let at = 0; at < bytes;) {
          const { bytesRead } = yield* reading(() => handle.read(piece, 0, Math.min(piece.length, bytes - at), at))
          if (bytesRead === 0) break
          const read = piece.subarray(0, bytesRead)
          if (at === 0 && read.subarray(0, sniffBytes).includes(0)) return { bytes } satisfies FileFigures
          scan.feed(read)
          at += bytesRead
          yield* between(bytesRead)
        }
        return { bytes, lines: scan.end() } satisfies FileFigures
      }),
    (handle) => Effect.promise(() => handle.close())
  )
})

const sizeWithin = async (root: Buffer, path: Buffer): Promise<number | undefined> => {
  const status = await lstat(path).catch(() => undefined)
  if (status === undefined || !status.isFile()) return undefined
  const real = await realpath(path, { encoding: "buffer" })
  const inside = root.equals(slash) || real.subarray(0, root.length + 1).equals(Buffer.concat([root, slash]))
  return inside ? status.size : undefined
}
