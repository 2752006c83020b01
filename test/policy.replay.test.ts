import { assert, describe, it } from "@effect/vitest"
import { Either, Option } from "effect"
import type { Json, JsonObject } from "../src/domain/Json.js"
import { detailOf, fromRecord, type PastDispatch } from "../src/domain/PastDispatch.js"
import { decide } from "../src/domain/Policy.js"
import { costOf, countedAs, demandOf, excesses } from "../src/domain/PolicyLimits.js"
import type { Limits, Policy, PolicyRule } from "../src/domain/PolicyConfig.js"
import { replay } from "../src/domain/PolicyReplay.js"
import { policyOf, someSubject } from "./support/SomeSubject.js"
import { someRequest } from "./support/SomeTask.js"

const noon = someSubject().at
const minute = 60_000

/** One dispatch a minute, all allowed, each a task of its own. */
const past = (count: number, given: Partial<PastDispatch> = {}): ReadonlyArray<PastDispatch> =>
  Array.from({ length: count }, (_, index) => ({
    seq: index + 1,
    subject: someSubject({ at: noon + index * minute }),
    demand: { backend: "desk", deadlineSeconds: 3_600 },
    effect: "allow",
    rule: "policy.defaultEffect",
    taskId: `task-${index + 1}`,
    repeated: false,
    ...given
  }))

const never = () => undefined
const changed = (
  policy: Policy,
  dispatches: ReadonlyArray<PastDispatch>,
  endOf: (id: string) => number | undefined = never
) => replay(policy, dispatches, endOf).changes.map(({ record }) => record)

describe("a replay", () => {
  it("names what would be denied and what would be allowed, by which rule", () => {
    const [one, two] = [past(1), past(1, { seq: 2, effect: "deny", rule: "policy.rules.4", taskId: undefined })]
    assert.deepStrictEqual(
      replay(policyOf({ effect: "deny", runtimes: ["desk"], reason: "closed" }), [...one, ...two], never).changes,
      [
        {
          record: 1,
          at: "2026-03-04T12:00:00.000Z",
          principal: "user:ann",
          client: "editor",
          tool: "spawn_cloud_agent",
          route: "desk agent.run session",
          taskId: "task-1",
          from: { effect: "allow", rule: "policy.defaultEffect" },
          to: { effect: "deny", rule: "policy.rules.0", reason: "closed" }
        }
      ]
    )
    const [freed] = replay(policyOf(), [...one, ...two], never).changes
    assert.deepInclude(freed, {
      record: 2,
      to: { effect: "allow", rule: "policy.defaultEffect", reason: "no rule denies it" }
    })
  })

  it("calls another rule with the same outcome no change", () => {
    assert.deepStrictEqual(changed(policyOf({ effect: "allow" }), past(3)), [])
  })

  it("counts an hour back from each dispatch", () => {
    const policy = policyOf({ effect: "allow", limits: { perHour: 2 } })
    assert.deepStrictEqual(changed(policy, past(4)), [3, 4])
    const later = past(1, { seq: 9, subject: someSubject({ at: noon + 60 * minute }) })
    assert.deepStrictEqual(changed(policy, [...past(2), ...later]), [])
  })

  it("counts unfinished tasks by when they ended, and says where it cannot", () => {
    const policy = policyOf({ effect: "allow", limits: { concurrent: 1 } })
    assert.deepStrictEqual(
      changed(policy, past(3), () => Infinity),
      [2, 3]
    )
    assert.deepStrictEqual(
      changed(policy, past(3), () => noon + 90_000),
      [2]
    )
    const blind = replay(policy, past(3), never)
    assert.deepStrictEqual(blind.changes, [])
    assert.match(blind.notes[0] ?? "", /^When 3 of the tasks ended/)
    assert.deepStrictEqual(replay(policyOf({ effect: "allow" }), past(3), never).notes, [])
  })

  it("counts a repeated call once", () => {
    const [first = past(1)] = [past(1)]
    assert.deepStrictEqual(
      changed(policyOf({ effect: "allow", limits: { perHour: 1 } }), [...first, ...past(3, { repeated: true })]),
      []
    )
  })

  it("keeps deadline and cost", () => {
    assert.deepStrictEqual(changed(policyOf({ effect: "allow", limits: { deadlineSeconds: 3_599 } }), past(1)), [1])
    const rules: ReadonlyArray<PolicyRule> = [{ effect: "allow", limits: { costUsd: 2 } }]
    assert.deepStrictEqual(changed({ rules, prices: { desk: 2 } }, past(1)), [])
    assert.deepStrictEqual(changed({ rules, prices: { desk: 2.01 } }, past(1)), [1])
    assert.deepStrictEqual(changed({ rules }, past(1)), [1])
  })
})

const request = someRequest({ runtime: "desk", details: { deadlineSeconds: 60 }, input: { framework: "echo" } })
const record = (given: JsonObject = {}): JsonObject => ({
  seq: 7,
  at: "2026-03-04T12:00:00.000Z",
  event: "spawn_cloud_agent",
  who: { principal: "user:ann", client: { name: "editor", version: "3" } },
  taskId: "task-7",
  outcome: "accepted",
  rule: "policy.defaultEffect",
  detail: detailOf(request),
  ...given
})

describe("an audit record", () => {
  it("of a dispatch is read back as what the policy decided about", () => {
    assert.deepStrictEqual(Option.getOrNull(Option.map(fromRecord(record()), Either.getOrNull)), {
      seq: 7,
      subject: {
        provider: "local",
        accountProfile: "here",
        capability: "agent-runtime",
        taskType: "agent.run",
        targetMode: "session",
        runtime: "desk",
        framework: "echo",
        tool: "spawn_cloud_agent",
        principal: "user:ann",
        client: "editor",
        at: noon
      },
      demand: { backend: "desk", deadlineSeconds: 60 },
      effect: "allow",
      rule: "policy.defaultEffect",
      taskId: "task-7",
      repeated: false
    } satisfies PastDispatch)
  })

  const others: ReadonlyArray<readonly [what: string, other: Json]> = [
    ["of a cancel", record({ event: "cancel_task", outcome: "cancelled" })],
    ["of a refusal that no policy decided", record({ outcome: "refused", code: "account_profile.not_found" })],
    ["without a rule", Object.fromEntries(Object.entries(record()).filter(([key]) => key !== "rule"))],
    ["that is none", "text"]
  ]
  for (const [what, other] of others) {
    it(`${what} is no dispatch`, () => assert.isTrue(Option.isNone(fromRecord(other))))
  }

  it("that does not say where work went is incomplete", () => {
    for (const detail of [{}, { provider: "local" }, 5]) {
      assert.deepStrictEqual(fromRecord(record({ detail })), Option.some(Either.left("incomplete" as const)))
    }
    assert.deepStrictEqual(fromRecord(record({ at: "yesterday" })), Option.some(Either.left("incomplete" as const)))
  })
})

describe("limits of deadline and cost", () => {
  const told = (limits: Limits, details: JsonObject, prices: Policy["prices"], settable = true) => {
    const policy: Policy = { rules: [{ effect: "allow", limits }], ...(prices === undefined ? {} : { prices }) }
    return excesses(policy, decide(policy, someSubject()), demandOf(someRequest({ details })), settable).map(
      ({ problem, remedy }) => `${problem}. ${remedy}`
    )
  }
  const cases: ReadonlyArray<readonly [what: string, said: ReadonlyArray<string>, wanted: RegExp | undefined]> = [
    [
      "a deadline that is just early enough",
      told({ deadlineSeconds: 60 }, { deadlineSeconds: 60 }, undefined),
      undefined
    ],
    [
      "a later one",
      told({ deadlineSeconds: 60 }, { deadlineSeconds: 61 }, undefined),
      /^its deadline of 61 s is above the 60 s that policy\.rules\.0 allows\. Lower target\.details\.deadlineSeconds to 60 or less\.$/
    ],
    [
      "none",
      told({ deadlineSeconds: 60 }, {}, undefined),
      /^it has no deadline .* Set target\.details\.deadlineSeconds to 60 or less\.$/
    ],
    [
      "none where none can be set",
      told({ deadlineSeconds: 60 }, {}, undefined, false),
      /A call cannot set a deadline for backend "desk"/
    ],
    ["a cost that is just low enough", told({ costUsd: 1 }, { deadlineSeconds: 1_800 }, { desk: 2 }), undefined],
    [
      "a higher one",
      told({ costUsd: 1 }, { deadlineSeconds: 3_600 }, { desk: 2 }),
      /may cost \$2 and policy\.rules\.0 allows \$1\. Lower target\.details\.deadlineSeconds to 1800 or less\.$/
    ],
    [
      "a backend without a price",
      told({ costUsd: 1 }, { deadlineSeconds: 1 }, undefined),
      /set policy\.prices\.desk to its price/
    ],
    [
      "a price only of what is inherited",
      told({ costUsd: 1 }, { deadlineSeconds: 1 }, { constructor: 1 }),
      /set policy\.prices\.desk/
    ],
    [
      "a cost without a deadline",
      told({ costUsd: 1 }, {}, { desk: 2 }),
      /without a deadline what it may cost is not known\. Set target\.details\.deadlineSeconds to 1800 or less\.$/
    ],
    [
      "a backend that is too dear at any length",
      told({ costUsd: 0 }, { deadlineSeconds: 1 }, { desk: 2 }),
      /Use a backend that costs less than "desk"\.$/
    ],
    ["a backend that costs nothing, without a deadline", told({ costUsd: 0 }, {}, { desk: 0 }), undefined]
  ]
  for (const [what, said, wanted] of cases) {
    it(`${wanted === undefined ? "allow" : "refuse"} ${what}`, () => {
      if (wanted === undefined) assert.deepStrictEqual(said, [])
      else assert.match(said.join(" "), wanted)
    })
  }

  it("know a task's cost only from its price and its deadline", () => {
    assert.strictEqual(costOf({ rules: [], prices: { desk: 3 } }, { backend: "desk", deadlineSeconds: 1_200 }), 1)
    assert.isUndefined(costOf({ rules: [] }, { backend: "toString", deadlineSeconds: 1 }))
  })
})

describe("what a rule's uses are counted under", () => {
  const base: PolicyRule = {
    effect: "allow",
    runtimes: ["a", "b"],
    hours: { days: ["mon", "sun"], from: "08:00", to: "09:00", timeZone: "UTC" }
  }
  it("is what it matches, not its place, its limits, its reason or the order of its names", () => {
    const same: PolicyRule = {
      effect: "allow",
      hours: { timeZone: "UTC", to: "09:00", from: "08:00", days: ["sun", "mon"] },
      runtimes: ["b", "a", "a"],
      limits: { perHour: 5 },
      reason: "because"
    }
    assert.strictEqual(countedAs(same), countedAs(base))
    const others: ReadonlyArray<PolicyRule> = [
      { ...base, runtimes: ["a"] },
      { ...base, providers: [] },
      { effect: "allow", runtimes: ["a", "b"] },
      { ...base, name: "n" }
    ]
    assert.strictEqual(new Set([base, ...others].map(countedAs)).size, 5)
  })
  it("is its name, whatever else it says", () => {
    assert.strictEqual(countedAs({ effect: "allow", name: "n" }), countedAs({ ...base, name: "n" }))
    assert.notStrictEqual(countedAs({ effect: "allow", name: "n" }), countedAs({ effect: "allow", name: "N" }))
  })
})
