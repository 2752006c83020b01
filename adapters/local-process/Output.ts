import { open } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { FolderFailed } from "./Spec.generated.js"
import { codeOf } from "./supervisor/Records.js"

/** Part of a file; `size` is the whole file's. A file that does not exist yet is empty. */
export interface Window {
  readonly bytes: Uint8Array
  readonly size: number
}

/** Reads so many bytes from a place; from the end when `from` is negative. */
export const readWindow = (
  folder: string,
  name: string,
  from: number,
  length: number
): Effect.Effect<Window, FolderFailed> =>
  Effect.tryPromise({
    try: async () => {
      const file = await open(join(folder, name), "r").catch((error: unknown) => {
        if (codeOf(error) === "ENOENT") return undefined
        throw error
      })
      if (file === undefined) return { bytes: new Uint8Array(), size: 0 }
      try {
        const { size } = await file.stat()
        const start = from < 0 ? Math.max(0, size + from) : from
        const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - start)))
        let filled = 0
        for (let read = -1; read !== 0 && filled < buffer.length; filled += read) {
          read = (await file.read(buffer, filled, buffer.length - filled, start + filled)).bytesRead
        }
        return { bytes: buffer.subarray(0, filled), size }
      } finally {
        await file.close()
      }
    },
    catch: (error) => new FolderFailed({ path: folder, detail: error instanceof Error ? error.message : String(error) })
  })
