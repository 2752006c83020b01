import { open, rename } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Layer, Stream } from "effect"
import { Archive, ArchiveFailed } from "../services/Archive.js"
import { privateFolder } from "./StateFolder.js"

const attempt = <A>(path: string, act: () => Promise<A>) =>
  Effect.tryPromise({
    try: act,
    catch: (cause) => new ArchiveFailed({ path, detail: cause instanceof Error ? cause.message : String(cause) })
  })

/** The name appears in its folder only once the whole text is on disk; a draft that a crash left is written anew. */
const write: (typeof Archive.Service)["write"] = (folder, name, text) => {
  const path = join(folder, name)
  const draft = `${path}.draft`
  return Effect.gen(function* () {
    yield* Effect.mapError(privateFolder(folder), ({ detail }) => new ArchiveFailed({ path: folder, detail }))
    yield* Effect.acquireUseRelease(
      attempt(path, () => open(draft, "w", 0o600)),
      (file) =>
        Effect.zipRight(
          Stream.runForEach(text, (piece) => attempt(path, () => file.appendFile(piece))),
          attempt(path, () => file.sync())
        ),
      (file) => Effect.promise(() => file.close().catch(() => undefined))
    )
    yield* attempt(path, () => rename(draft, path))
    yield* Effect.acquireUseRelease(
      attempt(path, () => open(folder, "r")),
      (entries) => attempt(path, () => entries.sync()),
      (entries) => Effect.promise(() => entries.close())
    )
    return path
  })
}

/** Files on this machine. */
export const layer = Layer.succeed(Archive, { write })
