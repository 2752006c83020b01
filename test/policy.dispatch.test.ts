import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Ref, TestClock } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import { Explain, type Intention } from "../src/dispatch/Explain.js"
import { Lanes } from "../src/dispatch/Lanes.js"
import { Preflight } from "../src/dispatch/Preflight.js"
import type { Policy, PolicyRule } from "../src/domain/PolicyConfig.js"
import type { SpawnCall } from "../src/domain/Routing.js"
import { Caller } from "../src/services/Caller.js"
import { Store } from "../src/services/Store.js"
import { Audited, core, idOf } from "./fakes/CoreFixture.js"
import { policyOf } from "./support/SomeSubject.js"

/** The core under a policy, with what explains it; there are no lanes. */
const under = (policy: Policy) =>
  Explain.layer.pipe(
    Layer.provide(
      Layer.succeed(Lanes, {
        route: () => Effect.dieMessage("no lanes here"),
        dispatchUnit: () => Effect.dieMessage("no lanes here"),
        status: () => Effect.dieMessage("no lanes here"),
        result: () => Effect.dieMessage("no lanes here"),
        list: Effect.dieMessage("no lanes here")
      })
    ),
    Layer.provideMerge(core({ config: { policy } }))
  )

const spawn = (call: SpawnCall = {}, idempotencyKey?: string) =>
  Effect.flatMap(Dispatch, (dispatch) =>
    dispatch.spawn({ instruction: "do it", runtime: "once", ...call }, { idempotencyKey })
  )
const explain = (call: SpawnCall = {}) =>
  explained({ tool: "spawn_cloud_agent", call: { instruction: "do it", runtime: "once", ...call } })
const explained = (intention: Intention) => Effect.flatMap(Explain, (explainer) => explainer.explain(intention))
const tasks = Effect.flatMap(Dispatch, (dispatch) => Effect.map(dispatch.list({ limit: 50 }), (page) => page.tasks))
const audited = Effect.flatMap(Audited, Ref.get)
const as = (principal: string, client?: string) =>
  Effect.provideService(Caller, {
    principal,
    ...(client === undefined ? {} : { client: { name: client, version: "1" } })
  })
const limited = (limits: PolicyRule["limits"], more: Partial<PolicyRule> = {}): PolicyRule => ({
  effect: "allow",
  ...(limits === undefined ? {} : { limits }),
  ...more
})

describe("a dispatch under a policy", () => {
  it.effect("is decided by who calls, through which client, and when", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 2, 4, 12))
      yield* spawn().pipe(as("user:ann", "editor"))
      assert.strictEqual((yield* Effect.flip(spawn().pipe(as("user:bob", "editor")))).code, "policy.denied")
      assert.strictEqual((yield* Effect.flip(spawn().pipe(as("user:ann", "other")))).code, "policy.denied")
      assert.strictEqual((yield* Effect.flip(spawn().pipe(as("user:ann")))).code, "policy.denied")
      yield* TestClock.setTime(Date.UTC(2026, 2, 4, 18))
      assert.strictEqual((yield* Effect.flip(spawn().pipe(as("user:ann", "editor")))).code, "policy.denied")
    }).pipe(
      Effect.provide(
        under({
          defaultEffect: "deny",
          rules: [
            {
              effect: "allow",
              callers: ["user:ann"],
              clients: ["editor"],
              hours: { from: "08:00", to: "18:00", timeZone: "UTC" }
            }
          ]
        })
      )
    )
  )

  it.effect("that is denied says by which rule and what would change it, and the audit has the rule", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(spawn())
      assert.strictEqual(
        error.message,
        'The policy of this installation denies the dispatch by policy.rules.0 (closed): we are moving. policy.defaultEffect would allow it with another runtime than "once". Whoever keeps the config can change policy.rules.0 (closed).'
      )
      yield* spawn({ runtime: "probe" })
      assert.deepStrictEqual(
        (yield* audited).map(({ code, outcome, rule }) => [outcome, code, rule]),
        [
          ["refused", "policy.denied", "policy.rules.0 (closed)"],
          ["accepted", undefined, "policy.defaultEffect"]
        ]
      )
    }).pipe(
      Effect.provide(under(policyOf({ name: "closed", effect: "deny", runtimes: ["once"], reason: "we are moving." })))
    )
  )

  it.effect("counts under the rule that allowed it, until an hour has passed", () =>
    Effect.gen(function* () {
      yield* spawn({}, "key")
      yield* spawn({ runtime: "probe" })
      const error = yield* Effect.flip(spawn())
      assert.strictEqual(
        error.message,
        "policy.rules.0 allows 1 dispatches an hour and they are used up. There is room again at 1970-01-01T01:00:00.000Z. Whoever keeps the config can raise limits.perHour of policy.rules.0."
      )
      yield* spawn({}, "key")
      yield* TestClock.adjust("1 hour")
      yield* spawn()
      assert.deepStrictEqual(
        (yield* audited).map(({ code, outcome, rule }) => [outcome, code, rule]),
        [
          ["accepted", undefined, "policy.rules.0"],
          ["accepted", undefined, "policy.rules.1"],
          ["refused", "policy.quota_reached", "policy.rules.0"],
          ["repeated", undefined, "policy.rules.0"],
          ["accepted", undefined, "policy.rules.0"]
        ]
      )
    }).pipe(Effect.provide(under(policyOf(limited({ perHour: 1 }, { runtimes: ["once"] }), { effect: "allow" }))))
  )

  it.effect("finds room again when another one has ended", () =>
    Effect.gen(function* () {
      const { taskId } = yield* spawn()
      assert.include((yield* Effect.flip(spawn())).message, "Wait for one to end, or cancel one.")
      yield* Effect.flatMap(Dispatch, (dispatch) => dispatch.cancel(taskId))
      yield* spawn()
    }).pipe(Effect.provide(under(policyOf(limited({ concurrent: 1 })))))
  )
})

describe("an explanation", () => {
  it.effect("tells what a dispatch would come to, and neither creates, counts nor audits anything", () =>
    Effect.gen(function* () {
      const rule = "policy.rules.0"
      const before = yield* explain()
      assert.deepStrictEqual(before, {
        decision: "allow",
        rule,
        reason: "policy.rules.0 allows it",
        wouldChange: [],
        limits: [
          { rule, limit: "perHour", used: 0, allowed: 2 },
          { rule, limit: "concurrent", used: 0, allowed: 1 }
        ],
        request: {
          provider: "fake",
          accountProfile: "lab",
          backend: "once",
          adapter: "fake-once",
          capability: "agent-runtime",
          taskType: "agent.run",
          runtime: "once",
          target: { mode: "session" }
        }
      })
      assert.deepStrictEqual(yield* explain(), before)
      assert.deepStrictEqual(yield* tasks, [])
      assert.deepStrictEqual(yield* audited, [])

      const { taskId } = yield* spawn()
      const full = yield* explain()
      const refused = yield* Effect.flip(spawn())
      assert.deepInclude(full, {
        decision: "deny",
        rule,
        limits: [
          { rule, limit: "perHour", used: 1, allowed: 2 },
          { rule, limit: "concurrent", used: 1, allowed: 1 }
        ],
        error: { code: refused.code, message: refused.message }
      })
      yield* Effect.flatMap(Store, (store) =>
        Effect.flatMap(store.find(idOf(taskId)), (task) => store.commit(task, { transition: "cancel" }))
      )
      assert.strictEqual((yield* explain()).decision, "allow")
    }).pipe(Effect.provide(under(policyOf(limited({ perHour: 2, concurrent: 1 })))))
  )

  it.effect("says of a denial what the denial itself says", () =>
    Effect.gen(function* () {
      const explanation = yield* explain()
      const error = yield* Effect.flip(spawn())
      assert.deepInclude(explanation, { decision: "deny", rule: "policy.rules.0", reason: "the lab is closed" })
      assert.strictEqual(explanation.error?.message, error.message)
      assert.include(error.message, explanation.wouldChange.join(" "))
    }).pipe(Effect.provide(under(policyOf({ effect: "deny", accountProfiles: ["lab"], reason: "the lab is closed" }))))
  )

  it.effect("asks what the dispatch would ask, and refuses what it would refuse", () =>
    Effect.gen(function* () {
      const asked = yield* explain({ instruction: "  " })
      assert.strictEqual(asked.decision, "needs_answers")
      assert.deepStrictEqual(
        asked.questions?.map(({ id }) => id),
        ["instruction"]
      )
      const secret = yield* explain({ context: { password: "s3cr3t" } })
      assert.deepInclude(secret, { decision: "deny", rule: "credentials" })
      assert.notInclude(JSON.stringify(secret), "s3cr3t")
      const lost = yield* explained({
        tool: "dispatch_task",
        call: {
          provider: "fake",
          accountProfile: "nobody",
          capability: "agent-runtime",
          taskType: "agent.run",
          target: { mode: "session" },
          input: { instruction: "do it" }
        }
      })
      assert.deepInclude(lost, { decision: "invalid" })
      assert.strictEqual(lost.error?.code, "account_profile.not_found")
    }).pipe(Effect.provide(under(policyOf())))
  )
})

describe("a preflight under a policy", () => {
  const checked = Effect.flatMap(Preflight, (preflight) =>
    Effect.map(preflight.check({ runtime: "once" }, false), ({ checks, ok }) => ({
      ok,
      policy: checks.find(({ name }) => name === "policy")
    }))
  )

  it.effect("passes with the rule that would allow a dispatch", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* checked, {
        ok: true,
        policy: { name: "policy", status: "pass", message: "allowed by policy.defaultEffect: no rule denies it" }
      })
    }).pipe(Effect.provide(under(policyOf())))
  )

  it.effect("fails with the rule that would deny it", () =>
    Effect.gen(function* () {
      const { ok, policy } = yield* checked
      assert.isFalse(ok)
      assert.strictEqual(policy?.status, "fail")
      assert.include(policy?.message ?? "", "policy.rules.0 denies it")
    }).pipe(Effect.provide(under(policyOf({ effect: "deny", runtimes: ["once"] }))))
  )
})
