import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { type Answer, kinds, place, refusalOf, session } from "./support/Server.js"
import { command, workbench } from "./support/Workbench.js"

const explanation = Schema.decodeUnknownSync(
  Schema.Struct({
    decision: Schema.String,
    rule: Schema.optional(Schema.String),
    reason: Schema.String,
    wouldChange: Schema.Array(Schema.String),
    limits: Schema.optional(Schema.Array(JsonObject)),
    request: Schema.optional(JsonObject),
    questions: Schema.optional(Schema.Array(JsonObject)),
    error: Schema.optional(Schema.Struct({ code: Schema.String, message: Schema.String }))
  })
)
const told = (answer: Answer) => {
  assert.isFalse(answer.isError, answer.text)
  return explanation(answer.value)
}

const config = {
  ...workbench(),
  policy: {
    defaultEffect: "deny",
    prices: { worker: 6, scripts: 0 },
    rules: [
      { effect: "allow", runtimes: ["echo"], limits: { perHour: 1, deadlineSeconds: 600, costUsd: 0.5 } },
      { name: "scripts", effect: "allow", tools: ["dispatch_task"], taskTypes: ["command.run"] }
    ]
  }
} satisfies JsonObject

for (const kind of kinds) {
  describe(`explain_dispatch, asked by ${kind}`, () => {
    it.scopedLive("leads a call from a denial to what is allowed, and takes nothing of the quota", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config })
        const explain = (tool: string, args: JsonObject) =>
          Effect.map(call("explain_dispatch", { tool, arguments: args }), told)
        const work = { runtime: "echo", instruction: "hello" }

        const long = yield* explain("spawn_cloud_agent", work)
        assert.deepInclude(long, { decision: "deny", rule: "policy.rules.0" })
        assert.include(long.wouldChange, "Lower target.details.deadlineSeconds to 600 or less.")
        assert.include(long.wouldChange, "Lower target.details.deadlineSeconds to 300 or less.")
        const refused = yield* call("spawn_cloud_agent", work)
        assert.isTrue(refused.isError)
        assert.include(refusalOf(refused), long.error?.message ?? "nothing")

        const short = { ...work, target: { details: { deadlineSeconds: 300 } } }
        for (const _ of [1, 2]) {
          const allowed = yield* explain("spawn_cloud_agent", short)
          assert.deepInclude(allowed, { decision: "allow", rule: "policy.rules.0" })
          assert.deepInclude(allowed.limits?.[0], { limit: "perHour", used: 0, allowed: 1 })
          assert.deepInclude(allowed.limits?.[2], { limit: "costUsd", used: 0.5, allowed: 0.5 })
          assert.deepInclude(allowed.request, { backend: "worker", deadlineSeconds: 300, estimatedCostUsd: 0.5 })
        }
        assert.isFalse((yield* call("spawn_cloud_agent", short)).isError)
        const full = yield* explain("spawn_cloud_agent", short)
        assert.deepInclude(full, { decision: "deny" })
        assert.strictEqual(full.error?.code, "policy.quota_reached")

        const script = yield* explain("dispatch_task", command("true"))
        assert.deepInclude(script, { decision: "allow", rule: "policy.rules.1 (scripts)" })
        const other = yield* explain("spawn_cloud_agent", { runtime: "argv", instruction: "hello" })
        assert.deepInclude(other, { decision: "deny", rule: "policy.defaultEffect" })
      })
    )

    it.scopedLive(
      "takes the arguments of the tool it is asked about, and answers mistakes in them as that tool would",
      () =>
        Effect.gen(function* () {
          const { call } = yield* session(kind, yield* place, { config })
          const explain = (tool: string, args: JsonObject) =>
            Effect.map(call("explain_dispatch", { tool, arguments: args }), told)
          const wrong: ReadonlyArray<readonly [string, JsonObject, RegExp]> = [
            ["spawn_cloud_agent", { instruktion: "hello" }, /^instruktion: is not a known key/],
            ["spawn_cloud_agent", { runtimeArn: "a", runtime_arn: "b" }, /^runtimeArn: is given in two spellings/],
            ["dispatch_task", { runtime: "echo" }, /is missing|is not a known key/],
            ["dispatch_unit", { orguser: "acme", repo: 5, task_description: "x" }, /^repo: /]
          ]
          for (const [tool, args, reason] of wrong) {
            const invalid = yield* explain(tool, args)
            assert.strictEqual(invalid.decision, "invalid")
            assert.match(invalid.reason, reason)
            assert.strictEqual(invalid.error?.code, "input.invalid")
          }
          const asked = yield* explain("spawn_cloud_agent", { runtime: "echo" })
          assert.strictEqual(asked.decision, "needs_answers")
          const unit = yield* explain("dispatch_unit", { orguser: "acme", repo: "site", task_description: "x" })
          assert.strictEqual(unit.decision, "invalid")
          assert.isTrue((yield* call("explain_dispatch", { tool: "cancel_task" })).isError)
        })
    )
  })
}
