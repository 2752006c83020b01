import { statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { processesHere } from "../adapters/local-process/supervisor/Processes.js"
import type { RoutedRequest } from "../src/domain/Task.js"
import { begin, call, cleaned, draft, linesOf, watch } from "./support/AdapterDrive.js"
import { folderOf, layer, living, node, request, root, runs, shell, until } from "./support/LocalWork.js"

/** Runs a request to its end and looks that nothing of it is left. */
const done = Effect.fnUntraced(function* (routed: RoutedRequest) {
  const { task, resources } = yield* begin(layer, draft(routed))
  const seen = yield* watch(layer, task)
  assert.deepEqual(living(task.id), [])
  const { stdout, stderr } = { stdout: sizeOf(task.id, "stdout"), stderr: sizeOf(task.id, "stderr") }
  yield* cleaned(layer, task, resources)
  return { ...seen, text: linesOf(seen.entries).join("\n"), printed: stdout + stderr }
})

const sizeOf = (taskId: string, name: string) => statSync(join(folderOf(taskId), name)).size

const errorOf = ({
  outcome
}: {
  outcome: { ok: boolean } & { error?: { code: string; message: string; details?: unknown } }
}) => outcome.error ?? assert.fail(`expected a failure, got ${JSON.stringify(outcome)}`)

describe("A local task's words", () => {
  it.live("become its result when it says nothing else, cut to their end", () =>
    Effect.gen(function* () {
      const { outcome } = yield* done(shell("echo hello"))
      assert.deepEqual(outcome, { ok: true, result: { exitCode: 0, output: "hello\n" } })
      const long = yield* done(shell("i=0; while [ $i -lt 6000 ]; do echo line-$i; i=$((i+1)); done"))
      const result = long.outcome.result
      assert.propertyVal(result, "truncated", true)
      assert.include(JSON.stringify(result), "line-5999")
      assert.notInclude(JSON.stringify(result), "line-10\\n")
    })
  )

  it.live("arrive whole though a character and a line arrive in parts, and bytes that are no text are marked", () =>
    Effect.gen(function* () {
      const { text } = yield* done(
        shell("printf 'caf\\303'; sleep 0.3; printf '\\251 \\377\\376'; sleep 0.3; printf ' end'")
      )
      assert.strictEqual(text, "café \uFFFD\uFFFD end")
    })
  )

  it.live("that are half a line of JSON when it dies are log", () =>
    Effect.gen(function* () {
      const seen = yield* done(shell(`printf '{"type":"task.progress","mess'; kill -9 $$`))
      assert.strictEqual(seen.text, '{"type":"task.progress","mess')
      assert.strictEqual(errorOf(seen).code, "local_process.killed")
      assert.include(errorOf(seen).message, "SIGKILL")
    })
  )

  it.live("of a whole response give result, events and artifacts; ok: false fails the task", () =>
    Effect.gen(function* () {
      const response = (ok: boolean) =>
        JSON.stringify({
          ok,
          output: { pages: 3 },
          events: [{ type: "task.progress", message: "read" }],
          artifacts: [{ uri: "file:///tmp/r.md", kind: "report" }],
          ...(ok ? {} : { error: "no pages" })
        })
      const well = yield* done(shell(`echo '${response(true)}'`))
      assert.deepEqual(well.outcome, { ok: true, result: { pages: 3 } })
      assert.deepEqual(well.artifacts, [{ uri: "file:///tmp/r.md", kind: "report" }])
      assert.deepEqual(well.entries, [{ type: "task.progress", message: "read" }])
      const badly = yield* done(shell(`echo '${response(false)}'`))
      assert.strictEqual(errorOf(badly).code, "local_process.worker_failed")
      assert.include(errorOf(badly).message, "no pages")
    })
  )

  it.live("may be one long line: a result of 300 KB is understood", () =>
    Effect.gen(function* () {
      const { outcome } = yield* done(
        node(`console.log(JSON.stringify({ type: "task.result", payload: "x".repeat(300000) }))`)
      )
      assert.deepEqual(outcome, { ok: true, result: "x".repeat(300_000) })
    })
  )

  it.live("on stderr explain an exit code", () =>
    Effect.gen(function* () {
      const seen = yield* done(shell("echo it broke >&2; exit 7"))
      assert.strictEqual(errorOf(seen).code, "local_process.exited")
      assert.deepEqual(errorOf(seen).details, { executable: "/bin/sh", exitCode: 7, lastLines: ["it broke"] })
    })
  )
})

describe("The words of a task that ends at once", () => {
  it.live("are kept all the same", () =>
    Effect.gen(function* () {
      const all = yield* Effect.all(
        Array.from({ length: 12 }, (_, n) => done(request({ command: ["/bin/echo", `word ${n}`] }))),
        { concurrency: 4 }
      )
      assert.deepEqual(
        all.map(({ text }) => text),
        Array.from({ length: 12 }, (_, n) => `word ${n}`)
      )
    })
  )
})

describe("A local task gets", () => {
  it.live("the instruction as one argument, whatever is in it, and the task on stdin", () =>
    Effect.gen(function* () {
      const instruction = `say "hi"; $(touch x) \`id\` > /dev/null\nsecond 'line' *`
      const tell = `let text = ""; process.stdin.on("data", (d) => (text += d)).on("end", () => console.log(JSON.stringify({ type: "task.result", payload: { args: process.argv.slice(1), stdin: JSON.parse(text) } })))`
      const routed = request(
        { command: [process.execPath, "-e", tell, "{instruction}", "x{instruction}", "{context}", "{taskId}"] },
        { instruction, context: { a: [1, "two"] } }
      )
      const { outcome, task } = yield* done(routed)
      assert.deepEqual(outcome, {
        ok: true,
        result: {
          args: [instruction, "x{instruction}", '{"a":[1,"two"]}', task.id],
          stdin: {
            taskId: task.id,
            taskType: "agent.run",
            input: routed.input,
            prompt: instruction,
            context: { a: [1, "two"] }
          }
        }
      })
    })
  )

  it.live("of our environment only what the backend lists, and its own marks", () =>
    Effect.gen(function* () {
      const ours = ConfigProvider.fromMap(
        new Map([
          ["PATH", "/usr/bin:/bin"],
          ["ALLOWED_ONE", "a, b"],
          ["A_SECRET", "x"]
        ])
      )
      const { text, task } = yield* Effect.withConfigProvider(
        done(request({ command: ["env"], env: ["PATH", "ALLOWED_ONE", "UNSET"] })),
        ours
      )
      const lines = text.split("\n").sort()
      assert.deepEqual(
        lines.filter((line) => !line.startsWith("AGENTDISPATCH_")),
        ["ALLOWED_ONE=a, b", "PATH=/usr/bin:/bin"]
      )
      assert.deepEqual(
        lines.filter((line) => line.startsWith("AGENTDISPATCH_")),
        [
          `AGENTDISPATCH_ARTIFACT_DIR=${join(folderOf(task.id), "artifacts")}`,
          `AGENTDISPATCH_START_TOKEN=${task.startToken}`,
          `AGENTDISPATCH_TASK_ID=${task.id}`
        ]
      )
    })
  )

  it.live("a folder private to the user, that goes with it but for its artifacts", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, draft(shell('echo report > "$AGENTDISPATCH_ARTIFACT_DIR/r.md"')))
      const { artifacts } = yield* watch(layer, task)
      const folder = folderOf(task.id)
      assert.strictEqual(statSync(folder).mode & 0o777, 0o700)
      for (const name of ["spec.json", "claim.json", "exit.json", "stdout"])
        assert.strictEqual(statSync(join(folder, name)).mode & 0o777, 0o600, name)
      assert.deepEqual(
        artifacts.map(({ kind, sizeBytes }) => ({ kind, sizeBytes })),
        [{ kind: "file", sizeBytes: 7 }]
      )
      yield* cleaned(layer, task, resources)
      assert.isDefined(statSync(join(folder, "artifacts", "r.md")))
      assert.isUndefined(statSync(join(folder, "claim.json"), { throwIfNoEntry: false }))
    })
  )
})

describe("A local task is ended", () => {
  it.live("when it prints more than it may: exactly the limit is kept", () =>
    Effect.gen(function* () {
      const seen = yield* done(shell("exec head -c 200000000 /dev/zero", { outputLimitBytes: 3_000_000 }))
      assert.strictEqual(errorOf(seen).code, "local_process.output_limit")
      assert.strictEqual(seen.printed, 3_000_000)
      assert.strictEqual(seen.text.length, 3_000_000)
    })
  )

  it.live("at its deadline though nobody asks after it", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(
        layer,
        draft(shell("trap '' TERM; while :; do sleep 1; done", { deadlineSeconds: 1 }))
      )
      yield* until(
        "the exit record",
        () => statSync(join(folderOf(task.id), "exit.json"), { throwIfNoEntry: false }) !== undefined
      )
      assert.deepEqual(living(task.id), [])
      assert.strictEqual(errorOf(yield* watch(layer, task)).code, "local_process.deadline_exceeded")
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("with all it left in the background", () =>
    Effect.gen(function* () {
      const seen = yield* done(
        shell(
          "setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 1; done' > /dev/null 2>&1 & env -i sleep 60 & echo $!"
        )
      )
      assert.isTrue(seen.outcome.ok)
      assert.match(seen.text, /^[0-9]+$/)
      assert.isUndefined(processesHere()?.find(Number(seen.text)))
    })
  )

  it.live("before it begins if its executable vanished", () =>
    Effect.gen(function* () {
      const script = join(root, "vanishing")
      yield* Effect.promise(() =>
        import("node:fs/promises").then((fs) => fs.writeFile(script, "#!/no/such/interpreter\n", { mode: 0o755 }))
      )
      const seen = yield* done(request({ command: [script] }))
      assert.strictEqual(errorOf(seen).code, "local_process.spawn_failed")
      assert.include(errorOf(seen).message, script)
    })
  )
})

describe("The preflight of a local backend", () => {
  it.live("names what is missing", () =>
    Effect.gen(function* () {
      const failing = (routed: RoutedRequest) =>
        Effect.map(
          call(layer, (adapter) => adapter.check(routed, false)),
          (checks) => checks.filter(({ status }) => status !== "pass").map(({ name }) => name)
        )
      assert.deepEqual(yield* failing(shell("true")), [])
      assert.deepEqual(yield* failing(request({ command: ["no-such-program"] })), ["executable"])
      assert.deepEqual(yield* failing(request({ command: ["/bin/sh"], cwd: "/no/such" })), ["cwd"])
      assert.deepEqual(yield* failing(request({}, {}, "command.run")), ["executable"])
      assert.deepEqual(yield* failing(request({ command: [] })), ["details"])
      assert.strictEqual(runs("none"), 0)
    })
  )
})
