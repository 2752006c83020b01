import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { desk, listOf } from "./support/cli.js"

const long = JSON.stringify({ delayMs: 600_000, steps: 600 })

describe("agentdispatch logs, cancel and list", { timeout: 60_000 }, () => {
  it.scopedLive("logs -f goes on until the task ends", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const { stdout } = yield* user.run("run", "--runtime", "echo", "--context-json", '{"delayMs":1500}', "go")
      const id = stdout.trim()
      const following = yield* user.start("logs", "-f", id)
      yield* following.says("Echoing in 1 step.")
      const ended = yield* following.ended
      assert.deepStrictEqual(ended, { code: 0, stdout: "Echoing in 1 step.\n", stderr: `${id} succeeded\n` })
    })
  )

  it.scopedLive("logs --json is one page, as the tool answers", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const { stderr } = yield* run("run", "--runtime", "echo", "--wait", "go")
      const id = stderr.trim()
      const page = yield* run("logs", "--json", "--cursor", "8", "--limit", "2", id)
      assert.strictEqual(page.stdout, `{"taskId":"${id}","cursor":8,"nextCursor":10,"data":"in"}\n`)
    })
  )

  it.scopedLive("cancel says cancelled once nothing runs any more, also when asked again", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const { stdout } = yield* user.run("run", "--runtime", "echo", "--context-json", long, "go")
      const id = stdout.trim()
      const first = yield* user.run("cancel", id)
      assert.deepStrictEqual(first, { code: 0, stdout: `${id} cancelled\n`, stderr: "" })
      const again = yield* user.run("cancel", "--json", id)
      assert.strictEqual(again.code, 0)
      assert.match(again.stdout, /^\{"status":"cancelled",/)
      assert.strictEqual((yield* user.run("result", id)).code, 130)
    })
  )

  it.scopedLive("cancel leaves a task that ended as it ended", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const { stderr } = yield* run("run", "--runtime", "echo", "--wait", "go")
      const { code, stderr: told } = yield* run("cancel", stderr.trim())
      assert.strictEqual(code, 1)
      assert.match(told, /^task\.terminal: .*`agentdispatch result` has its outcome/)
    })
  )

  it.scopedLive("list shows the newest first, in columns, and pages", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      assert.deepStrictEqual(yield* run("list"), { code: 0, stdout: "", stderr: "No tasks here.\n" })
      for (const name of ["first", "second\u001b[31m"]) yield* run("run", "--runtime", "echo", "--wait", name)
      const { stdout } = yield* run("list")
      const lines = stdout.split("\n")
      assert.match(lines[0] ?? "", /^TASK {29}STATUS {5}RUNTIME {2}AGE {2}INSTRUCTION$/)
      assert.match(lines[1] ?? "", /^task_\w{26} {2}succeeded {2}echo {5}\d+s {3}second \[31m$/)
      assert.match(lines[2] ?? "", /first$/)
      assert.notInclude(stdout, "\u001b")

      const page = yield* Effect.flatMap(run("list", "--json", "--limit", "1"), (ended) => listOf(ended.stdout))
      assert.strictEqual(page.tasks[0]?.instruction, "second\u001b[31m")
      const next = yield* Effect.flatMap(run("list", "--json", "--cursor", page.nextCursor ?? ""), (ended) =>
        listOf(ended.stdout)
      )
      assert.deepStrictEqual(
        next.tasks.map(({ instruction }) => instruction),
        ["first"]
      )
      const none = yield* Effect.flatMap(run("list", "--json", "--status", "failed"), (ended) => listOf(ended.stdout))
      assert.deepStrictEqual(none, { tasks: [] })
    })
  )
})

describe("agentdispatch init", { timeout: 60_000 }, () => {
  it.scopedLive("writes a config that works, and never over one that is there", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      const config = join(folder, "agentdispatch.config.json")
      assert.strictEqual((yield* run("init")).stdout, `${config}\n`)
      const { code, stdout } = yield* run(
        "run",
        "--config",
        "agentdispatch.config.json",
        "--runtime",
        "echo",
        "--wait",
        "hello"
      )
      assert.strictEqual(code, 0)
      assert.strictEqual(stdout, '{\n  "instruction": "hello"\n}\n')
      assert.strictEqual((yield* run("doctor", "--config", config)).code, 0)

      const again = yield* run("init")
      assert.strictEqual(again.code, 1)
      assert.match(again.stderr, /^config\.not_written: .* is there already and was left as it is/)
    })
  )
})
