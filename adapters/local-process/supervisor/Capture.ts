import { open } from "node:fs/promises"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { files } from "./Records.js"

export interface Capture {
  readonly bytes: { stdout: number; stderr: number }
  /** Copies a stream to its file until it ends; what exceeds the limit both streams share is read and dropped. */
  readonly drain: (name: "stdout" | "stderr", stream: Readable) => Promise<void>
}

/** Writes a child's output to disk no faster than the disk takes it. */
export const capture = (folder: string, limit: number, onLimit: () => void, onFailure: (error: unknown) => void): Capture => {
  const bytes = { stdout: 0, stderr: 0 }
  const drain = async (name: "stdout" | "stderr", stream: Readable) => {
    const file = await open(join(folder, files[name]), "a", 0o600)
    let broken = false
    try {
      for await (const chunk of stream) {
        const kept: Buffer = chunk.subarray(0, limit - bytes.stdout - bytes.stderr)
        bytes[name] += kept.length
        if (kept.length < chunk.length) onLimit()
        if (kept.length === 0 || broken) continue
        await file.appendFile(kept).catch((error: unknown) => {
          broken = true
          onFailure(error)
        })
      }
    } catch (error) {
      if (!stream.destroyed) onFailure(error)
    }
    await file.datasync().catch(onFailure)
    await file.close()
  }
  return { bytes, drain }
}
