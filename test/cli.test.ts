import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { desk, type Desk, handleOf, listOf, resultOf, statusOf } from "./support/cli.js"

const long = JSON.stringify({ delayMs: 600_000, steps: 600 })

const statusNow = ({ run }: Desk, id: string) =>
  Effect.flatMap(run("status", "--json", id), ({ stdout }) => Effect.map(statusOf(stdout), ({ status }) => status))

/** Asks again until the task has this status. */
const reaches = (user: Desk, id: string, wanted: string) =>
  Effect.repeat(statusNow(user, id), {
    until: (status) => status === wanted,
    schedule: Schedule.spaced("100 millis")
  }).pipe(Effect.timeout("20 seconds"))

describe("agentdispatch run", { timeout: 60_000 }, () => {
  it.scopedLive("--wait prints the result and nothing else on stdout", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const { code, stderr, stdout } = yield* run("run", "--runtime", "echo", "--wait", "say ü")
      assert.strictEqual(code, 0)
      assert.strictEqual(stdout, '{\n  "instruction": "say ü"\n}\n')
      assert.match(stderr, /^task_[0-9a-z]{26}\n$/)
    })
  )

  it.scopedLive("without --wait leaves the work under way, and another process brings its result", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const started = yield* user.run(
        "run",
        "--runtime",
        "echo",
        "--context-json",
        '{"delayMs":1500}',
        "--json",
        "slowly"
      )
      const handle = yield* handleOf(started.stdout)
      assert.strictEqual(started.code, 0)
      assert.strictEqual(started.stderr, "")
      assert.strictEqual(handle.status, "running")

      const early = yield* user.run("result", handle.taskId)
      assert.strictEqual(early.code, 124)
      assert.strictEqual(early.stdout, "")
      assert.include(early.stderr, `agentdispatch result --wait ${handle.taskId}`)

      const late = yield* user.run("result", "--wait", "--json", handle.taskId)
      const result = yield* resultOf(late.stdout)
      assert.strictEqual(late.code, 0)
      assert.deepInclude(result, {
        taskId: handle.taskId,
        status: "succeeded",
        result: { instruction: "slowly", context: { delayMs: 1500 } }
      })
    })
  )

  it.scopedLive("is up to date in status although no server runs", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const { stdout } = yield* user.run("run", "--runtime", "echo", "quickly")
      const id = stdout.trim()
      yield* reaches(user, id, "succeeded")
      const shown = yield* user.run("status", id)
      assert.match(shown.stdout, /^task +task_/m)
      assert.match(shown.stdout, /^status +succeeded$/m)
      assert.match(shown.stdout, /^result +\{"instruction":"quickly"\}$/m)
    })
  )

  it.scopedLive("writes a repository's report, and names its artifact", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      const path = join(folder, "code")
      yield* Effect.promise(() => mkdir(path).then(() => writeFile(join(path, "a.ts"), "const a = 1\nconst b = 2\n")))
      const { code, stdout } = yield* run(
        "run",
        "--runtime",
        "repo-report",
        "--context-json",
        JSON.stringify({ path }),
        "--wait",
        "count"
      )
      assert.strictEqual(code, 0)
      assert.match(stdout, /"lines": 2/)
      assert.match(stdout, /^artifact: report file:.*\(text\/markdown\)$/m)
    })
  )

  it.scopedLive("ends with 1 and the error when the task fails", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const args = [
        "run",
        "--runtime",
        "repo-report",
        "--context-json",
        '{"path":"/does/not/exist"}',
        "--wait",
        "count"
      ]
      const { code, stderr, stdout } = yield* run(...args)
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.match(stderr, /^[a-z_]+\.[a-z_]+: .*\/does\/not\/exist/m)
      const inJson = yield* run(...args, "--json")
      assert.strictEqual((yield* resultOf(inJson.stdout)).status, "failed")
      assert.strictEqual(inJson.stderr, "")
    })
  )

  it.scopedLive("--timeout-ms ends the waiting and not the task", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const { code, stderr } = yield* user.run(
        "run",
        "--runtime",
        "echo",
        "--context-json",
        long,
        "--wait",
        "--timeout-ms",
        "500",
        "go"
      )
      assert.strictEqual(code, 124)
      assert.include(stderr, "goes on")
      assert.strictEqual(yield* statusNow(user, stderr.split("\n")[0] ?? ""), "running")
    })
  )

  it.scopedLive("interrupted, stops waiting, leaves the task and says how to come back", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const waiting = yield* user.start("run", "--runtime", "echo", "--context-json", long, "--wait", "go")
      yield* waiting.says("task_")
      const { tasks } = yield* Effect.flatMap(user.run("list", "--json"), ({ stdout }) => listOf(stdout))
      const id = tasks[0]?.taskId ?? ""
      yield* reaches(user, id, "running")
      yield* waiting.kill("SIGINT")
      const { code, stderr } = yield* waiting.ended
      assert.strictEqual(code, 130)
      assert.include(stderr, `agentdispatch result --wait ${id}`)
      assert.strictEqual(yield* statusNow(user, id), "running")
    })
  )

  it.scopedLive("gives the same task for the same idempotency key, and refuses the key for other work", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const keyed = (instruction: string) => run("run", "--runtime", "echo", "--idempotency-key", "once", instruction)
      const [first, second, other] = [yield* keyed("a"), yield* keyed("a"), yield* keyed("b")]
      assert.match(first.stdout, /^task_/)
      assert.strictEqual(second.stdout, first.stdout)
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /^idempotency\.conflict: --idempotency-key "once" already belongs to/)
    })
  )

  it.scopedLive("takes the route by name, and hands the words behind -- to the command", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      const config = join(folder, "config.json")
      const backend = { adapter: "local-process", account: "here", details: { allow: [process.execPath], cwd: "." } }
      yield* Effect.promise(() =>
        writeFile(
          config,
          JSON.stringify({
            accounts: { here: { provider: "local", credentialSource: "none" } },
            backends: { desk: backend }
          })
        )
      )
      const route = ["--provider", "local", "--account-profile", "here", "--capability", "agent-runtime"]
      const { code, stderr, stdout } = yield* run(
        "run",
        "--config",
        config,
        ...route,
        "--command",
        process.execPath,
        "--wait",
        "--json",
        "--",
        "-p",
        "process.argv.slice(1).join()",
        "--",
        "--wait",
        "a b",
        "$HOME"
      )
      assert.strictEqual(code, 0, `${stdout}${stderr}`)
      const { taskId } = yield* resultOf(stdout)
      const log = yield* run("logs", "--config", config, taskId)
      assert.strictEqual(log.stdout, "--wait,a b,$HOME\n")
    })
  )

  it.scopedLive("shares the work with another command line on the same folder", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const context = '{"delayMs":300,"steps":3}'
      const ended = yield* Effect.forEach(
        ["a", "b", "c"],
        (name) => run("run", "--runtime", "echo", "--context-json", context, "--wait", "--json", name),
        { concurrency: "unbounded" }
      )
      const results = yield* Effect.forEach(ended, ({ stdout }) => resultOf(stdout))
      assert.deepStrictEqual(
        results.map(({ status }) => status),
        ["succeeded", "succeeded", "succeeded"]
      )
      const logs = yield* Effect.forEach(results, ({ taskId }) => run("logs", taskId))
      assert.deepStrictEqual(
        logs.map(({ stdout }) => stdout),
        Array.from({ length: 3 }, () => "Echoing in 3 steps.\n")
      )
    })
  )
})
