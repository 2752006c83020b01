import { chmod, mkdir, open, stat } from "node:fs/promises"
import process from "node:process"
import { Effect, Predicate } from "effect"
import { StoreFailed } from "../domain/DispatchError.js"
import type { StoreFault } from "../domain/StoreFault.js"

/** What the system's error codes say about a folder that cannot be used. */
const faults: Record<string, StoreFault> = {
  EACCES: "read_only",
  EPERM: "read_only",
  EROFS: "read_only",
  ENOTDIR: "read_only",
  EEXIST: "read_only",
  ENOSPC: "full",
  EDQUOT: "full"
}

const attempt = <A>(path: string, act: () => Promise<A>) =>
  Effect.tryPromise({
    try: act,
    catch: (cause) => {
      const code = Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""
      return new StoreFailed({
        fault: faults[code] ?? "io",
        detail: cause instanceof Error ? cause.message : path,
        cause
      })
    }
  })

/** Makes a folder only this user can enter, or closes an existing one to others; never takes over somebody else's. */
export const privateFolder = Effect.fn("state.folder")(function* (path: string) {
  const made = yield* attempt(path, () => mkdir(path, { recursive: true, mode: 0o700 }))
  const { mode, uid } = yield* attempt(path, () => stat(path))
  if (uid !== (process.getuid?.() ?? uid)) {
    return yield* new StoreFailed({ fault: "not_private", detail: `${path} belongs to user id ${uid}` })
  }
  if (made !== undefined) yield* attempt(path, () => chmod(path, 0o700))
  else if (isOpen(mode)) yield* attempt(path, () => chmod(path, mode & 0o700))
})

/** Makes an empty file only this user can read and write, whatever the umask, or closes an existing one to others. */
export const privateFile = (path: string) =>
  Effect.acquireUseRelease(
    attempt(path, () => open(path, "a", 0o600)),
    (file) =>
      Effect.flatMap(
        attempt(path, () => file.stat()),
        ({ mode, size }) => (size === 0 || isOpen(mode) ? attempt(path, () => file.chmod(0o600)) : Effect.void)
      ),
    (file) => Effect.promise(() => file.close())
  )

const isOpen = (mode: number): boolean => (mode & 0o077) !== 0
