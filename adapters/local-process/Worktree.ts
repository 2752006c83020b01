import { existsSync, mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { Transport } from "../../src/services/Transport.js"
import { isDirectory } from "./Plan.js"
import { FolderFailed, WorktreeFailed } from "./Spec.generated.js"

/** A task's own checkout. */
export interface Worktree {
  readonly repository: string
  readonly path: string
  readonly branch: string
}

/** Outside the task's folder, because uncommitted work outlives the task. */
export const worktreeOf = (stateDir: string, taskId: string, repository: string): Worktree => ({
  repository,
  path: join(stateDir, "worktrees", taskId),
  branch: `agentdispatch/${taskId}`
})

/** A checkout of a large repository takes minutes. */
const timeoutSeconds = 600

type Git = (folder: string, ...args: ReadonlyArray<string>) => Effect.Effect<string, string, Transport>

/** Runs git without any question to a person; fails with what it says. */
const gitWith = (env: Readonly<Record<string, string>>): Git => (folder, ...args) =>
  Effect.flatMap(Transport, ({ run }) => run({ argv: ["git", "-C", folder, ...args], env: { ...env, GIT_TERMINAL_PROMPT: "0" }, timeoutSeconds })).pipe(
    Effect.mapError((error) => error.message),
    Effect.filterOrFail(({ exitCode }) => exitCode === 0, ({ stderr }) => stderr.trim() || `git ${args[0]} failed`),
    Effect.map(({ stdout }) => stdout.trim())
  )

/** Makes the worktree unless it is there; `ready` says that nobody can have worked in a half-made one. */
export const make = Effect.fn("local.worktree.make")(function* (worktree: Worktree, env: Readonly<Record<string, string>>) {
  const git = gitWith(env)
  const { repository, path, branch } = worktree
  const attempt = Effect.gen(function* () {
    if ((yield* Effect.option(git(path, "config", "--worktree", "--get", "agentdispatch.ready")))._tag === "Some") return
    yield* Effect.sync(() => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }))
  })
  yield* attempt
  return { git, repository, path, branch, FolderFailed, isDirectory, existsSync }
})
