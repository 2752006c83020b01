import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type Desk, deskWith } from "./support/cli.js"
import { SweepReport } from "./support/SweepReport.js"

const person = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
const git = (folder: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-C", folder, ...person, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"]
  }).trim()

/** A desk with a repository, whose tasks do what their instruction says in a worktree each. */
const withRepository = Effect.gen(function* () {
  const at = yield* deskWith({ PATH: "/usr/local/bin:/usr/bin:/bin" })
  const repository = join(at.folder, "repository")
  mkdirSync(repository)
  git(repository, "init", "--quiet", "--initial-branch=main")
  writeFileSync(join(repository, "a.txt"), "one\n")
  git(repository, "add", ".")
  git(repository, "commit", "--quiet", "-m", "first")
  const details = { command: ["/bin/sh", "-c", "{instruction}"], isolation: "worktree", repository }
  const config = {
    accounts: { here: { provider: "local", credentialSource: "none" } },
    backends: { desk: { adapter: "local-process", account: "here", details } },
    runtimes: { work: { provider: "local", account: "here", capability: "agent-runtime", backend: "desk" } },
    defaults: { runtime: "work" }
  }
  writeFileSync(join(at.folder, "c.json"), JSON.stringify(config))
  return { at, repository }
})

const ended = Effect.fnUntraced(function* (at: Desk, instruction: string) {
  const { code, stdout } = yield* at.run("run", "--config", "c.json", "--wait", "--json", "--instruction", instruction)
  assert.strictEqual(code, 0, stdout)
  const id = /task_[0-9a-z]{26}/.exec(stdout)?.[0] ?? assert.fail(stdout)
  return { id, path: join(at.folder, "state", "worktrees", id), branch: `agentdispatch/${id}` }
})

const doctor = ({ run }: Desk, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(run("doctor", "--config", "c.json", "--json", ...args), ({ code, stdout }) =>
    Effect.map(Schema.decode(SweepReport)(stdout), ({ ok, sweep }) => ({
      code,
      ok,
      of: (id: string) => {
        const found = sweep.filter(({ taskId }) => taskId === id)
        assert.isAtMost(found.length, 1)
        return found[0]
      },
      all: sweep
    }))
  )

const commit = `git ${person.join(" ")} commit --quiet`

describe("Worktrees of ended tasks", () => {
  it.scopedLive(
    "are shown and reaped once nothing is only there; work, and what is not ours, stays",
    () =>
      Effect.gen(function* () {
        const { at, repository } = yield* withRepository
        const [dirty, discarded, finished, hidden, locked, adrift] = yield* Effect.forEach(
          [
            "echo two >> a.txt; echo new > b.txt",
            "echo two >> a.txt",
            "echo two >> a.txt",
            "echo new > b.txt",
            "echo two >> a.txt",
            `git checkout --quiet --detach; echo two > a.txt; ${commit} -a -m adrift`
          ],
          (instruction) => ended(at, instruction),
          { concurrency: 2 }
        )
        if (!dirty || !discarded || !finished || !hidden || !locked || !adrift) return assert.fail("void")
        // What their people did with them since.
        git(discarded.path, "checkout", "--quiet", "a.txt")
        git(finished.path, "commit", "--quiet", "-a", "-m", "finished")
        git(locked.path, "checkout", "--quiet", "a.txt")
        git(repository, "worktree", "lock", "--reason", "on a stick", locked.path)
        git(repository, "config", "status.showUntrackedFiles", "no")
        const [mine, beside] = [join(at.folder, "mine"), join(at.folder, "state", "worktrees", "mine-too")]
        git(repository, "worktree", "add", "--quiet", "-b", "mine", mine)
        git(repository, "worktree", "add", "--quiet", "-b", "agentdispatch/mine-too", beside)
        const before = git(repository, "worktree", "list", "--porcelain")

        const shown = yield* doctor(at)
        assert.lengthOf(shown.all, 6)
        for (const { id } of [discarded, finished])
          assert.deepInclude(shown.of(id), { kind: "local.worktree", action: "remove" })
        for (const { id } of [dirty, hidden, adrift]) {
          assert.deepInclude(shown.of(id), { kind: "local.worktree", action: "report" })
          assert.match(shown.of(id)?.because ?? "", /holds work that is nowhere else; commit or copy it/)
        }
        assert.strictEqual(git(repository, "worktree", "list", "--porcelain"), before, "a look changes nothing")

        const reaped = yield* doctor(at, "--reap")
        assert.deepStrictEqual([reaped.code, reaped.ok], [0, true])
        for (const { id } of [discarded, finished]) assert.strictEqual(reaped.of(id)?.outcome, "done")
        for (const { id } of [dirty, hidden, adrift]) assert.isUndefined(reaped.of(id)?.outcome)
        assert.deepInclude(reaped.of(locked.id), { outcome: "kept" })
        assert.include(reaped.of(locked.id)?.detail, "on a stick")

        const after = git(repository, "worktree", "list", "--porcelain")
        for (const { path } of [discarded, finished]) {
          assert.isFalse(existsSync(path))
          assert.notInclude(after, path)
        }
        for (const path of [dirty.path, hidden.path, locked.path, adrift.path, mine, beside, repository]) {
          assert.isTrue(existsSync(path))
          assert.include(after, path)
        }
        assert.strictEqual(readFileSync(join(dirty.path, "a.txt"), "utf8"), "one\ntwo\n")
        for (const { path } of [dirty, hidden]) assert.strictEqual(readFileSync(join(path, "b.txt"), "utf8"), "new\n")
        assert.strictEqual(git(adrift.path, "log", "-1", "--format=%s"), "adrift")
        assert.strictEqual(git(repository, "log", "-1", "--format=%s", finished.branch), "finished")
        const branches = git(repository, "branch", "--format=%(refname:short)").split("\n")
        assert.sameMembers(branches, [
          "main",
          "mine",
          "agentdispatch/mine-too",
          ...[dirty, hidden, locked, adrift, finished].map(({ branch }) => branch)
        ])
        assert.strictEqual(git(repository, "status", "--porcelain", "--untracked-files=all"), "")
        git(repository, "fsck", "--strict")
        assert.strictEqual(git(repository, "worktree", "prune", "--dry-run"), "")

        const { stdout } = yield* at.run("logs", finished.id)
        assert.include(stdout, `Swept: the worktree ${finished.path}`)
        const again = yield* doctor(at, "--reap")
        assert.deepStrictEqual([again.code, again.all.length], [0, 4])
      }),
    60_000
  )
})
