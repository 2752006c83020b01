import { execFileSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either, type Scope } from "effect"
import type { Place } from "../support/Server.js"

/** A small disk below a state folder. */
export interface Disk {
  /** Leaves room for so many bytes. */
  readonly fill: (left: number) => void
  readonly free: () => void
}

const megabytes = 48

/** A file system of its own for the state folder, or why there is none here; it is gone before the place is. */
export const disk = ({ stateDir }: Place): Effect.Effect<Either.Either<Disk, string>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        mkdirSync(stateDir, { recursive: true, mode: 0o700 })
        return Either.try({
          try: () => run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "chaos", stateDir),
          catch: (error) => `no file system can be mounted here (${String(error).split("\n")[0]})`
        })
      }),
      (mounted) => Effect.sync(() => Either.isRight(mounted) && run("umount", "-l", stateDir))
    ),
    Either.map(() => filling(join(stateDir, "filler")))
  )

const filling = (path: string): Disk => ({
  fill: (left) => {
    const file = openSync(path, "w")
    const block = Buffer.alloc(Math.max(4_096, left))
    Either.try(() => {
      for (;;) writeSync(file, block)
    })
    closeSync(file)
    if (left > 0) run("truncate", "-s", `-${left}`, path)
  },
  free: () => rmSync(path, { force: true })
})

const run = (command: string, ...args: ReadonlyArray<string>) => execFileSync(command, args, { stdio: "pipe" })
