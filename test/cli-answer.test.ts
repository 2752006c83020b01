import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { askingConfig } from "./support/AskingAgent.js"
import { desk } from "./support/cli.js"

describe("agentdispatch answer", { timeout: 60_000 }, () => {
  it.scopedLive("shows what an agent asks, refuses what does not fit, and answers it with no server running", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      const config = join(folder, "agentdispatch.json")
      writeFileSync(config, JSON.stringify(askingConfig(true)))
      const id = (yield* run("run", "--config", config, "tidy up")).stdout.trim()
      const asked = run("answer", "--config", config, id)
      const shown = yield* Effect.repeat(asked, { until: ({ stdout }) => stdout !== "" })
      assert.deepStrictEqual(shown, {
        code: 0,
        stdout: "delete: May I delete it?\n  answer: string (yes, no), default no\n",
        stderr: ""
      })
      const wrong = yield* run("answer", "--config", config, "--set", "delete=perhaps", id)
      assert.deepStrictEqual([wrong.code, wrong.stdout], [2, ""])
      assert.include(wrong.stderr, "answers.delete.answer: must be one of: yes, no")
      const bare = yield* run("answer", "--config", config, "--set", "delete", id)
      assert.include(bare.stderr, "no KEY=VALUE")
      const taken = yield* run("answer", "--config", config, "--set", "delete=yes", id)
      assert.deepStrictEqual(taken, { code: 0, stdout: "answered: delete\n", stderr: "" })
      const { stdout } = yield* run("result", "--config", config, "--wait", "--json", id)
      assert.include(stdout, '"answer":"yes"')
      const late = yield* run("answer", "--config", config, "--decline", "delete", id)
      assert.deepStrictEqual(late.code, 1)
      assert.include(late.stderr, "question.closed")
    })
  )
})
