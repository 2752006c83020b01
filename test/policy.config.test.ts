import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { specs } from "../adapters/Registry.generated.js"
import { fromJson } from "../src/domain/Config.js"
import type { Json, JsonObject } from "../src/domain/Json.js"
import { isPolicyAlone, policyFromJson } from "../src/domain/PolicyChecks.js"

const base = {
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: { shell: { adapter: "local-process", account: "here", details: { command: ["true"] } } },
  runtimes: { job: { provider: "local", account: "here", capability: "agent-runtime", backend: "shell" } }
}

const issuesOf = (policy: JsonObject) =>
  fromJson({ ...base, policy }, specs, "test.json").pipe(
    Effect.flip,
    Effect.map(({ issues }) => issues.map(({ message, path }) => `${path}: ${message}`))
  )

const rule = (members: JsonObject): JsonObject => ({ rules: [{ effect: "allow", ...members }] })
const hours = (members: JsonObject): JsonObject =>
  rule({ hours: { from: "22:00", to: "06:00", timeZone: "UTC", ...members } })

const whole: JsonObject = {
  defaultEffect: "deny",
  prices: { shell: 1.5, "aws-agentcore": 0 },
  rules: [
    {
      name: "nightly",
      effect: "allow",
      tools: ["spawn_cloud_agent", "dispatch_task", "dispatch_unit"],
      runtimes: ["job"],
      lanes: ["acme/site.js", "a/b"],
      providers: ["local"],
      accountProfiles: ["here"],
      capabilities: ["agent-runtime"],
      taskTypes: ["agent.run"],
      targetModes: ["session"],
      frameworks: ["echo"],
      callers: ["user:ann", "principal:ci"],
      clients: ["Editor 3"],
      hours: { days: ["mon", "sun"], from: "22:00", to: "24:00", timeZone: "Europe/Berlin" },
      limits: { perHour: 3, concurrent: 0, deadlineSeconds: 60, costUsd: 0.5 },
      reason: "at night"
    },
    { effect: "deny", runtimes: [] }
  ]
}

describe("the policy of a config", () => {
  it.effect("may say everything there is to say, and is read as it was written", () =>
    Effect.gen(function* () {
      const { policy } = yield* fromJson({ ...base, policy: whole }, specs, "test.json")
      assert.deepEqual(policy, whole)
    })
  )

  const wrong: ReadonlyArray<readonly [what: string, policy: JsonObject, issue: RegExp]> = [
    [
      "a runtime that is not there",
      rule({ runtimes: ["jobb"] }),
      /^policy\.rules\.0\.runtimes: names runtime "jobb".*"job"\?/
    ],
    [
      "a runtime called constructor",
      rule({ runtimes: ["constructor"] }),
      /^policy\.rules\.0\.runtimes: names runtime "constructor"/
    ],
    ["a runtime in other letters", rule({ runtimes: ["Job"] }), /^policy\.rules\.0\.runtimes: names runtime "Job"/],
    [
      "a lane without an owner",
      rule({ lanes: ["site"] }),
      /^policy\.rules\[0\]\.lanes\[0\]: can be no lane: write ORGUSER\/REPO/
    ],
    ["a lane with a wildcard", rule({ lanes: ["acme/*"] }), /^policy\.rules\[0\]\.lanes\[0\]: can be no lane/],
    ["a lane that would be an option", rule({ lanes: ["-o/site"] }), /^policy\.rules\[0\]\.lanes\[0\]: can be no lane/],
    [
      "a tool that dispatches nothing",
      rule({ tools: ["list_tasks"] }),
      /^policy\.rules\[0\]\.tools\[0\]: expected "spawn_cloud_agent"/
    ],
    [
      "a caller without its kind",
      rule({ callers: ["ann"] }),
      /^policy\.rules\[0\]\.callers\[0\]: can be no caller: write "user:NAME"/
    ],
    [
      "a time zone that does not exist",
      hours({ timeZone: "Europe/Berln" }),
      /^policy\.rules\[0\]\.hours\.timeZone: is no time zone/
    ],
    [
      "an offset for a time zone",
      hours({ timeZone: "+02:00" }),
      /^policy\.rules\[0\]\.hours\.timeZone: is no time zone/
    ],
    [
      "hours without a time zone",
      rule({ hours: { from: "22:00", to: "06:00" } }),
      /^policy\.rules\[0\]\.hours\.timeZone: is missing/
    ],
    ["a time that is none", hours({ from: "24:00" }), /^policy\.rules\[0\]\.hours\.from: is no time of day/],
    ["a time of another spelling", hours({ to: "6:00" }), /^policy\.rules\[0\]\.hours\.to: is no time of day/],
    ["a window of no length", hours({ to: "22:00" }), /^policy\.rules\[0\]\.hours\.to: is the same as "from"/],
    ["a day that is none", hours({ days: ["Monday"] }), /^policy\.rules\[0\]\.hours\.days\[0\]: expected "sun"/],
    [
      "limits where nothing is allowed",
      rule({ effect: "deny", limits: { perHour: 1 } }),
      /^policy\.rules\[0\]\.limits: belong to rules that allow/
    ],
    ["half a dispatch an hour", rule({ limits: { perHour: 0.5 } }), /^policy\.rules\[0\]\.limits\.perHour: /],
    ["a negative cost", rule({ limits: { costUsd: -1 } }), /^policy\.rules\[0\]\.limits\.costUsd: /],
    [
      "a limit that does not exist",
      rule({ limits: { perhour: 1 } }),
      /^policy\.rules\[0\]\.limits\.perhour: is not a known key\. Did you mean "perHour"/
    ],
    [
      "a list that does not exist",
      rule({ runtime: ["job"] }),
      /^policy\.rules\[0\]\.runtime: is not a known key\. Did you mean "runtimes"/
    ],
    ["a price of no backend", { prices: { shall: 1 } }, /^policy\.prices: names backend "shall".*"shell"\?/],
    [
      "a price of __proto__",
      { prices: Object.fromEntries([["__proto__", 1]]) },
      /^policy\.prices\.__proto__: is no valid name/
    ],
    [
      "two rules of one name",
      {
        rules: [
          { effect: "allow", name: "a" },
          { effect: "deny", name: "a" }
        ]
      },
      /^policy\.rules\.1\.name: is the name of policy\.rules\.0 as well/
    ]
  ]
  for (const [what, policy, issue] of wrong) {
    it.effect(`refuses ${what}, by its path`, () =>
      Effect.gen(function* () {
        const issues = yield* issuesOf(policy)
        assert.lengthOf(issues, 1, issues.join("\n"))
        assert.match(issues[0] ?? "", issue)
      })
    )
  }
})

describe("a policy by itself", () => {
  it("is told from a config by its keys", () => {
    const policies: ReadonlyArray<Json> = [whole, { rules: [] }, { defaultEffect: "deny" }, { prices: {} }]
    for (const policy of policies) assert.isTrue(isPolicyAlone(policy))
    const others: ReadonlyArray<Json> = [{ ...base, policy: whole }, base, {}, [], null, "deny"]
    for (const other of others) assert.isFalse(isPolicyAlone(other))
  })

  it.effect("is checked against the installation it would be for", () =>
    Effect.gen(function* () {
      const config = yield* fromJson(base, specs, "test.json")
      assert.deepEqual(yield* policyFromJson(whole, config, specs, "p.json"), whole)
      const error = yield* Effect.flip(policyFromJson(rule({ runtimes: ["nobody"] }), config, specs, "p.json"))
      assert.match(error.message, /^p\.json cannot be used:\n {2}policy\.rules\.0\.runtimes: names runtime "nobody"/)
    })
  )
})
