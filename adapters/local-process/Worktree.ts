import { basename, join } from "node:path"
import { Effect, Option } from "effect"
import { Transport } from "../../src/services/Transport.js"
import { isDirectory } from "./Plan.js"
import { WorktreeFailed } from "./Spec.generated.js"
import { mark, privateFolder, touchedAt } from "./TaskFolder.js"
import type { Worktree } from "./Wire.js"

/** Outside the task's folder, because uncommitted work outlives the task. */
export const worktreeOf = (stateDir: string, taskId: string, repository: string): Worktree => ({
  repository,
  path: join(stateDir, "worktrees", taskId),
  branch: `agentdispatch/${taskId}`
})

/** A checkout of a large repository takes minutes. */
const timeoutSeconds = 600

const ready = "worktree"

/**
 * Makes the worktree, unless it is there. One that an interrupted attempt left half made is removed only if git finds
 * nothing in it that would be lost.
 */
export const makeWorktree = Effect.fn("local.makeWorktree")(function* (
  folder: string,
  worktree: Worktree,
  env: Environment
) {
  const { repository, path, branch } = worktree
  if ((yield* touchedAt(folder, ready)) !== undefined && isDirectory(path)) return
  const refused = (detail: string) => new WorktreeFailed({ repository, detail })
  if (isDirectory(path)) {
    yield* Effect.mapError(git(env, repository, "worktree", "remove", path), (detail) =>
      refused(
        `${path} is left from an interrupted attempt and git will not remove it (${detail}); look at it, then remove it`
      )
    )
  }
  yield* privateFolder(join(path, ".."))
  const known = yield* Effect.option(git(env, repository, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`))
  const target = Option.isSome(known) ? [path, branch] : ["-b", branch, path, "HEAD"]
  yield* Effect.mapError(git(env, repository, "worktree", "add", ...target), refused)
  yield* mark(folder, ready)
})

/** Leaves out the commits that a branch or a tag has as well. */
export const nowhereElse = ["--not", "--branches", "--remotes", "--tags"]

/** What became of a worktree: whatever exists only there is kept. */
export interface Removal {
  readonly kept: boolean
  readonly branchKept: boolean
  readonly reason?: string
}

/** Removes the worktree if nothing is lost by it, and its branch if it has no commit of its own. */
export const removeWorktree = Effect.fn("local.removeWorktree")(function* (
  { repository, path, branch }: Worktree,
  env: Environment
) {
  const removal = Effect.gen(function* () {
    const there = isDirectory(path)
    const head = there ? "HEAD" : `worktrees/${basename(path)}/HEAD`
    const counted = git(env, there ? path : repository, "rev-list", "--count", head, ...nowhereElse)
    // Without its folder git may know it all the same, and hold on to its branch until it is removed there as well.
    const adrift = yield* there ? counted : Effect.orElseSucceed(counted, () => undefined)
    if (adrift !== undefined && adrift !== "0") return kept(`${adrift} commits are on no branch`)
    if (adrift !== undefined) yield* git(env, repository, "worktree", "remove", path)
    const others = ["--not", `--exclude=${branch}`, "--branches", "--remotes", "--tags"]
    const own = yield* Effect.option(git(env, repository, "rev-list", "--count", `refs/heads/${branch}`, ...others))
    if (Option.contains(own, "0")) yield* git(env, repository, "branch", "-D", branch)
    return { kept: false, branchKept: Option.isSome(own) && own.value !== "0" } satisfies Removal
  })
  return yield* Effect.catchAll(removal, (reason) => Effect.succeed(kept(reason)))
})

const kept = (reason: string): Removal => ({ kept: true, branchKept: true, reason })

type Environment = Readonly<Record<string, string>>

/** New files are work wherever a user's own settings hide them, also for `git worktree remove`. */
const settings = ["-c", "status.showUntrackedFiles=normal"]

/** Runs git without asking a person anything; fails with what it says. */
export const git = (
  env: Environment,
  folder: string,
  ...args: ReadonlyArray<string>
): Effect.Effect<string, string, Transport> =>
  Effect.flatMap(Transport, ({ run }) =>
    run({
      argv: ["git", "-C", folder, ...settings, ...args],
      env: { ...env, GIT_TERMINAL_PROMPT: "0" },
      timeoutSeconds
    })
  ).pipe(
    Effect.mapError((error) => error.message),
    Effect.filterOrFail(
      ({ exitCode }) => exitCode === 0,
      ({ stderr }) => stderr.trim() || `git ${args[0]} failed`
    ),
    Effect.map(({ stdout }) => stdout.trim())
  )
