import { randomUUID } from "node:crypto"
import { open, readdir, rename, rm, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import { Clock, Effect, Layer, Stream } from "effect"
import { Archive, ArchiveFailed } from "../services/Archive.js"
import { privateFolder } from "./StateFolder.js"

const attempt = <A>(path: string, act: () => Promise<A>) =>
  Effect.tryPromise({
    try: act,
    catch: (cause) => new ArchiveFailed({ path, detail: cause instanceof Error ? cause.message : String(cause) })
  })

/** A draft that nobody has written to for so long is what a crash left, in milliseconds. */
const abandoned = 3_600_000

const draftName = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.draft$/

const removed = (path: string) => Effect.promise(() => rm(path, { force: true }).catch(() => undefined))

/** The name appears in its folder only once the whole text is on disk; each writer has a draft of its own. */
const write =
  (tidied: Set<string>): (typeof Archive.Service)["write"] =>
  (folder, name, text) =>
    Effect.gen(function* () {
      const path = join(folder, name)
      if (/^\.{0,2}$/.test(name) || basename(name) !== name)
        return yield* new ArchiveFailed({ path, detail: `"${name}" is no name of a file in ${folder}` })
      yield* Effect.mapError(privateFolder(folder), ({ detail }) => new ArchiveFailed({ path: folder, detail }))
      if (!tidied.has(folder)) yield* tidy(folder)
      tidied.add(folder)
      const draft = `${path}.${randomUUID()}.draft`
      yield* filled(draft, path, text).pipe(
        Effect.zipRight(attempt(path, () => rename(draft, path))),
        Effect.onError(() => removed(draft))
      )
      yield* Effect.acquireUseRelease(
        attempt(path, () => open(folder, "r")),
        (entries) => attempt(path, () => entries.sync()),
        (entries) => Effect.promise(() => entries.close())
      )
      return path
    })

const filled = <E>(draft: string, path: string, text: Stream.Stream<string, E>) =>
  Effect.acquireUseRelease(
    attempt(path, () => open(draft, "wx", 0o600)),
    (file) =>
      Effect.zipRight(
        Stream.runForEach(text, (piece) => attempt(path, () => file.appendFile(piece))),
        attempt(path, () => file.sync())
      ),
    (file) => Effect.promise(() => file.close().catch(() => undefined))
  )

/** Frees the space of drafts that no process goes on with; one that cannot be looked at stays. */
const tidy = (folder: string) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const names = yield* Effect.promise(() => readdir(folder).catch((): Array<string> => []))
    for (const draft of names.filter((name) => draftName.test(name)).map((name) => join(folder, name))) {
      const touched = yield* Effect.promise(() =>
        stat(draft).then(
          ({ mtimeMs }) => mtimeMs,
          () => now
        )
      )
      if (touched <= now - abandoned) yield* removed(draft)
    }
  })

/** Files on this machine. */
export const layer = Layer.sync(Archive, () => ({ write: write(new Set()) }))
