import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { bundle, errorOf, report, runWorker, type Start, task } from "./support/WorkerProcess.js"

describe("the worker, framework echo", () => {
  it.live("answers with instruction and context, telling of each step", () =>
    Effect.gen(function* () {
      const context = { delayMs: 30, steps: 3, nested: { __proto__x: [1, null] } }
      const { code, events, response } = yield* runWorker({ stdin: task({ prompt: "say ü", context }) })
      assert.deepStrictEqual(response, {
        ok: true,
        output: { instruction: "say ü", context },
        events: [],
        artifacts: []
      })
      assert.deepStrictEqual(
        events.map((event) => event.type),
        ["task.log", "task.progress", "task.progress", "task.progress"]
      )
      assert.strictEqual(code, 0)
    })
  )

  it.live("begins with the first whole line, though stdin stays open", () =>
    Effect.gen(function* () {
      const { response } = yield* runWorker({
        stdin: `${task({ input: { instruction: "go" } })}\n`,
        keepStdinOpen: true
      })
      assert.deepStrictEqual(response.output, { instruction: "go" })
    })
  )

  it.live("reads a task of a megabyte spread over several lines", () =>
    Effect.gen(function* () {
      const instruction = "x".repeat(1_000_000)
      const { response } = yield* runWorker({ stdin: task({ prompt: instruction }, 2) })
      assert.deepStrictEqual(response.output, { instruction })
    })
  )
})

describe("the worker's choice of framework", () => {
  const chosen = (start: Omit<Start, "stdin">, fields: Parameters<typeof task>[0]) =>
    Effect.map(
      runWorker({ ...start, stdin: task(fields) }),
      ({ response }) => errorOf(response).message.match(/"(.*?)"/)?.[1]
    )
  const env = { AGENTDISPATCH_AGENT_FRAMEWORK: "from-env" }
  const args = ["--framework", "from-args"]

  it.live("is the input's, then the task's, then the arguments', then the environment's", () =>
    Effect.gen(function* () {
      const choices = yield* Effect.all([
        chosen({ env, args }, { input: { framework: "from-input" }, framework: "from-task" }),
        chosen({ env, args }, { framework: "from-task" }),
        chosen({ env, args }, {}),
        chosen({ env }, { input: { framework: " " } })
      ])
      assert.deepStrictEqual(choices, ["from-input", "from-task", "from-args", "from-env"])
    })
  )

  it.live("says which frameworks there are when the one asked for is not among them", () =>
    Effect.gen(function* () {
      const { code, response } = yield* runWorker({ stdin: task({ input: { framework: "toString" } }) })
      assert.strictEqual(code, 1)
      assert.isFalse(response.ok)
      assert.strictEqual(errorOf(response).code, "worker.framework_unknown")
      assert.include(errorOf(response).message, "echo, repo-report")
    })
  )
})

describe("the worker, given what it cannot use", () => {
  const refused: ReadonlyArray<readonly [string, Start, string]> = [
    [
      "half a JSON object",
      { stdin: '{"taskId":"t","taskType":"agent.r' },
      "stdin is not a task: Unterminated string in JSON at position"
    ],
    ["nothing", { stdin: "" }, "stdin is empty"],
    ["a list", { stdin: "[]" }, "stdin is not a task: Expected a task object, actual []"],
    ["a task without a type", { stdin: '{"taskId":"t","input":{}}' }, "taskType: is missing"],
    [
      "a framework that is no text",
      { stdin: task({ input: { framework: 5 } }) },
      "input.framework: Expected string, actual 5"
    ],
    [
      "a delay that is no number",
      { stdin: task({ context: { delayMs: "1" } }) },
      'context.delayMs: Expected number, actual "1"'
    ],
    ["a delay below zero", { stdin: task({ context: { delayMs: -1 } }) }, "context.delayMs"],
    ["a command", { stdin: task({ taskType: "command.run" }) }, "expected agent.run"],
    ["an argument it does not know", { stdin: task({}), args: ["--shell", "sh"] }, "only --framework NAME"],
    ["a folder that is not there", { stdin: report("no/such/folder") }, "does not exist"],
    ["a file for a folder", { stdin: report(bundle) }, "is not a folder"],
    ["a path with a NUL byte", { stdin: report("a\u0000b") }, "is not a possible path"]
  ]
  for (const [what, start, message] of refused)
    it.live(`refuses ${what} by name`, () =>
      Effect.gen(function* () {
        const { code, response, stderr } = yield* runWorker(start)
        assert.isFalse(response.ok)
        assert.include(errorOf(response).message, message)
        assert.include(stderr, message)
        assert.strictEqual(code, 1)
      })
    )
})
