import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { specs } from "../adapters/Registry.generated.js"
import { type Config, fromJson } from "../src/domain/Config.js"
import type { Json } from "../src/domain/Json.js"
import { routeDispatch, routeSpawn, type SpawnCall } from "../src/domain/Routing.js"
import { contractJson } from "./support/Contract.js"

const arn = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/my-runtime"

const worldOf = (raw: Json, environment: Record<string, string> = {}) =>
  Effect.map(fromJson(raw, specs, "test.json"), (config: Config) => ({ config, specs, environment }))

const bare = { accounts: { "dev-aws": { provider: "aws", credentialSource: "aws-sdk-default" } } }

const twoRuntimes = {
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: {
    a: { adapter: "local-process", account: "here", details: { command: ["true"], deadlineSeconds: 60 } },
    b: { adapter: "local-process", account: "here", details: { command: ["false"] } }
  },
  runtimes: {
    one: {
      provider: "local",
      account: "here",
      capability: "agent-runtime",
      backend: "a",
      framework: "profile",
      model: "small",
      requiredInputs: ["ticket"]
    },
    two: { provider: "local", account: "here", capability: "agent-runtime", backend: "b" }
  },
  defaults: { framework: "default", model: "large" }
}

describe("Routing of the short form", () => {
  it.effect("asks the contract's two questions when nothing is said and nothing configured", () =>
    Effect.gen(function* () {
      const world = yield* worldOf(bare)
      const error = yield* Effect.flip(routeSpawn(world, {}))
      assert(error._tag === "NeedsAnswers")
      const clarification = {
        status: "needs_clarification",
        retry_tool: "spawn_cloud_agent",
        questions: error.questions,
        available_runtimes: error.availableRuntimes
      }
      assert.deepStrictEqual(JSON.parse(JSON.stringify(clarification)), contractJson("clarification"))
    })
  )

  it.effect("routes the contract's request by the contract's config", () =>
    Effect.gen(function* () {
      const world = yield* worldOf(contractJson("config.session"))
      const request = yield* routeSpawn(world, {
        runtime: "research-agent",
        instruction: "Run the background research task and report progress.",
        protocol: "a2a",
        context: { repo: "agent-dispatch", priority: "background" }
      })
      assert.strictEqual(request.adapter, "aws-agentcore")
      assert.strictEqual(request.backend, "agentcore-dev")
      assert.deepStrictEqual(request.target, { mode: "session", protocol: "a2a" })
      assert.strictEqual(request.details["runtimeArn"], arn)
      assert.strictEqual(request.input["framework"], "strands")
      assert.deepStrictEqual(request.input["runtimeTools"], { enabled: ["web-search", "code-interpreter"] })
    })
  )

  it.effect("takes every value from the call, then the profile, then the defaults", () =>
    Effect.gen(function* () {
      const world = yield* worldOf(twoRuntimes)
      const context = { ticket: 0 }
      const call = { instruction: "x", context }
      const profile = yield* routeSpawn(world, { ...call, runtime: "one" })
      const called = yield* routeSpawn(world, { ...call, runtime: "one", framework: "call" })
      const fallback = yield* routeSpawn(world, { ...call, runtime: "two" })
      assert.deepStrictEqual(
        [called.input["framework"], profile.input["framework"], fallback.input["framework"]],
        ["call", "profile", "default"]
      )
      assert.deepStrictEqual([profile.input["model"], fallback.input["model"]], ["small", "large"])
    })
  )

  it.effect("a runtime ARN means session mode, an image means runtime mode, and what that needs is asked", () =>
    Effect.gen(function* () {
      const world = yield* worldOf(bare)
      const session = yield* routeSpawn(world, { instruction: "x", details: { runtimeArn: arn } })
      assert.strictEqual(session.target.mode, "session")
      const error = yield* Effect.flip(routeSpawn(world, { instruction: "x", details: { ecrImageUri: "image" } }))
      assert(error._tag === "NeedsAnswers")
      assert.deepStrictEqual(
        error.questions.map((question) => question.id),
        ["executionRoleArn"]
      )
    })
  )

  it.effect("a variable of the server answers a need", () =>
    Effect.gen(function* () {
      const world = yield* worldOf(bare, { AGENTDISPATCH_AGENTCORE_RUNTIME_ARN: arn })
      const request = yield* routeSpawn(world, { instruction: "x" })
      assert.strictEqual(request.details["runtimeArn"], arn)
    })
  )

  const asked: ReadonlyArray<readonly [string, SpawnCall, ReadonlyArray<string>]> = [
    ["a blank instruction", { runtime: "two", instruction: " \n" }, ["instruction"]],
    ["an unknown runtime profile, with the known ones as choices", { runtime: "three", instruction: "x" }, ["runtime"]],
    ["which of several profiles, when none is the default", { instruction: "x" }, ["runtime"]],
    ["a required input that is missing", { runtime: "one", instruction: "x" }, ["ticket"]],
    ["a required input that is blank", { runtime: "one", instruction: "x", context: { ticket: "" } }, ["ticket"]],
    [
      "an unknown account profile",
      { runtime: "two", instruction: "x", accountProfile: "toString" },
      ["account_profile"]
    ],
    ["everything at once that is missing", { runtime: "one" }, ["instruction", "ticket"]]
  ]
  for (const [what, call, ids] of asked) {
    it.effect(`asks for ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(routeSpawn(yield* worldOf(twoRuntimes), call))
        assert(error._tag === "NeedsAnswers", error.message)
        assert.deepStrictEqual(
          error.questions.map((question) => question.id),
          ids
        )
        assert.deepStrictEqual(error.availableRuntimes, ["one", "two"])
        if (ids[0] === "runtime") assert.deepStrictEqual(error.questions[0]?.choices, ["one", "two"])
      })
    )
  }

  it.effect("takes false and 0 for answers", () =>
    Effect.gen(function* () {
      const world = yield* worldOf(twoRuntimes)
      for (const ticket of [false, 0]) {
        assert(Either.isRight(routeSpawn(world, { runtime: "one", instruction: "x", context: { ticket } })))
      }
    })
  )

  const refused: ReadonlyArray<readonly [string, SpawnCall, string, RegExp]> = [
    [
      "a command from the caller",
      { details: { command: ["rm"] } },
      "InvalidInput",
      /^target\.details\.command: cannot be set/
    ],
    [
      "a longer deadline than configured",
      { target: { details: { deadlineSeconds: 61 } } },
      "InvalidInput",
      /^target\.details\.deadlineSeconds: is 61; a call may only lower the configured 60/
    ],
    [
      "a NUL character",
      { context: { ticket: 1, a: { b: ["x\u0000y"] } } },
      "InvalidInput",
      /^input\.context\.a\.b\[0\]: contains a NUL/
    ],
    [
      "more than fits",
      { context: { ticket: 1, big: "x".repeat(5_000_000) } },
      "InvalidInput",
      /^input: is \d+ characters/
    ],
    [
      "another provider than the account's",
      { provider: "aws" },
      "AccountProviderMismatch",
      /belongs to provider "local"/
    ],
    ["a mode the adapter lacks", { target: { mode: "runtime" } }, "AdapterUnsupported", /target mode "runtime"/],
    [
      "a credential three levels deep",
      { context: { ticket: 1, a: { b: { api_key: "k" } } } },
      "CredentialRefused",
      /^context\.a\.b\.api_key/
    ]
  ]
  for (const [what, call, tag, message] of refused) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const world = yield* worldOf(twoRuntimes)
        const error = yield* Effect.flip(
          routeSpawn(world, { runtime: "one", instruction: "x", context: { ticket: 1 }, ...call })
        )
        assert.strictEqual(error._tag, tag, error.message)
        assert.match(error.message, message)
      })
    )
  }

  it.effect("a lower deadline is taken", () =>
    Effect.gen(function* () {
      const request = yield* routeSpawn(yield* worldOf(twoRuntimes), {
        runtime: "one",
        instruction: "x",
        context: { ticket: 1 },
        target: { details: { deadlineSeconds: 5 } }
      })
      assert.strictEqual(request.details["deadlineSeconds"], 5)
    })
  )
})

describe("Routing of the long form", () => {
  const call = {
    provider: "local",
    accountProfile: "here",
    capability: "agent-runtime",
    backend: "b",
    taskType: "command.run",
    target: { mode: "session" },
    input: { command: ["true"] }
  } as const

  it.effect("goes to the named backend, by its own name or its adapter's", () =>
    Effect.gen(function* () {
      const world = yield* worldOf(twoRuntimes)
      assert.strictEqual((yield* routeDispatch(world, call)).backend, "b")
      assert.strictEqual((yield* routeDispatch(world, { ...call, backend: "local-process" })).backend, "a")
    })
  )

  const refused = [
    ["account_profile.not_found", { accountProfile: "constructor" }],
    ["account_profile.provider_mismatch", { provider: "aws" }],
    ["capability.not_configured", { capability: "job-runner" }],
    ["backend.not_found", { backend: "c" }],
    ["adapter.unsupported", { target: { mode: "runtime" } }],
    ["input.invalid", { taskType: "agent.run", input: { instruction: "" } }],
    ["policy.denied", { metadata: { password: "x" } }],
    ["policy.denied", { input: { command: ["true"], environmentVariables: { AWS_SECRET_ACCESS_KEY: "x" } } }]
  ] as const
  for (const [code, change] of refused) {
    it.effect(`answers ${code} to ${JSON.stringify(change)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(routeDispatch(yield* worldOf(twoRuntimes), { ...call, ...change }))
        assert.strictEqual(error.code, code, error.message)
      })
    )
  }
})
