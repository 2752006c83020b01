import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Clock, Effect, type ParseResult, Schema } from "effect"
import { FolderFailed } from "./Spec.generated.js"
import { lives, type Processes } from "./supervisor/Processes.js"
import { closedMark, createFile, files, isClosed, readText, replaceFile, syncFolder } from "./supervisor/Records.js"
import type * as Records from "./supervisor/Records.js"
import { Child, Claim, Exit, Spec } from "./Wire.js"

/** Where a task stands, as its folder and the system tell it. `lastSeen` is in milliseconds since 1970. */
export type Situation =
  | { readonly state: "closed" | "unclaimed" | "void" }
  | { readonly state: "running"; readonly supervisor: Records.Identity; readonly lastSeen: number }
  | { readonly state: "ended"; readonly exit: Records.Exit }
  | { readonly state: "lost"; readonly lastSeen: number }

/** Everything of one task on disk; private to the user. */
export const folderOf = (stateDir: string, taskId: string): string => join(stateDir, "local", taskId)

const touching = <A>(folder: string, touch: () => A): Effect.Effect<A, FolderFailed> =>
  Effect.try({ try: touch, catch: (error) => failed(folder, error) })

const failed = (folder: string, error: unknown): FolderFailed =>
  new FolderFailed({ path: folder, detail: error instanceof Error ? error.message : String(error) })

const read = <A>(folder: string, name: string, schema: Schema.Schema<A>): Effect.Effect<A | undefined, FolderFailed> =>
  Effect.flatMap(
    touching(folder, () => readText(join(folder, name))),
    (text) =>
      text === undefined
        ? Effect.succeed(undefined)
        : Schema.decode(Schema.parseJson(schema))(text).pipe(
            Effect.mapError((error: ParseResult.ParseError) =>
              failed(folder, new Error(`${name} is damaged: ${error.message}`))
            )
          )
  )

/** So long after its last sign a supervisor that we cannot look up, in another container, counts as gone. */
const silentMillis = 30_000

export const situation = (folder: string, processes: Processes): Effect.Effect<Situation, FolderFailed> =>
  Effect.gen(function* () {
    const exit = yield* read(folder, files.exit, Exit)
    if (exit !== undefined) return ended(exit)
    const claim = yield* read(folder, files.claim, Claim)
    if (claim === undefined) return { state: isClosed(folder) ? "closed" : "unclaimed" }
    const { supervisor } = claim
    if (supervisor === null) return { state: "void" }
    const lastSeen = (yield* touchedAt(folder, files.claim)) ?? claim.claimedAt
    const foreign = supervisor.bootId !== processes.bootId
    const alive = foreign ? (yield* Clock.currentTimeMillis) - lastSeen < silentMillis : lives(processes, supervisor)
    if (alive) return { state: "running", supervisor, lastSeen }
    const late = yield* read(folder, files.exit, Exit)
    return late === undefined ? { state: "lost", lastSeen } : ended(late)
  })

const ended = (exit: Records.Exit): Situation => ({ state: "ended", exit })

/** Makes a folder that only this user may look into. */
export const privateFolder = (path: string): Effect.Effect<void, FolderFailed> =>
  Effect.asVoid(touching(path, () => mkdirSync(path, { recursive: true, mode: 0o700 })))

/** What the task's records know its processes by; the token is that of the start that was taken. */
export const family = (folder: string) =>
  Effect.map(Effect.all([read(folder, files.claim, Claim), read(folder, files.child, Child)]), ([claim, found]) => ({
    token: claim?.token,
    child: found?.child,
    remembered: found?.descendants ?? []
  }))

/** Makes the folder and what the supervisor is to do. */
export const writeSpec = Effect.fn("local.writeSpec")(function* (folder: string, spec: Records.Spec) {
  const text = yield* Effect.orDie(Schema.encode(Schema.parseJson(Spec))(spec))
  yield* touching(folder, () => {
    mkdirSync(join(folder, files.artifacts), { recursive: true, mode: 0o700 })
    syncFolder(dirname(folder))
    replaceFile(join(folder, files.spec), text)
  })
})

/** Takes the claim without running anything, so that nobody ever will; false if a supervisor has it. */
export const voidClaim = Effect.fn("local.voidClaim")(function* (folder: string, token: string, claimedAt: number) {
  const text = yield* Effect.orDie(Schema.encode(Schema.parseJson(Claim))({ token, supervisor: null, claimedAt }))
  return yield* touching(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return createFile(join(folder, files.claim), text)
  })
})

/**
 * Leaves an empty file that says since when; the first one counts. Answers how long ago that was, in milliseconds, by
 * the file system's clock alone: ours may be another, or have been set. One that was set back tells nothing any more.
 */
export const mark = (folder: string, name: string): Effect.Effect<number, FolderFailed> =>
  touching(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!existsSync(join(folder, name))) createFile(join(folder, name), "")
    const now = join(folder, "now")
    // Emptying a file touches it, and takes no room on a full disk.
    closeSync(openSync(now, "w", 0o600))
    const age = statSync(now).mtimeMs - statSync(join(folder, name)).mtimeMs
    return age < 0 ? Number.POSITIVE_INFINITY : age
  })

/** When a file was last written to; nothing if there is none. */
export const touchedAt = (folder: string, name: string): Effect.Effect<number | undefined, FolderFailed> =>
  touching(folder, () => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs)

/** Removes everything but the artifacts, and leaves a mark outside that keeps a late start from running. */
export const close = (folder: string): Effect.Effect<void, FolderFailed> =>
  touching(folder, () => {
    mkdirSync(dirname(closedMark(folder)), { recursive: true, mode: 0o700 })
    writeFileSync(closedMark(folder), "", { mode: 0o600 })
    if (!existsSync(folder)) return
    for (const name of readdirSync(folder)) {
      if (name !== files.artifacts || isEmpty(join(folder, name)))
        rmSync(join(folder, name), { recursive: true, force: true })
    }
    if (isEmpty(folder)) rmSync(folder, { recursive: true, force: true })
  })

const isEmpty = (folder: string): boolean => {
  const found = statSync(folder, { throwIfNoEntry: false })
  return found?.isDirectory() === true && readdirSync(folder).length === 0
}
