import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { listOf, resultOf, viewOf } from "./support/LaneAnswers.js"
import { repos } from "./support/LaneBench.js"
import { eventually, kinds, type Place, place, refusalOf, session, written } from "./support/Server.js"

const ledgerOf = ({ folder }: Place) => join(folder, "home", "ledger")

/** A `dotfiles-dispatch` that keeps the vectors it was started with, and an allowlist, in a place of their own. */
const scene = (at: Place, env: Readonly<Record<string, string>> = {}) => {
  const bin = join(at.folder, "bin")
  mkdirSync(bin, { recursive: true })
  const stub = join(bin, "dotfiles-dispatch")
  writeFileSync(
    stub,
    `#!/bin/sh
printf '%s\\0' "$@" >> "$HOME/ledger"; printf '\\n\\0' >> "$HOME/ledger"
env >> "$HOME/env"
case "$3" in
fail) echo "no lane for you" >&2; exit 3 ;;
slow) while [ ! -e "$HOME/go" ]; do sleep 0.05; done ;;
loud) head -c 10000000 /dev/zero | tr '\\0' x ;;
esac
echo "lane started for $2"
`
  )
  chmodSync(stub, 0o755)
  const list = written(at, "repos.json", JSON.stringify(repos))
  return { env: { PATH: `${bin}:${process.env["PATH"] ?? ""}`, DISPATCH_REPOS_JSON: list, ...env } }
}

/** The vectors the stub was started with, each without the program's own name. */
const vectors = (at: Place): ReadonlyArray<ReadonlyArray<string>> =>
  existsSync(ledgerOf(at))
    ? readFileSync(ledgerOf(at), "utf8")
        .split("\0\n\0")
        .slice(0, -1)
        .map((vector) => vector.split("\0"))
    : []

const unit = (task_description: string, orguser = "web-bot", repo = "storefront") => ({
  orguser,
  repo,
  task_description
})

for (const kind of kinds) {
  describe(`the lanes, as ${kind} meets them`, () => {
    it.scopedLive("answer in the contract's shape, in text and structured content alike", () =>
      Effect.gen(function* () {
        const at = yield* place
        const { call, tools } = yield* session(kind, at, scene(at))
        const listed = yield* tools
        assert.deepStrictEqual(
          listed.map(({ name }) => name).filter((name) => name.startsWith("dispatch_") && name !== "dispatch_task"),
          ["dispatch_unit", "dispatch_status", "dispatch_result", "dispatch_list"]
        )
        const dispatched = yield* call("dispatch_unit", unit("build it"))
        const { handle, requested_at } = viewOf(dispatched)
        assert.match(handle, /^dsp-[0-9a-f]{16}$/)
        assert.match(requested_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        const view = `{"handle":"${handle}","orguser":"web-bot","repo":"storefront","github":"example-org/storefront","status":"running","requested_at":"${requested_at}"}`
        const result = `${view.slice(0, -1)},"returncode":0,"detail":"lane started for storefront"}`
        const answers = [
          ["dispatch_unit", dispatched, view],
          ["dispatch_status", yield* call("dispatch_status", { handle }), view],
          ["dispatch_result", yield* call("dispatch_result", { handle }), result],
          ["dispatch_list", yield* call("dispatch_list"), `{"count":1,"dispatches":[${view}]}`]
        ] as const
        for (const [name, answer, text] of answers) {
          assert.strictEqual(answer.text, text, name)
          assert.deepStrictEqual(answer.structured, answer.value)
          const schema = listed.find((tool) => tool.name === name)?.outputSchema ?? assert.fail(name)
          assert.isTrue(new AjvJsonSchemaValidator().getValidator({ ...schema })(answer.structured).valid, name)
        }
        const failed = refusalOf(yield* call("dispatch_unit", unit("fail")))
        assert.match(failed, /^lane\.command_failed: .*exit code 3: no lane for you\..* \(handle dsp-[0-9a-f]{16}\)$/)
        const [, lost = ""] = /\(handle (.*)\)/.exec(failed) ?? []
        const kept = resultOf(yield* call("dispatch_result", { handle: lost }))
        assert.deepInclude(kept, { status: "failed", returncode: 3, detail: "no lane for you" })
        assert.deepStrictEqual(
          listOf(yield* call("dispatch_list")).dispatches.map((each) => each.handle),
          [handle, lost]
        )
      })
    )
  })
}

const [kind] = kinds
if (kind === undefined) throw new Error("there is no client")

describe("a lane", () => {
  it.scopedLive("gets the contract's vector, with the task as it was said, and no variable it should not", () =>
    Effect.gen(function* () {
      const at = yield* place
      const env = {
        DISPATCH_SSH_HOST: "lanes.example",
        DISPATCH_MAX_ITERATIONS: "many",
        DISPATCH_TIMEOUT: "soon",
        GH_TOKEN: "gh-token-of-the-host"
      }
      const { call } = yield* session(kind, at, scene(at, env))
      const task = "$(touch pwned) `id` ; | & > x * ? \" ' \\ \u202eright\nsecond line --max 9"
      const long = "\u00fc".repeat(8_000)
      for (const text of [task, long]) viewOf(yield* call("dispatch_unit", unit(text)))
      const vector = (text: string) => ["web-bot", "storefront", text, "--host", "lanes.example", "--max", "50"]
      assert.deepStrictEqual(vectors(at), [vector(task), vector(long)])
      assert.isFalse(existsSync(join(at.folder, "pwned")))
      const seen = readFileSync(join(at.folder, "home", "env"), "utf8")
      assert.include(seen, "PATH=")
      for (const name of ["GH_TOKEN", "DISPATCH_", "AGENTDISPATCH"]) assert.notInclude(seen, name)

      const audit = join(at.stateDir, "audit.ndjson")
      const ends = yield* eventually(
        Effect.sync(() => {
          const lines = readFileSync(audit, "utf8").split("\n")
          const found = lines.filter((line) => line.includes('"dispatch_unit.ended"'))
          return found.length === 2 ? found : undefined
        })
      )
      assert.include(ends[0], JSON.stringify(["dotfiles-dispatch", ...vector(task)]), "the vector, word for word")
      assert.include(ends[0], '"github":"example-org/storefront"')
      assert.include(ends[1], JSON.stringify(`${long.slice(0, 117)}...`))
    })
  )

  it.scopedLive("takes none of what must not reach it", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { call } = yield* session(kind, at, scene(at))
      const refused = [
        [unit(""), "lane.task_invalid"],
        [unit("x".repeat(8_001)), "lane.task_invalid"],
        [unit("a\u0000b"), "lane.task_invalid"],
        [unit("--help"), "lane.task_invalid"],
        [unit("x", "data-bot"), "lane.wrong_owner"],
        [unit("x", "ghost-bot", "orphan"), "lane.unknown_repo"],
        [unit("x", "web-bot", "malformed"), "lane.unknown_repo"],
        [unit("x", "web-bot", "Storefront"), "lane.unknown_repo"],
        [unit("x", "web-bot", "st\u043erefront"), "lane.unknown_repo"],
        [unit("x", "web-bot", "__proto__"), "lane.unknown_repo"],
        [unit("x", "web-bot", "constructor"), "lane.unknown_repo"],
        [unit("x", "constructor"), "lane.wrong_owner"],
        [{ ...unit("x"), command: "rm" }, "input.invalid"],
        [{ ...unit("x"), host: "-oProxyCommand=id" }, "input.invalid"]
      ] as const
      for (const [args, code] of refused) {
        const said = refusalOf(yield* call("dispatch_unit", args))
        assert.strictEqual(said.split(":")[0], code, JSON.stringify(args).slice(0, 80))
      }
      assert.deepStrictEqual(vectors(at), [])
      assert.strictEqual(listOf(yield* call("dispatch_list")).count, 0)
      assert.match(
        refusalOf(yield* call("dispatch_status", { handle: "dsp-0000000000000000" })),
        /^lane\.handle_unknown/
      )
    })
  )

  it.scopedLive("is there as soon as the allowlist says so, and never because it once did", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { call } = yield* session(kind, at, scene(at))
      const { handle } = viewOf(yield* call("dispatch_unit", unit("one")))
      assert.match(refusalOf(yield* call("dispatch_unit", unit("x", "web-bot", "extra"))), /^lane\.unknown_repo/)
      written(
        at,
        "repos.json",
        '{"orgs":{"web-bot":{}},"repos":{"extra":{"org":"web-bot","github":"example-org/extra"}}}'
      )
      assert.strictEqual(viewOf(yield* call("dispatch_unit", unit("two", "web-bot", "extra"))).repo, "extra")
      assert.match(refusalOf(yield* call("dispatch_unit", unit("x"))), /^lane\.unknown_repo/)

      written(at, "repos.json", '{\n  "orgs": {},\n  "repos" {}\n}')
      const broken = refusalOf(yield* call("dispatch_unit", unit("x", "web-bot", "extra")))
      assert.match(
        broken,
        /^lane\.allowlist_invalid: .*repos\.json cannot be used: line 3, column 11: expected a colon/
      )
      assert.strictEqual(
        viewOf(yield* call("dispatch_status", { handle })).status,
        "running",
        "what was dispatched stays"
      )

      for (const text of ["[]", '{"repos":[]}', '{"orgs":7}', "\u{1F600}", ""]) {
        written(at, "repos.json", text)
        assert.match(
          refusalOf(yield* call("dispatch_unit", unit("x"))),
          /allowlist_invalid: .*line 1, column \d+/,
          text
        )
      }
      written(at, "repos.json", JSON.stringify(repos))
      viewOf(yield* call("dispatch_unit", unit("three")))
      assert.deepStrictEqual(
        vectors(at).map(([, , task]) => task),
        ["one", "two", "three"]
      )
    })
  )

  it.scopedLive("is found in the user's home when nobody names an allowlist", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { env } = scene(at)
      mkdirSync(join(at.folder, "home"), { recursive: true })
      writeFileSync(join(at.folder, "home", ".repos.json"), JSON.stringify(repos))
      const { DISPATCH_REPOS_JSON: _, ...rest } = env
      const { call } = yield* session(kind, at, { env: rest })
      viewOf(yield* call("dispatch_unit", unit("build it")))
    })
  )

  it.scopedLive("whose command is missing, loud or too slow is told as what it is", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { env } = scene(at, { DISPATCH_TIMEOUT: "1.5" })
      const { call } = yield* session(kind, at, { env })
      const loud = viewOf(yield* call("dispatch_unit", unit("loud")))
      assert.isAtMost(resultOf(yield* call("dispatch_result", { handle: loud.handle })).detail.length, 8_000)
      const late = refusalOf(yield* call("dispatch_unit", unit("slow")))
      assert.match(late, /^lane\.timeout: .*did not end within 1\.5 s/)
      const bare = yield* place
      const { call: other } = yield* session(kind, bare, { env: { ...env, PATH: "/nowhere" } })
      assert.match(refusalOf(yield* other("dispatch_unit", unit("x"))), /^lane\.command_not_found/)
    })
  )

  it.scopedLive("keeps its dispatches when the server is killed, and gets none of them twice", () =>
    Effect.gen(function* () {
      const at = yield* place
      const start = scene(at)
      const first = yield* session(kind, at, start)
      const { handle } = viewOf(yield* first.call("dispatch_unit", unit("build it")))
      const cut = yield* Effect.fork(Effect.exit(first.call("dispatch_unit", unit("slow"))))
      yield* eventually(Effect.sync(() => vectors(at)[1]))
      yield* first.kill("SIGKILL")
      yield* cut.await
      const { call } = yield* session(kind, at, start)
      assert.strictEqual(viewOf(yield* call("dispatch_status", { handle })).status, "running")
      const lost = yield* eventually(
        Effect.map(call("dispatch_list"), (answer) =>
          listOf(answer).dispatches.find(({ status }) => status === "failed")
        )
      )
      assert.match(resultOf(yield* call("dispatch_result", { handle: lost.handle })).detail, /not started again/)
      assert.lengthOf(vectors(at), 2)
      writeFileSync(join(at.folder, "home", "go"), "")
    })
  )

  it.scopedLive("takes work from two servers at once, each unit once", () =>
    Effect.gen(function* () {
      const at = yield* place
      const start = scene(at)
      const [one, other] = yield* Effect.all([session(kind, at, start), session(kind, at, start)])
      const tasks = Array.from({ length: 4 }, (_, index) => `unit ${index}`)
      const views = yield* Effect.forEach(
        tasks,
        (task, index) => Effect.map((index % 2 === 0 ? one : other).call("dispatch_unit", unit(task)), viewOf),
        { concurrency: 4 }
      )
      for (const { call } of [one, other]) {
        const { count, dispatches } = listOf(yield* call("dispatch_list"))
        assert.strictEqual(count, 4)
        assert.sameMembers(
          dispatches.map(({ handle }) => handle),
          views.map(({ handle }) => handle)
        )
      }
      assert.sameMembers(
        vectors(at).map(([, , task]) => task),
        tasks
      )
    })
  )

  it.scopedLive("gets one unit for one call of the client's model", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { call } = yield* session(kind, at, scene(at))
      const meta = { "claudecode/toolUseId": "toolu_1" }
      const first = viewOf(yield* call("dispatch_unit", unit("once"), meta))
      assert.strictEqual(viewOf(yield* call("dispatch_unit", unit("once"), meta)).handle, first.handle)
      assert.lengthOf(vectors(at), 1)
    })
  )
})
