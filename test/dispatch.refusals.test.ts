import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import type { Config } from "../src/domain/Config.js"
import type { PolicyRule } from "../src/domain/PolicyConfig.js"
import type { Json, JsonObject } from "../src/domain/Json.js"
import { Audited, config, core } from "./fakes/CoreFixture.js"

const spawning = (more: {
  readonly context?: JsonObject
  readonly metadata?: JsonObject
  readonly instruction?: string
}) => Effect.flatMap(Dispatch, (dispatch) => dispatch.spawn({ instruction: "do it", runtime: "once", ...more }, {}))

const dispatching = (input: JsonObject, details?: JsonObject) =>
  Effect.flatMap(Dispatch, (dispatch) =>
    dispatch.dispatch(
      {
        provider: "fake",
        accountProfile: "lab",
        capability: "agent-runtime",
        taskType: "agent.run",
        target: { mode: "session", ...(details === undefined ? {} : { details }) },
        input: { instruction: "do it", ...input }
      },
      {}
    )
  )

const accepted = Effect.flatMap(Dispatch, (dispatch) =>
  Effect.map(dispatch.list({ limit: 50 }), ({ tasks }) => tasks.length)
)

const credentials: ReadonlyArray<readonly [path: string, value: JsonObject]> = [
  ["aws_secret_access_key", { aws_secret_access_key: "s3cr3t" }],
  ["api_key", { api_key: "s3cr3t" }],
  ["access_token", { access_token: "s3cr3t" }],
  ["environmentVariables.AWS_SECRET_ACCESS_KEY", { environmentVariables: { AWS_SECRET_ACCESS_KEY: "s3cr3t" } }],
  ["deep.down[1].here.Client-Secret", { deep: { down: [1, { here: { "Client-Secret": "s3cr3t" } }] } }],
  ...[
    "accessKeyId",
    "secretAccessKey",
    "sessionToken",
    "apiKey",
    "clientSecret",
    "privateKey",
    "password",
    "token"
  ].flatMap((key) =>
    [key, key.toUpperCase(), key.toLowerCase()].map((spelled) => [spelled, { [spelled]: "s3cr3t" }] as const)
  )
]

const harmless: ReadonlyArray<JsonObject> = [
  { schema: { type: "object", properties: { password: { type: "string", minLength: 8 } } } },
  { password: "${secret:deploy}", environmentVariables: { AWS_SECRET_ACCESS_KEY: "${env:KEY}" } },
  { maxTokens: 4096, tokens: 12, next_token: "page-2", tokenizer: "bpe" },
  { password: null, passwordPolicy: "strict", secretary: "Ann", apiKeyName: "deploy" },
  { note: "never print the password" }
]

describe("Dispatch, refusing", () => {
  for (const [path, value] of credentials) {
    it.effect(`a credential called ${path}, by its path and without repeating or keeping it`, () =>
      Effect.gen(function* () {
        const refused: ReadonlyArray<
          readonly [string, Effect.Effect<Json, { readonly code: string; readonly message: string }, Dispatch>]
        > = [
          [`context.${path}`, Effect.map(spawning({ context: value }), ({ taskId }) => taskId)],
          [`metadata.${path}`, Effect.map(spawning({ metadata: value }), ({ taskId }) => taskId)],
          [`input.${path}`, Effect.map(dispatching(value), ({ taskId }) => taskId)],
          [`target.details.${path}`, Effect.map(dispatching({}, value), ({ taskId }) => taskId)]
        ]
        for (const [where, call] of refused) {
          const error = yield* Effect.flip(call)
          assert.strictEqual(error.code, "policy.denied", where)
          assert.include(error.message, where)
          assert.notInclude(error.message, "s3cr3t")
        }
        assert.strictEqual(yield* accepted, 0)
        const audited = yield* Ref.get(yield* Audited)
        assert.deepStrictEqual(
          audited.map(({ code, outcome }) => [outcome, code]),
          refused.map(() => ["refused", "policy.denied"])
        )
        assert.notInclude(JSON.stringify(audited), "s3cr3t")
      }).pipe(Effect.provide(core()))
    )
  }

  it.effect("a credential by its looks, whatever it is called", () =>
    Effect.gen(function* () {
      const value = `AKIA${"ABCDEFGH".repeat(2)}`
      assert.strictEqual((yield* Effect.flip(spawning({ context: { note: value } }))).code, "policy.denied")
      assert.strictEqual((yield* Effect.flip(spawning({ instruction: `use ${value} for it` }))).code, "policy.denied")
    }).pipe(Effect.provide(core()))
  )

  for (const value of harmless) {
    it.effect(`not ${JSON.stringify(value)}`, () =>
      Effect.gen(function* () {
        yield* spawning({ context: value, metadata: value })
        yield* dispatching(value)
        assert.strictEqual(yield* accepted, 2)
      }).pipe(Effect.provide(core()))
    )
  }

  const policies: ReadonlyArray<readonly [what: string, policy: Config["policy"], denied: string | undefined]> = [
    ["nothing without a policy", { rules: [] }, undefined],
    ["everything by a denying default", { defaultEffect: "deny", rules: [] }, "defaultEffect"],
    [
      "nothing that a rule allows against the default",
      { defaultEffect: "deny", rules: [{ effect: "allow", providers: ["fake"] }] },
      undefined
    ],
    [
      "what the first rule that matches denies, with its reason",
      { rules: [{ effect: "deny", accountProfiles: ["lab"], reason: "the lab is closed" }, { effect: "allow" }] },
      "the lab is closed"
    ],
    [
      "nothing that an earlier rule allows",
      { rules: [{ effect: "allow", targetModes: ["session"] }, { effect: "deny" }] },
      undefined
    ],
    ...(
      [
        { effect: "deny", providers: ["aws"] },
        { effect: "deny", accountProfiles: ["prod"] },
        { effect: "deny", capabilities: ["job-runner"] },
        { effect: "deny", taskTypes: ["command.run"] },
        { effect: "deny", targetModes: ["runtime"] },
        { effect: "deny", providers: ["fake"], targetModes: ["runtime"] }
      ] satisfies ReadonlyArray<PolicyRule>
    ).map(
      (rule) =>
        [`nothing by ${JSON.stringify(rule)}, which is about something else`, { rules: [rule] }, undefined] as const
    )
  ]
  for (const [what, policy, denied] of policies) {
    it.effect(what, () =>
      Effect.gen(function* () {
        if (denied === undefined) yield* spawning({})
        else {
          const error = yield* Effect.flip(spawning({}))
          assert.deepStrictEqual([error._tag, error.code], ["PolicyDenied", "policy.denied"])
          assert.include(error.message, denied)
        }
        assert.strictEqual(yield* accepted, denied === undefined ? 1 : 0)
      }).pipe(Effect.provide(core({ config: { policy } })))
    )
  }

  for (const name of ["toString", "__proto__", "constructor", "hasOwnProperty"]) {
    it.effect(`"${name}" as the name of anything`, () =>
      Effect.gen(function* () {
        const dispatch = yield* Dispatch
        const work = { instruction: "do it" }
        const asked = yield* Effect.flip(dispatch.spawn({ ...work, runtime: name }, {}))
        assert.strictEqual(asked._tag, "NeedsAnswers")
        assert.deepStrictEqual(
          asked._tag === "NeedsAnswers" ? asked.questions.map(({ choices, id }) => [id, choices]) : [],
          [["runtime", Object.keys(config.runtimes)]]
        )
        const account = yield* Effect.flip(dispatch.spawn({ ...work, runtime: "once", accountProfile: name }, {}))
        assert.deepStrictEqual(
          account._tag === "NeedsAnswers" ? account.questions.map(({ choices, id }) => [id, choices]) : [],
          [["account_profile", ["lab"]]]
        )
        const long = {
          provider: "fake",
          accountProfile: "lab",
          capability: "agent-runtime",
          taskType: "agent.run",
          target: { mode: "session" },
          input: work
        } as const
        const wrong = [
          { ...long, accountProfile: name },
          { ...long, backend: name },
          { ...long, capability: name },
          { ...long, provider: name }
        ]
        const codes = yield* Effect.forEach(wrong, (call) => Effect.flip(dispatch.dispatch(call, {})))
        assert.deepStrictEqual(
          codes.map(({ code }) => code),
          [
            "account_profile.not_found",
            "backend.not_found",
            "capability.not_configured",
            "account_profile.provider_mismatch"
          ]
        )
        assert.strictEqual(yield* accepted, 0)
      }).pipe(Effect.provide(core()))
    )
  }
})
