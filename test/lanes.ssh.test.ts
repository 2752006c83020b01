import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { resultOf, viewOf } from "./support/LaneAnswers.js"
import { repos } from "./support/LaneBench.js"
import { kinds, type Place, place, processesNaming, refusalOf, session, written } from "./support/Server.js"
import { silentPort, sshd, withoutSshd } from "./support/Sshd.js"

const [kind] = kinds
if (kind === undefined) throw new Error("there is no client")

/** The far side's `dotfiles-dispatch` and the command that tells how a dispatch stands. */
const farSide = ({ folder }: Place): string => {
  const bin = join(folder, "far")
  mkdirSync(bin, { recursive: true })
  const scripts = {
    "dotfiles-dispatch": `printf '%s\\0' "$@" >> "${folder}/ledger"; printf '\\n\\0' >> "${folder}/ledger"
case "$3" in
fail) echo "no lane for you" >&2; exit 3 ;;
loud) head -c 10000000 /dev/zero | tr '\\0' x ;;
slow) exec sleep 30 ;;
esac
echo "lane started for $2"`,
    "lane-status": `echo "succeeded: $1 is merged"`
  }
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return bin
}

const configOf = (at: Place, ssh: JsonObject, more: JsonObject = {}) => ({
  config: { lanes: { reposJson: written(at, "repos.json", JSON.stringify(repos)), ssh, ...more } }
})

const unit = (task_description: string) => ({ orguser: "web-bot", repo: "storefront", task_description })

describe.skipIf(withoutSshd !== undefined)(
  `a lane over ssh${withoutSshd === undefined ? "" : ` (${withoutSshd})`}`,
  () => {
    it.scopedLive("keeps the contract's shapes and gets the vector as it was sent, whatever it holds", () =>
      Effect.gen(function* () {
        const at = yield* place
        const { ssh } = yield* sshd(at.folder, farSide(at))
        const { call } = yield* session(kind, at, configOf(at, ssh))
        const task = 'it\'s $(touch pwned) `id` \\ ; | & > "x" * ! ~ \u202eright\nline two -oProxyCommand=id'
        const dispatched = yield* call("dispatch_unit", unit(task))
        const { handle, requested_at } = viewOf(dispatched)
        const view = `{"handle":"${handle}","orguser":"web-bot","repo":"storefront","github":"example-org/storefront","status":"running","requested_at":"${requested_at}"}`
        assert.strictEqual(dispatched.text, view)
        assert.strictEqual((yield* call("dispatch_status", { handle })).text, view)
        assert.strictEqual(
          (yield* call("dispatch_result", { handle })).text,
          `${view.slice(0, -1)},"returncode":0,"detail":"lane started for storefront"}`
        )
        assert.strictEqual((yield* call("dispatch_list")).text, `{"count":1,"dispatches":[${view}]}`)
        assert.strictEqual(
          readFileSync(join(at.folder, "ledger"), "utf8"),
          `${["web-bot", "storefront", task, "--host", "localhost", "--max", "50"].join("\0")}\0\n\0`
        )

        assert.match(refusalOf(yield* call("dispatch_unit", unit("fail"))), /^lane\.command_failed: .*code 3: no lane/)
        const loud = viewOf(yield* call("dispatch_unit", unit("loud")))
        assert.isAtMost(resultOf(yield* call("dispatch_result", { handle: loud.handle })).detail.length, 8_000)
      })
    )

    it.scopedLive("is asked over ssh as well where it has a status command", () =>
      Effect.gen(function* () {
        const at = yield* place
        const { ssh } = yield* sshd(at.folder, farSide(at))
        const { call } = yield* session(kind, at, configOf(at, ssh, { status: ["lane-status", "{handle}"] }))
        const { handle } = viewOf(yield* call("dispatch_unit", unit("build it")))
        yield* call("get_task_result", { task_id: handle, wait_seconds: 20 })
        const result = resultOf(yield* call("dispatch_result", { handle }))
        assert.deepInclude(result, { status: "succeeded", returncode: 0, detail: `${handle} is merged` })
      })
    )

    it.scopedLive("is never asked for a password, nor taken on an unknown host's word", () =>
      Effect.gen(function* () {
        const at = yield* place
        const { ssh, strangerKey } = yield* sshd(at.folder, farSide(at))
        const strangers = [
          [{ ...ssh, identityFile: strangerKey }, /Permission denied/],
          [{ ...ssh, knownHosts: written(at, "nobody", "") }, /Host key verification failed/],
          [{ ...ssh, port: 9 }, /Connection refused/]
        ] as const
        for (const [other, why] of strangers) {
          const here = yield* place
          const { call } = yield* session(kind, here, configOf(here, other))
          const said = refusalOf(yield* call("dispatch_unit", unit("x")))
          assert.match(said, /^lane\.unreachable/)
          assert.match(said, why)
        }
      })
    )

    it.scopedLive("that hangs is given up in time, and no ssh stays behind", () =>
      Effect.gen(function* () {
        const at = yield* place
        const { ssh } = yield* sshd(at.folder, farSide(at))
        for (const [hanging, task] of [
          [{ ...ssh, port: yield* silentPort }, "x"],
          [ssh, "slow"]
        ] as const) {
          const here = yield* place
          const { call, pid } = yield* session(kind, here, configOf(here, hanging, { timeoutSeconds: 2 }))
          assert.match(refusalOf(yield* call("dispatch_unit", unit(task))), /^lane\.timeout: .*within 2 s/)
          const left = processesNaming(here.folder).filter((other) => other !== pid)
          assert.deepStrictEqual(left, [])
        }
      })
    )
  }
)
