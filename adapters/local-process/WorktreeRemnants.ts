import { join } from "node:path"
import { Effect, Schema } from "effect"
import type { Remnant } from "../../src/domain/Sweep.js"
import { isTaskId } from "../../src/domain/Task.js"
import type { Reaped } from "../../src/services/Adapter.js"
import type { Transport } from "../../src/services/Transport.js"
import { environment } from "../../src/services/Variables.js"
import { namesIn, touched } from "./Remnants.js"
import { Worktree } from "./Wire.js"
import { git, nowhereElse, removeWorktree, worktreeOf } from "./Worktree.js"

/** The worktrees of this state folder; one with work in it, or that git cannot judge, stays. */
export const worktreesIn = (stateDir: string): Effect.Effect<ReadonlyArray<Remnant>, never, Transport> =>
  Effect.forEach(namesIn(join(stateDir, "worktrees")).filter(isTaskId), (taskId) => ofWorktree(stateDir, taskId))

const ofWorktree = (stateDir: string, taskId: string): Effect.Effect<Remnant, never, Transport> =>
  Effect.gen(function* () {
    const env = yield* surroundings
    const { path } = worktreeOf(stateDir, taskId, "")
    const judged = yield* Effect.either(
      Effect.gen(function* () {
        const shared = yield* git(env, path, "rev-parse", "--path-format=absolute", "--git-common-dir")
        const changes = yield* git(env, path, "status", "--porcelain")
        const adrift = yield* git(env, path, "rev-list", "--count", "HEAD", ...nowhereElse)
        return { shared, clean: changes === "" && adrift === "0" }
      })
    )
    const found = {
      key: `worktree:${taskId}`,
      kind: "local.worktree",
      taskId,
      part: "work",
      since: touched(path),
      what: `the worktree ${path}`
    } as const
    if (judged._tag === "Left")
      return { ...found, ref: {}, stays: `git cannot judge it (${judged.left}); look at it, then remove it by hand` }
    const ref = { ...worktreeOf(stateDir, taskId, judged.right.shared) }
    return judged.right.clean
      ? { ...found, ref }
      : { ...found, ref, stays: "it holds work that is nowhere else; commit or copy it, then `git worktree remove` it" }
  })

/** What git needs to find its own settings. */
const surroundings = environment(["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER"])

/** Git itself refuses to remove one that got work in the meantime. */
export const reapWorktree = ({ ref }: Remnant): Effect.Effect<Reaped, never, Transport> =>
  Effect.gen(function* () {
    const worktree = yield* Effect.orDie(Schema.decodeUnknown(Worktree)(ref))
    const { kept, reason = "git keeps it" } = yield* removeWorktree(worktree, yield* surroundings)
    return kept ? { state: "stays", because: reason } : { state: "gone" }
  })
