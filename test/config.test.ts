import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { specs } from "../adapters/Registry.generated.js"
import { fromJson } from "../src/domain/Config.js"
import type { Json } from "../src/domain/Json.js"
import { contractJson } from "./support/Contract.js"

const issuesOf = (raw: Json) =>
  fromJson(raw, specs, "test.json").pipe(
    Effect.flip,
    Effect.map((error) => error.issues.map((issue) => `${issue.path}: ${issue.message}`))
  )

const valid = {
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: { shell: { adapter: "local-process", account: "here", details: { command: ["true"] } } },
  runtimes: { job: { provider: "local", account: "here", capability: "agent-runtime", backend: "shell" } }
}

describe("Config", () => {
  it.effect("loads the contract's minimal config unchanged", () =>
    Effect.gen(function* () {
      const config = yield* fromJson(contractJson("config.session"), specs, "config.session.json")
      assert.strictEqual(config.defaults.runtime, "research-agent")
      assert.deepStrictEqual(config.runtimes["research-agent"]?.runtimeTools, {
        enabled: ["web-search", "code-interpreter"]
      })
      assert.strictEqual(config.backends["agentcore-dev"]?.details?.["protocol"], "a2a")
    })
  )

  it.effect("takes an empty object: nothing is configured, and that is no error", () =>
    Effect.gen(function* () {
      const config = yield* fromJson({}, specs, "empty.json")
      assert.deepStrictEqual(config.accounts, {})
      assert.deepStrictEqual(config.policy.rules, [])
    })
  )

  it.effect("names an unknown key, its path and the nearest known one", () =>
    Effect.gen(function* () {
      const [issue] = yield* issuesOf({ ...valid, runtimez: {} })
      assert.match(issue ?? "", /^runtimez: is not a known key\. Did you mean "runtimes"\?/)
    })
  )

  it.effect("gives one line for each thing to mend", () =>
    Effect.gen(function* () {
      const issues = yield* issuesOf({
        stateDir: 5,
        accounts: { here: { provider: "local" } },
        policy: { defaultEffect: "perhaps", rules: [] }
      })
      assert.deepStrictEqual([...new Set(issues.map((issue) => issue.split(":")[0]))].sort(), [
        "accounts.here.credentialSource",
        "policy.defaultEffect",
        "stateDir"
      ])
    })
  )

  const dangling: ReadonlyArray<readonly [string, Json, RegExp]> = [
    [
      "an account that is not there",
      { ...valid, runtimes: {}, backends: { shell: { ...valid.backends.shell, account: "hare" } } },
      /^backends\.shell\.account: names account "hare", which is not configured\. Did you mean "here"\?/
    ],
    [
      "an adapter that does not exist",
      { ...valid, backends: { shell: { ...valid.backends.shell, adapter: "local-proces" } } },
      /^backends\.shell\.adapter: names adapter "local-proces", which is not configured\. Did you mean "local-process"\?/
    ],
    [
      "a default runtime that is not there",
      { ...valid, defaults: { runtime: "jobb" } },
      /^defaults\.runtime: names runtime "jobb".*"job"/
    ],
    [
      "a backend that is not there",
      { ...valid, runtimes: { job: { ...valid.runtimes.job, backend: "shall" } } },
      /^runtimes\.job\.backend: names backend "shall".*"shell"/
    ],
    [
      "an account of another provider",
      { ...valid, runtimes: { job: { ...valid.runtimes.job, provider: "aws" } } },
      /^runtimes\.job\.provider: is "aws", but account "here" belongs to "local"/
    ],
    [
      "a target mode the adapter lacks",
      { ...valid, runtimes: { job: { ...valid.runtimes.job, target: { mode: "runtime" } } } },
      /^runtimes\.job\.target\.mode: is "runtime", but adapter "local-process" offers session/
    ],
    [
      "a policy for an account that is not there",
      { ...valid, policy: { rules: [{ effect: "deny", accountProfiles: ["hehe"] }] } },
      /^policy\.rules\.0\.accountProfiles: names account "hehe"/
    ],
    [
      "a detail of the wrong type",
      { ...valid, backends: { shell: { ...valid.backends.shell, details: { deadlineSeconds: "soon" } } } },
      /^backends\.shell\.details\.deadlineSeconds: /
    ],
    [
      "a detail that does not exist",
      { ...valid, backends: { shell: { ...valid.backends.shell, details: { comand: ["true"] } } } },
      /^backends\.shell\.details\.comand: is not a known key\. Did you mean "command"\?/
    ]
  ]
  for (const [what, raw, message] of dangling) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const issues = yield* issuesOf(raw)
        assert.strictEqual(issues.length, 1, issues.join("\n"))
        assert.match(issues[0] ?? "", message)
      })
    )
  }

  for (const name of ["__proto__", "-x", "a b", "", "x".repeat(129)]) {
    it.effect(`refuses ${JSON.stringify(name.slice(0, 12))} as a name`, () =>
      Effect.gen(function* () {
        const accounts: Json = Object.fromEntries([[name, { provider: "local", credentialSource: "none" }]])
        const [issue] = yield* issuesOf({ accounts })
        assert.match(issue ?? "", /is no valid name/)
      })
    )
  }

  it.effect("treats constructor and toString as names nobody gave", () =>
    Effect.gen(function* () {
      const issues = yield* issuesOf({ ...valid, defaults: { runtime: "constructor", accountProfile: "toString" } })
      assert.strictEqual(issues.length, 2)
    })
  )
})
