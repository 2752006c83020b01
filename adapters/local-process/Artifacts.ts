import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect, Either } from "effect"
import type { NewArtifact } from "../../src/domain/Task.js"
import { files } from "./supervisor/Records.js"

/** More is a worker's own business to declare. */
const most = 200

/** The plain files a worker left in its artifact folder and has not declared itself; links are not followed. */
export const leftBehind = (folder: string, declared: ReadonlySet<string>): Effect.Effect<ReadonlyArray<NewArtifact>> =>
  Effect.sync(() =>
    filesBelow(join(folder, files.artifacts))
      .map(({ path, sizeBytes }) => ({ uri: pathToFileURL(path).href, kind: "file", sizeBytes }))
      .filter(({ uri }) => !declared.has(uri))
      .slice(0, most)
  )

const filesBelow = (folder: string): ReadonlyArray<{ readonly path: string; readonly sizeBytes: number }> =>
  Either.getOrElse(
    Either.try(() => readdirSync(folder, { withFileTypes: true })),
    () => []
  )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return filesBelow(path)
      return entry.isFile() ? [{ path, sizeBytes: statSync(path, { throwIfNoEntry: false })?.size ?? 0 }] : []
    })
