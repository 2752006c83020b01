import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import type { Readable } from "node:stream"
import type { RedactionStream } from "../../../src/domain/Redaction.js"
import { files } from "./Records.js"

export interface Capture {
  readonly bytes: { stdout: number; stderr: number }
  /**
   * Copies a stream to its file until it ends, without the secrets in it; what exceeds the limit both streams share is
   * read and dropped. Bytes are counted as they are written.
   */
  readonly drain: (name: "stdout" | "stderr", stream: Readable) => Promise<void>
}

/**
 * Opens the files for a child's output, which is then written no faster than the disk takes it. The files come first:
 * whoever does not listen to a child's streams when it ends misses what they hold.
 */
export const capture = async (
  folder: string,
  limit: number,
  redaction: () => RedactionStream,
  onLimit: () => void,
  onFailure: (error: unknown) => void
): Promise<Capture> => {
  const bytes = { stdout: 0, stderr: 0 }
  const file = async (name: "stdout" | "stderr"): Promise<FileHandle> => open(join(folder, files[name]), "a", 0o600)
  const handles = { stdout: await file("stdout"), stderr: await file("stderr") }
  const drain = async (name: "stdout" | "stderr", stream: Readable) => {
    const handle = handles[name]
    const { end, push } = redaction()
    let broken = false
    const write = async (text: string) => {
      const clean = Buffer.from(text, "latin1")
      const kept = clean.subarray(0, limit - bytes.stdout - bytes.stderr)
      bytes[name] += kept.length
      if (kept.length < clean.length) onLimit()
      if (kept.length === 0 || broken) return
      await handle.appendFile(kept).catch((error: unknown) => {
        broken = true
        onFailure(error)
      })
    }
    try {
      for await (const chunk of stream) await write(push(chunk.toString("latin1")))
    } catch (error) {
      if (!stream.destroyed) onFailure(error)
    }
    await write(end())
    await handle.datasync().catch(onFailure)
    await handle.close()
  }
  return { bytes, drain }
}
