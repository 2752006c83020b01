import { mkdir, open, rename, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import type { NewArtifact } from "../domain/Task.js"
import { systemCode } from "./SystemProblem.js"
import { ArtifactNotWritten } from "./WorkerError.js"

/** Puts a whole file into the artifact folder or none of it; `name` is ours, never a caller's. */
export const writeArtifact = Effect.fn("worker.writeArtifact")(function* (
  folder: string,
  name: "repo-report.md",
  kind: string,
  contentType: string,
  text: string
) {
  const path = join(resolve(folder), name)
  const unfinished = `${path}.${process.pid}.part`
  yield* Effect.tryPromise({
    try: async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeWhole(unfinished, text)
      await rename(unfinished, path)
    },
    catch: (cause) => new ArtifactNotWritten({ name, problem: systemCode(cause) })
  }).pipe(
    Effect.tapError(() => Effect.promise(() => rm(unfinished, { force: true }).catch(() => undefined))),
    Effect.uninterruptible
  )
  return {
    uri: pathToFileURL(path).href,
    kind,
    contentType,
    sizeBytes: Buffer.byteLength(text)
  } satisfies NewArtifact
})

const writeWhole = async (path: string, text: string) => {
  const handle = await open(path, "w", 0o600)
  await handle
    .writeFile(text)
    .then(() => handle.sync())
    .finally(() => handle.close())
}
