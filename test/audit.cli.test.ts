import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { desk } from "./support/cli.js"

const Shown = Schema.parseJson(
  Schema.Struct({
    seq: Schema.Int,
    event: Schema.String,
    taskId: Schema.optional(Schema.String),
    sealed: Schema.optional(Schema.Object),
    open: Schema.optional(Schema.Object)
  })
)
const shownIn = (stdout: string) =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => Schema.decodeSync(Shown)(line))

/** A user who dispatched one task and cancelled nothing. */
const worked = Effect.gen(function* () {
  const user = yield* desk
  const { stderr } = yield* user.run("run", "--runtime", "echo", "--wait", "find the needle")
  yield* user.run("cancel", stderr.trim())
  return { ...user, task: stderr.trim(), log: join(user.folder, "state", "audit.ndjson") }
})

describe("agentdispatch audit", { timeout: 60_000 }, () => {
  it.scopedLive("verify says whole, or names the first broken record", () =>
    Effect.gen(function* () {
      const { log, run } = yield* worked
      const whole = yield* run("audit", "verify")
      assert.match(whole.stdout, /^whole: 3 records, 1 checkpoints, signed with key [0-9a-f]{64}\n$/)
      assert.strictEqual(whole.code, 0)

      writeFileSync(log, readFileSync(log, "utf8").replace("accepted", "refused!"))
      const broken = yield* run("audit", "verify")
      assert.strictEqual(broken.code, 1)
      assert.strictEqual(
        broken.stdout,
        "broken: 1 records are whole\nbroken  audit.ndjson line 2: record 2 was changed: its hash is another\n"
      )
      const json = yield* run("audit", "verify", "--json")
      assert.strictEqual(json.code, 1)
      assert.include(json.stdout, '"broken":[{"file":"audit.ndjson","record":2,"line":2,"what":"record 2 was changed')
    })
  )

  it.scopedLive("show has the records as they are stored, and those that were asked for", () =>
    Effect.gen(function* () {
      const { run, task } = yield* worked
      const { stdout } = yield* run("audit", "show")
      const lines = stdout.split("\n")
      assert.match(lines[0] ?? "", /^NO {2}AT +WHO +EVENT +OUTCOME +TASK +ABOUT$/)
      assert.match(
        lines[2] ?? "",
        new RegExp(`^2 .* user:.* spawn_cloud_agent .*accepted +${task} .*"find the needle"$`)
      )
      const asked = (...args: ReadonlyArray<string>) =>
        Effect.map(run("audit", "show", "--json", ...args), (ended) => shownIn(ended.stdout).map(({ seq }) => seq))
      assert.deepStrictEqual(yield* asked(), [1, 2, 3])
      assert.deepStrictEqual(yield* asked("--task", task), [2, 3])
      assert.deepStrictEqual(yield* asked("--event", "cancel_task"), [3])
      assert.deepStrictEqual(yield* asked("--limit", "1"), [3])
      assert.deepStrictEqual(yield* asked("--since", "2026-01-01"), [1, 2, 3])
      assert.deepStrictEqual(yield* asked("--since", "2999-01-01T00:00:00Z"), [])
      const wrong = yield* run("audit", "show", "--since", "soon")
      assert.strictEqual(wrong.code, 2)
      assert.match(wrong.stderr, /--since: "soon" is no time such as/)
    })
  )

  it.scopedLive("redact takes a sensitive value out of the log for good, and the log stays whole", () =>
    Effect.gen(function* () {
      const { log, run } = yield* worked
      assert.strictEqual((yield* run("audit", "redact", "2")).stdout, "taken out: instruction\n")
      assert.notInclude(readFileSync(log, "utf8"), "needle")
      const { code, stdout } = yield* run("audit", "verify")
      assert.strictEqual(code, 0)
      assert.match(stdout, /^whole: 4 records/)
      assert.match((yield* run("audit", "show")).stdout, /instruction: "\(taken out\)"/)
      assert.match((yield* run("audit", "redact", "2")).stdout, /^nothing left to take out of record 2/)
      assert.strictEqual((yield* run("audit", "redact", "0")).code, 2)
      assert.match((yield* run("audit", "redact", "77")).stderr, /^audit\.unusable: .*has no record 77/)
    })
  )

  it.scopedLive("export makes a folder that another machine verifies with a key that was kept", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* worked, yield* desk]
      const folder = join(here.folder, "export")
      assert.strictEqual((yield* here.run("audit", "export", folder)).stdout, `3 records in ${folder}\n`)
      assert.isFalse(existsSync(join(folder, "audit.key")))
      const key = join(folder, "audit.pub")
      const file = join(folder, "audit.ndjson")
      const verified = yield* there.run("audit", "verify", "--file", file, "--key", key)
      assert.match(verified.stdout, /^whole: 3 records/)
      yield* here.run("run", "--runtime", "echo", "more")
      assert.strictEqual((yield* here.run("audit", "verify", "--against", folder)).code, 0)

      yield* there.run("run", "--runtime", "echo", "--wait", "hello")
      const others = join(there.folder, "state", "audit.pub")
      const stranger = yield* here.run("audit", "verify", "--file", folder, "--key", others)
      assert.strictEqual(stranger.code, 1)
      assert.match(stranger.stdout, /record 1 began the log with key [0-9a-f]{64}, not with [0-9a-f]{64}/)

      const again = yield* here.run("audit", "export", folder)
      assert.strictEqual(again.code, 2)
      assert.match(again.stderr, /^audit\.unusable: .* is there already and was left as it is/)
    })
  )

  it.scopedLive("says which file it cannot use, and which commands there are", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      writeFileSync(join(folder, "key"), "no key")
      for (const [args, told] of [
        [["verify", "--file", "nowhere"], /^audit\.unusable: .*nowhere\/audit\.ndjson cannot be used: ENOENT/],
        [["verify", "--key", "key"], /^audit\.unusable: key is no Ed25519 key/],
        [["export", "out"], /^audit\.unusable: .* holds no audit log yet/],
        [["vrify"], /^usage\.invalid: There is no command "audit vrify"\. Did you mean "audit verify"\?/],
        [[], /^usage\.invalid: There is no command "audit"\./]
      ] as const) {
        const { code, stderr } = yield* run("audit", ...args)
        assert.match(stderr, told)
        assert.strictEqual(code, 2)
      }
      const nothing = yield* run("audit", "verify")
      assert.deepStrictEqual([nothing.code, nothing.stdout], [0, "whole: 0 records, 0 checkpoints\n"])
    })
  )
})
