import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { callOf, greeted } from "./support/RawServer.js"
import { place, refusalOf } from "./support/Server.js"
import { command, listOf, spawned, statusOf, workbench } from "./support/Workbench.js"

const spawn = (more: JsonObject): readonly [string, JsonObject] => [
  "spawn_cloud_agent",
  { runtime: "echo", instruction: "hello", ...more }
]
const dispatch = (more: JsonObject): readonly [string, JsonObject] => ["dispatch_task", { ...command("sh"), ...more }]
const unknownId = "task_00000000000000000000000000"

/** A call, the code of its refusal, and what the message must name. */
type Case = readonly [call: readonly [tool: string, args: JsonObject], code: string, named: ReadonlyArray<string>]

const cases: Readonly<Record<string, ReadonlyArray<Case>>> = {
  "a task id": ["get_task_status", "get_task_logs", "get_task_result", "cancel_task"].flatMap((tool) => [
    [[tool, { task_id: "1234" }], "input.invalid", ["task_id", '"1234"', "task_01h2x", "list_tasks"]],
    [[tool, { task_id: "__proto__" }], "input.invalid", ["task_id", "__proto__"]],
    [[tool, { task_id: `${unknownId}/../x` }], "input.invalid", ["task_id"]],
    [[tool, { task_id: 7 }], "input.invalid", ["task_id", "string", "7"]],
    [[tool, {}], "input.invalid", ["task_id", "missing"]],
    ...(tool === "cancel_task"
      ? []
      : [[[tool, { task_id: unknownId }], "task.not_found", [unknownId, "list_tasks"]] satisfies Case])
  ]),
  "a page": [
    [["get_task_logs", { task_id: unknownId, cursor: -1 }], "input.invalid", ["cursor", "-1", "non-negative"]],
    [["get_task_logs", { task_id: unknownId, cursor: "10" }], "input.invalid", ["cursor", '"10"']],
    [["get_task_logs", { task_id: unknownId, limit: 0 }], "input.invalid", ["limit", "64000", "0"]],
    [["get_task_logs", { task_id: unknownId, limit: 64_001 }], "input.invalid", ["limit", "64000", "64001"]],
    [["get_task_logs", { task_id: unknownId, limit: 1.5 }], "input.invalid", ["limit", "1.5"]],
    [["list_tasks", { limit: 101 }], "input.invalid", ["limit", "100"]],
    [["list_tasks", { cursor: "first" }], "input.invalid", ["cursor", "nextCursor"]],
    [["list_tasks", { status: "done" }], "input.invalid", ["status", "done", "succeeded"]],
    [["get_task_result", { task_id: unknownId, wait_seconds: 3600 }], "input.invalid", ["wait_seconds", "50"]]
  ],
  "an argument": [
    [spawn({ instructions: "x" }), "input.invalid", ["instructions", 'Did you mean "instruction"?', "runtime"]],
    [["list_tasks", { limt: 3 }], "input.invalid", ["limt", 'Did you mean "limit"?']],
    [["list_providers", { verbose: true }], "input.invalid", ["verbose"]],
    [spawn({ context: "text" }), "input.invalid", ["context", "text"]],
    [spawn({ target: { mode: "lambda" } }), "input.invalid", ["target.mode", "lambda", "session"]],
    [spawn({ idempotency_key: "" }), "input.invalid", ["idempotency_key"]],
    [spawn({ runtimeArn: "a", runtime_arn: "b" }), "input.invalid", ["runtimeArn", "two spellings"]]
  ],
  "a part of the route": [
    [dispatch({ provider: "aws" }), "account_profile.provider_mismatch", ["here", "aws", "local"]],
    [dispatch({ account_profile: "there" }), "account_profile.not_found", ["there", "here"]],
    [dispatch({ capability: "job-runner" }), "capability.not_configured", ["job-runner", "local/agent-runtime"]],
    [dispatch({ backend: "elsewhere" }), "backend.not_found", ["elsewhere", "scripts"]],
    [dispatch({ task_type: "agent.walk" }), "input.invalid", ["task_type", "agent.walk", "command.run"]],
    [dispatch({ target: { mode: "runtime" } }), "adapter.unsupported", ["runtime", "session"]],
    [dispatch({ task_type: "agent.run", backend: "worker", input: {} }), "input.invalid", ["input.instruction"]],
    ...["toString", "constructor", "__proto__", "hasOwnProperty"].flatMap((name): ReadonlyArray<Case> => [
      [dispatch({ account_profile: name }), "account_profile.not_found", [name, "here"]],
      [dispatch({ backend: name }), "backend.not_found", [name, "scripts"]],
      [dispatch({ provider: name }), "account_profile.provider_mismatch", [name]],
      [["check_cloud_agent_runtime", { runtime: name }], "runtime_profile.not_found", [name, "echo"]]
    ])
  ],
  "what only the config decides": [
    [spawn({ environmentVariables: { A: "1" } }), "input.invalid", ["environmentVariables", "deadlineSeconds"]],
    ...["command", "cwd", "env", "allow"].map((name): Case => [
      dispatch({ target: { mode: "session", details: { [name]: ["sh"] } } }),
      "input.invalid",
      [`target.details.${name}`, "cannot be set by a call", "deadlineSeconds"]
    ]),
    [
      dispatch({ target: { mode: "session", details: { deadlineSeconds: 999_999 } } }),
      "input.invalid",
      ["target.details.deadlineSeconds", "only lower", "28800"]
    ]
  ],
  "a credential": [
    [spawn({ context: { a: { b: { AWS_SECRET_ACCESS_KEY: "x" } } } }), "policy.denied", ["context.a.b.AWS_SECRET"]],
    [spawn({ context: { list: [{ api_key: "x" }] } }), "policy.denied", ["context.list[0].api_key"]],
    [spawn({ context: { note: `AKIA${"A".repeat(16)}` } }), "policy.denied", ["context.note"]],
    [spawn({ metadata: { one: { two: { Password: "x" } } } }), "policy.denied", ["metadata.one.two.Password"]],
    [
      dispatch({ target: { mode: "session", details: { a: { b: { access_token: "x" } } } } }),
      "policy.denied",
      ["target.details.a.b.access_token"]
    ],
    [
      dispatch({ input: { command: ["sh"], a: { b: { privateKey: "x" } } } }),
      "policy.denied",
      ["input.a.b.privateKey"]
    ],
    [spawn({ environmentVariables: { AWS_SECRET_ACCESS_KEY: "x" } }), "policy.denied", ["AWS_SECRET_ACCESS_KEY"]]
  ]
}

for (const [what, wrong] of Object.entries(cases)) {
  describe(`${what} that is wrong`, () => {
    it.scopedLive("is refused by name, with the way out, and leaves no task and a server that serves", () =>
      Effect.gen(function* () {
        const call = callOf(yield* greeted(yield* place, { config: workbench() }))
        for (const [[tool, args], code, named] of wrong) {
          const said = refusalOf(yield* call(tool, args))
          const about = `${tool} ${JSON.stringify(args)}: ${said}`
          assert.isTrue(said.startsWith(`${code}: `), about)
          for (const word of named) assert.isTrue(said.includes(word), `${word} in ${about}`)
        }
        assert.deepStrictEqual(listOf(yield* call("list_tasks")).tasks, [])
        yield* spawned(call, { runtime: "echo", instruction: "still here" })
      })
    )
  })
}

describe("what only looks wrong", () => {
  it.scopedLive("is taken: a JSON schema's password, a reference to a secret, and the end of a cancelled nothing", () =>
    Effect.gen(function* () {
      const call = callOf(yield* greeted(yield* place, { config: workbench() }))
      const context = {
        schema: { type: "object", properties: { password: { type: "string" } } },
        env: { API_TOKEN: "${secret:API_TOKEN}" },
        next_page_token: "abc",
        maxTokens: 5
      }
      const task_id = yield* spawned(call, { runtime: "echo", instruction: "hello", context })
      assert.deepStrictEqual(statusOf(yield* call("get_task_status", { task_id, full: true })).input, {
        instruction: "hello",
        framework: "echo",
        context
      })
      assert.deepStrictEqual((yield* call("cancel_task", { task_id: unknownId })).value, { status: "not_found" })
    })
  )
})
