import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import {
  ages,
  type Finding,
  isDue,
  type Loose,
  looseFindings,
  type Remnant,
  remnantFindings,
  type Standing
} from "../src/domain/Sweep.js"
import { TaskStatus } from "../src/domain/Lifecycle.js"
import { type Task, TaskId } from "../src/domain/Task.js"
import { someRequest } from "./support/SomeTask.js"

const now = 1_000_000_000_000
const never: ReadonlyMap<string, number> = new Map()
const idOf = (n: number) => TaskId.make(`task_${String(n).padStart(26, "0")}`)

const task = (given: Partial<Task>): Task => ({
  id: idOf(0),
  status: "running",
  revision: 1,
  epoch: 1,
  request: someRequest(),
  attempt: 1,
  providerRefs: {},
  logLength: 0,
  settled: false,
  createdAt: 0,
  updatedAt: 0,
  ...given
})

const moment = FastCheck.integer({ min: now - 10 * ages.mark, max: now + 10 * ages.mark })

const remnants = FastCheck.array(
  FastCheck.record({
    key: FastCheck.string(),
    kind: FastCheck.constant("thing"),
    taskId: FastCheck.integer({ min: 0, max: 5 }).map(idOf),
    part: FastCheck.constantFrom<Remnant["part"]>("work", "record", "mark"),
    since: moment,
    what: FastCheck.constant("a thing"),
    stays: FastCheck.option(FastCheck.constant("it is dirty"), { nil: undefined }),
    ref: FastCheck.constant({})
  })
)

const standings = FastCheck.dictionary(
  FastCheck.integer({ min: 0, max: 5 }).map(idOf),
  FastCheck.oneof(
    FastCheck.constant<Standing>({ is: "living" }),
    moment.map((since): Standing => ({ is: "settled", since })),
    FastCheck.tuple(moment, FastCheck.boolean()).map(([since, exported]): Standing => ({
      is: "deleted",
      since,
      exported
    }))
  )
).map((known) => new Map(Object.entries(known)))

const removals = (found: ReadonlyArray<Finding>) => found.filter(({ action }) => action.do === "remove")

describe("What is left at a far side", () => {
  it("is never anything of a living task, whatever else is there and whoever asks", () => {
    FastCheck.assert(
      FastCheck.property(remnants, standings, (there, known) => {
        for (const { taskId } of remnantFindings("a", there, known, now))
          assert.notStrictEqual(known.get(taskId)?.is, "living")
      })
    )
  })

  it("is removed only if nothing is lost by it, and unasked only if its task was known here", () => {
    FastCheck.assert(
      FastCheck.property(remnants, standings, (there, known) => {
        const found = remnantFindings("a", there, known, now)
        const seen = new Map(found.map(({ key }) => [key, now - ages.apart]))
        for (const finding of removals(found)) {
          if (finding.action.do === "remove") assert.isUndefined(finding.action.remnant.stays)
          assert.isTrue(isDue(finding, { seen: never, now, asked: true }))
          assert.isFalse(isDue(finding, { seen: never, now, asked: false }))
          assert.strictEqual(isDue(finding, { seen, now, asked: false }), known.has(finding.taskId))
        }
        for (const finding of found.filter(({ action }) => action.do === "report"))
          assert.isFalse(isDue(finding, { seen, now, asked: true }))
      })
    )
  })

  const thing: Remnant = { key: "k", kind: "thing", taskId: idOf(1), part: "work", since: now, what: "it", ref: {} }
  const found = (part: Remnant["part"], standing: Standing | undefined, since = now) =>
    remnantFindings("a", [{ ...thing, part, since }], new Map(standing && [[idOf(1), standing]]), now).length

  it("goes with its task's end if it is work, with its record if it is a file of it, and a mark a week later", () => {
    const ended: Standing = { is: "settled", since: now - 1 }
    assert.deepStrictEqual([found("work", ended), found("record", ended), found("mark", ended)], [1, 0, 0])
    const long = now - ages.mark
    assert.strictEqual(found("mark", { is: "settled", since: long }, long), 1)
    const exported: Standing = { is: "deleted", since: now, exported: true }
    assert.deepStrictEqual([found("work", exported), found("record", exported), found("mark", exported)], [1, 0, 1])
    assert.strictEqual(found("record", { is: "deleted", since: now, exported: false }), 1)
  })

  it("of a task nobody knows must be old", () => {
    assert.strictEqual(found("work", undefined, now - ages.unknown + 1), 0)
    assert.strictEqual(found("work", undefined, now - ages.unknown), 1)
  })
})

describe("A task that is not settled", () => {
  const kindsOf = (one: Partial<Loose>, given: Partial<Task> = {}) =>
    looseFindings([{ task: task({ updatedAt: now - 3 * ages.slow, ...given }), dueAt: 0, ...one }], now).map(
      ({ action, kind }) => `${kind} ${action.do}`
    )

  it("and has a living owner is never acted on", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom(...TaskStatus.literals),
        FastCheck.integer({ min: 1, max: ages.ahead }),
        moment,
        moment,
        (status, lease, updatedAt, dueAt) => {
          const one: Loose = { task: task({ status, updatedAt }), owner: "o", leaseUntil: now + lease, dueAt }
          for (const { action } of looseFindings([one], now)) assert.strictEqual(action.do, "report")
        }
      )
    )
  })

  it("is woken when it was postponed further than anything postpones, and taken from an impossible lease", () => {
    assert.deepStrictEqual(kindsOf({ dueAt: now + 2 * ages.ahead }), ["task.postponed wake"])
    assert.deepStrictEqual(kindsOf({ dueAt: now + 2 * ages.ahead }, { updatedAt: now }), [])
    assert.deepStrictEqual(kindsOf({ owner: "o", leaseUntil: now + 2 * ages.ahead }), ["task.lease_ahead release"])
  })

  it("is reported when nobody drives it, when a step takes for ever, and when it cannot be cleaned up", () => {
    assert.deepStrictEqual(kindsOf({}), ["task.undriven report"])
    assert.deepStrictEqual(kindsOf({}, { status: "queued" }), [])
    assert.deepStrictEqual(kindsOf({ owner: "o", leaseUntil: now + 1 }, { status: "starting" }), ["task.slow report"])
    assert.deepStrictEqual(kindsOf({ owner: "o", leaseUntil: now + 1 }, { status: "input_required" }), [])
    assert.deepStrictEqual(kindsOf({}, { status: "failed" }), ["task.uncleaned report"])
  })

  it("is left alone while its resources are kept on purpose", () => {
    const keptUntil = now + 5 * ages.ahead
    assert.deepStrictEqual(kindsOf({ dueAt: keptUntil + 30_000, keptUntil }, { status: "succeeded" }), [])
    const stuck = kindsOf({ dueAt: keptUntil + ages.ahead, keptUntil }, { status: "succeeded" })
    assert.deepStrictEqual(stuck, ["task.postponed wake"])
  })
})
