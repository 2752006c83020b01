import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Resource, Task } from "../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { layer, root, shell, stateDir } from "./support/LocalWork.js"

const git = (folder: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=Test", "-c", "user.email=test@example.com", ...args], {
    encoding: "utf8"
  }).trim()

let made = 0
const repository = Effect.sync(() => {
  const folder = join(root, `repository-${made++}`)
  mkdirSync(folder)
  git(folder, "init", "--quiet")
  writeFileSync(join(folder, "a.txt"), "one\n")
  git(folder, "add", ".")
  git(folder, "commit", "--quiet", "-m", "first")
  return folder
})

const commit = "git -c user.name=Test -c user.email=test@example.com commit --quiet"

const worktreeOf = (task: Task) => join(stateDir, "worktrees", task.id)
const branches = (folder: string) => git(folder, "branch", "--format=%(refname:short)").split("\n")
const stateOf = (resources: ReadonlyArray<Resource>) =>
  resources.find(({ key }) => key === "worktree") ?? assert.fail("no worktree")

const worked = Effect.fnUntraced(function* (folder: string, script: string) {
  const { task, resources } = yield* begin(layer, draft(shell(script, { isolation: "worktree", repository: folder })))
  const { outcome } = yield* watch(layer, task)
  assert.isTrue(outcome.ok, JSON.stringify(outcome))
  return { task, resources, outcome }
})

describe("A task in its own worktree", () => {
  it.live("works on its own branch, and a worktree without work goes with its branch", () =>
    Effect.gen(function* () {
      const folder = yield* repository
      const { task, resources, outcome } = yield* worked(folder, "pwd; git branch --show-current; cat a.txt")
      assert.deepEqual(outcome.result, { exitCode: 0, output: `${worktreeOf(task)}\nagentdispatch/${task.id}\none\n` })
      assert.deepEqual(task.providerRefs["worktree"], {
        repository: folder,
        path: worktreeOf(task),
        branch: `agentdispatch/${task.id}`
      })
      const worktree = stateOf(yield* cleaned(layer, task, resources))
      assert.strictEqual(worktree.state, "gone")
      assert.isFalse(existsSync(worktreeOf(task)))
      assert.notInclude(branches(folder), `agentdispatch/${task.id}`)
    })
  )

  it.live("keeps what was not committed", () =>
    Effect.gen(function* () {
      const folder = yield* repository
      const { task, resources } = yield* worked(folder, "echo two >> a.txt; echo new > b.txt")
      const worktree = stateOf(yield* cleaned(layer, task, resources))
      assert.strictEqual(worktree.state, "gone")
      assert.isTrue(worktree.ref["kept"])
      assert.strictEqual(readFileSync(join(worktreeOf(task), "b.txt"), "utf8"), "new\n")
      assert.strictEqual(readFileSync(join(worktreeOf(task), "a.txt"), "utf8"), "one\ntwo\n")
      assert.strictEqual(git(folder, "status", "--porcelain"), "", "the repository itself was not touched")
    })
  )

  it.live("keeps its commits on the branch, and commits that are on none in the worktree", () =>
    Effect.gen(function* () {
      const folder = yield* repository
      const onBranch = yield* worked(folder, `echo two > a.txt; ${commit} -a -m work`)
      const committed = stateOf(yield* cleaned(layer, onBranch.task, onBranch.resources))
      assert.deepInclude(committed.ref, { kept: false, branchKept: true })
      assert.isFalse(existsSync(worktreeOf(onBranch.task)))
      assert.strictEqual(git(folder, "log", "-1", "--format=%s", `agentdispatch/${onBranch.task.id}`), "work")

      const adrift = yield* worked(folder, `git checkout --quiet --detach; echo two > a.txt; ${commit} -a -m adrift`)
      const kept = stateOf(yield* cleaned(layer, adrift.task, adrift.resources))
      assert.isTrue(kept.ref["kept"])
      assert.strictEqual(git(worktreeOf(adrift.task), "log", "-1", "--format=%s"), "adrift")
    })
  )

  it.live("that removed its own folder leaves neither an entry nor a branch, unless a commit is only there", () =>
    Effect.gen(function* () {
      const folder = yield* repository
      const bare = yield* worked(folder, 'rm -rf "$PWD"')
      const gone = stateOf(yield* cleaned(layer, bare.task, bare.resources))
      assert.deepInclude(gone.ref, { kept: false, branchKept: false })
      assert.lengthOf(branches(folder), 1)
      assert.strictEqual(git(folder, "worktree", "prune", "--dry-run", "--verbose"), "")

      const script = `git checkout --quiet --detach; echo two > a.txt; ${commit} -a -m adrift; rm -rf "$PWD"`
      const adrift = yield* worked(folder, script)
      const kept = stateOf(yield* cleaned(layer, adrift.task, adrift.resources))
      assert.isTrue(kept.ref["kept"])
      assert.strictEqual(git(folder, "log", "-1", "--format=%s", `worktrees/${adrift.task.id}/HEAD`), "adrift")
    })
  )

  it.live("keeps new files though the user's settings hide them", () =>
    Effect.gen(function* () {
      const folder = yield* repository
      git(folder, "config", "status.showUntrackedFiles", "no")
      const { task, resources } = yield* worked(folder, "echo new > b.txt")
      assert.isTrue(stateOf(yield* cleaned(layer, task, resources)).ref["kept"])
      assert.strictEqual(readFileSync(join(worktreeOf(task), "b.txt"), "utf8"), "new\n")
    })
  )

  it.live("says so when its folder is no repository, and leaves nothing after a cancel before the start", () =>
    Effect.gen(function* () {
      const nowhere = draft(shell("true", { isolation: "worktree", repository: root }))
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.start(nowhere)))
      assert.strictEqual(failure.code, "local_process.worktree_failed")
      assert.include(failure.message, root)
      const folder = yield* repository
      const task = draft(shell("true", { isolation: "worktree", repository: folder }))
      const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      yield* cleaned(layer, task, resources)
      assert.lengthOf(branches(folder), 1)
    })
  )
})
