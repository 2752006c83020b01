import { chmod, mkdir, open, stat } from "node:fs/promises"
import { getuid } from "node:process"
import { Effect, Predicate } from "effect"
import { StoreFailed, type StoreFault } from "../domain/DispatchError.js"

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
      return new StoreFailed({ fault: faults[code] ?? "io", detail: cause instanceof Error ? cause.message : path, cause })
    }
  })

/** Makes a folder only this user can enter, or makes sure that an existing one is; never takes over somebody else's. */
export const privateFolder = Effect.fn("state.folder")(function* (path: string) {
  yield* attempt(path, () => mkdir(path, { recursive: true, mode: 0o700 }))
  const found = yield* attempt(path, () => stat(path))
  if (getuid !== undefined && found.uid !== getuid()) {
    return yield* new StoreFailed({ fault: "not_private", detail: `${path} belongs to user id ${found.uid}` })
  }
  if ((found.mode & 0o777) !== 0o700) yield* attempt(path, () => chmod(path, 0o700))
})

/** Makes an empty file only this user can read and write, whatever the umask, or tightens an existing one. */
export const privateFile = Effect.fn("state.file")(function* (path: string) {
  yield* Effect.scoped(
    Effect.flatMap(
      Effect.acquireRelease(
        attempt(path, () => open(path, "a", 0o600)),
        (file) => Effect.promise(() => file.close())
      ),
      (file) =>
        Effect.flatMap(
          attempt(path, () => file.stat()),
          ({ mode }) => ((mode & 0o777) === 0o600 ? Effect.void : attempt(path, () => file.chmod(0o600)))
        )
    )
  )
})
