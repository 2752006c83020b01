import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { criteria, criterionNames, decide, type Subject, subjectOf } from "../src/domain/Policy.js"
import { adviceFor } from "../src/domain/PolicyAdvice.js"
import type { Hours, Policy, PolicyRule } from "../src/domain/PolicyConfig.js"
import { policyOf, someSubject } from "./support/SomeSubject.js"
import { someRequest } from "./support/SomeTask.js"

const effectOf = (policy: Policy, subject: Subject = someSubject()) => decide(policy, subject).effect
const advice = (policy: Policy, subject: Subject = someSubject()) => adviceFor(policy, subject, decide(policy, subject))

/** For each list a rule may have, one that fits the subject and the word it fits. */
const fitting = {
  tools: ["spawn_cloud_agent"],
  runtimes: ["desk"],
  lanes: ["acme/site"],
  providers: ["local"],
  accountProfiles: ["here"],
  capabilities: ["agent-runtime"],
  taskTypes: ["agent.run"],
  targetModes: ["session"],
  frameworks: ["echo"],
  callers: ["user:ann"],
  clients: ["editor"]
} as const satisfies Partial<PolicyRule>

describe("a policy rule", () => {
  for (const name of criterionNames) {
    const rule: PolicyRule = { effect: "deny", [name]: fitting[name] }
    const subject = someSubject({ lane: "acme/site" })

    it(`matches by ${name}, and only what is in the list`, () => {
      assert.strictEqual(effectOf(policyOf(rule), subject), "deny")
      assert.strictEqual(effectOf(policyOf(rule), { ...subject, [criteria[name]]: "another" }), "allow")
      assert.strictEqual(effectOf(policyOf({ effect: "deny", [name]: [] }), subject), "allow")
    })

    it(`takes nothing that only looks like a name of ${name}`, () => {
      const [word] = fitting[name]
      const strangers = [
        word.toUpperCase(),
        ` ${word}`,
        `${word} `,
        `${word}\u200b`,
        word.replace("e", "\u0435"),
        word.replace("i", "\u0456"),
        "__proto__",
        "constructor",
        "length",
        "0",
        "*",
        ""
      ].filter((stranger) => stranger !== word)
      for (const stranger of strangers) {
        assert.strictEqual(effectOf(policyOf(rule), { ...subject, [criteria[name]]: stranger }), "allow", stranger)
      }
    })
  }

  for (const name of ["runtimes", "lanes", "frameworks", "clients"] as const) {
    it(`of ${name} leaves alone what has none`, () => {
      const bare = someSubject({ runtime: undefined, lane: undefined, framework: undefined, client: undefined })
      assert.strictEqual(effectOf(policyOf({ effect: "deny", [name]: fitting[name] }), bare), "allow")
    })
  }

  it("matches only what fits every list it has", () => {
    const rule: PolicyRule = { effect: "deny", runtimes: ["desk"], callers: ["user:ann"] }
    assert.strictEqual(effectOf(policyOf(rule)), "deny")
    assert.strictEqual(effectOf(policyOf(rule), someSubject({ principal: "user:bob" })), "allow")
    assert.strictEqual(effectOf(policyOf(rule), someSubject({ runtime: "lab" })), "allow")
  })

  it("is called by its place, and by its name as well", () => {
    const rules: ReadonlyArray<PolicyRule> = [
      { effect: "deny", runtimes: ["lab"] },
      { name: "nightly", effect: "deny" }
    ]
    assert.strictEqual(decide({ rules }, someSubject()).rule, "policy.rules.1 (nightly)")
    assert.strictEqual(decide({ rules }, someSubject({ runtime: "lab" })).rule, "policy.rules.0")
  })

  it("sees a lane where its work really goes, whatever the input says", () => {
    const request = someRequest({
      provider: "lane",
      details: { orguser: "acme", repo: "secret" },
      input: { orguser: "acme", repo: "site" }
    })
    const who = { tool: "dispatch_task", principal: "user:ann", at: 0 }
    assert.strictEqual(subjectOf(request, who).lane, "acme/secret")
    assert.strictEqual(subjectOf({ ...request, details: {} }, who).lane, "acme/site")
    assert.isUndefined(subjectOf({ ...request, provider: "local" }, who).lane)
  })
})

const word = FastCheck.constantFrom("a", "b", "__proto__")
const lists = FastCheck.option(FastCheck.uniqueArray(word, { maxLength: 2 }), { nil: undefined })
const defined = <A extends object>(value: A) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))

const someHours: ReadonlyArray<Hours> = [
  { from: "22:00", to: "06:00", timeZone: "Europe/Berlin" },
  { days: ["mon", "wed"], from: "09:00", to: "17:30", timeZone: "America/New_York" }
]

const effect = FastCheck.constantFrom<PolicyRule["effect"]>("allow", "deny")

const rule = FastCheck.record({
  effect,
  runtimes: lists,
  providers: lists,
  frameworks: lists,
  clients: lists,
  hours: FastCheck.option(FastCheck.constantFrom(...someHours), { nil: undefined })
}).map((made): PolicyRule => ({ effect: made.effect, ...defined(made) }))
const policy = FastCheck.record({
  rules: FastCheck.array(rule, { maxLength: 6 }),
  defaultEffect: effect
})
const subject = FastCheck.record({
  runtime: FastCheck.option(word, { nil: undefined }),
  provider: word,
  framework: FastCheck.option(word, { nil: undefined }),
  client: FastCheck.option(word, { nil: undefined }),
  at: FastCheck.integer({ min: 0, max: 4_000_000_000_000 })
}).map(someSubject)

const indexOf = ({ rule: place }: { readonly rule: string }): number =>
  Number(/^policy\.rules\.(\d+)$/.exec(place)?.[1] ?? -1)

describe("a policy, whatever it is", () => {
  it("decides alike each time, by the first rule that matches alone, else by its default", () => {
    FastCheck.assert(
      FastCheck.property(policy, subject, (given, who) => {
        const decision = decide(given, who)
        assert.deepStrictEqual(decide(structuredClone(given), structuredClone(who)), decision)
        const matching = given.rules.findIndex((one) => decide(policyOf(one), who).rule !== "policy.defaultEffect")
        assert.strictEqual(indexOf(decision), matching)
        assert.strictEqual(decision.effect, given.rules[matching]?.effect ?? given.defaultEffect)
      })
    )
  })

  it("is not changed by a rule behind the one that decides", () => {
    FastCheck.assert(
      FastCheck.property(policy, subject, rule, FastCheck.nat(), (given, who, more, where) => {
        const decision = decide(given, who)
        const first = indexOf(decision)
        FastCheck.pre(first !== -1)
        const at = first + 1 + (where % (given.rules.length - first))
        assert.deepStrictEqual(decide({ ...given, rules: given.rules.toSpliced(at, 0, more) }, who), decision)
      })
    )
  })

  it("always tells who can change a denial", () => {
    FastCheck.assert(
      FastCheck.property(policy, subject, (given, who) => {
        const decision = decide(given, who)
        if (decision.effect === "deny") {
          assert.strictEqual(
            adviceFor(given, who, decision).at(-1),
            `Whoever keeps the config can change ${decision.rule}.`
          )
        }
      })
    )
  })
})

describe("what would change a denial", () => {
  it("is to fit a rule that allows", () => {
    const rules: ReadonlyArray<PolicyRule> = [{ effect: "allow", runtimes: ["lab", "yard"], targetModes: ["session"] }]
    assert.deepStrictEqual(advice({ defaultEffect: "deny", rules }), [
      'policy.rules.0 would allow it with runtime "lab" or "yard".',
      "Whoever keeps the config can change policy.defaultEffect."
    ])
  })

  it("is not to fit a rule that an earlier one overrules", () => {
    const rules: ReadonlyArray<PolicyRule> = [
      { effect: "deny", runtimes: ["lab"] },
      { effect: "allow", runtimes: ["lab"] }
    ]
    assert.deepStrictEqual(advice({ defaultEffect: "deny", rules }), [
      "Whoever keeps the config can change policy.defaultEffect."
    ])
  })

  it("is to be something else than the rule denies", () => {
    const rules: ReadonlyArray<PolicyRule> = [{ effect: "deny", runtimes: ["desk"], targetModes: ["session"] }]
    assert.deepStrictEqual(advice({ rules }), [
      'policy.defaultEffect would allow it with another runtime than "desk".',
      'policy.defaultEffect would allow it with target mode "runtime".',
      "Whoever keeps the config can change policy.rules.0."
    ])
  })

  it("is to wait for the hours of a rule, or for their end", () => {
    const window = { from: "22:00", to: "06:00", timeZone: "UTC" }
    assert.include(
      advice({ defaultEffect: "deny", rules: [{ effect: "allow", hours: window }] }),
      "policy.rules.0 would allow it from 2026-03-04T22:00:00.000Z on."
    )
    const night = someSubject({ at: Date.UTC(2026, 2, 4, 23) })
    assert.include(
      advice({ rules: [{ effect: "deny", hours: window }] }, night),
      "policy.defaultEffect would allow it from 2026-03-05T06:00:00.000Z on."
    )
    assert.deepStrictEqual(advice({ rules: [{ effect: "deny", hours: window }] }), [
      "policy.defaultEffect allows it until 2026-03-04T22:00:00.000Z; then policy.rules.0 denies it."
    ])
  })

  it("names nobody who may do more", () => {
    const rules: ReadonlyArray<PolicyRule> = [{ effect: "allow", callers: ["user:root"], clients: ["trusted"] }]
    const told = advice({ defaultEffect: "deny", rules }).join(" ")
    assert.include(told, "for a caller that it names, for a client that it names")
    assert.notMatch(told, /root|trusted/)
  })
})
