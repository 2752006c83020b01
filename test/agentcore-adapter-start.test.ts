import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate, Schedule } from "effect"
import type { Task } from "../src/domain/Task.js"
import type { NewFault } from "./emulators/agentcore/Faults.js"
import { begin, call, cleaned, draft, watch } from "./support/AdapterDrive.js"
import {
  alive,
  arns,
  disturb,
  emulator,
  layer,
  request,
  runs,
  script,
  sessionIdOf,
  signature,
  stranger
} from "./support/AgentCoreWork.js"

// The SDK would send every call five times if anything of it listened to this.
process.env["AWS_MAX_ATTEMPTS"] = "5"

const resourcesOf = (task: Task) =>
  Effect.map(
    call(layer, (adapter) => adapter.prepare(task)),
    ({ resources = [] }) => resources
  )

/** Cleans up and looks into both ledgers. */
const settled = Effect.fnUntraced(function* (task: Task) {
  yield* cleaned(layer, task, yield* resourcesOf(task))
  assert.isFalse(alive(task.id), "no session is left")
  const tries = emulator.ledgers.invocations
    .filter(({ sessionId, op }) => sessionId === sessionIdOf(task.id) && op.startsWith("InvokeAgentRuntime"))
    .map(({ attempt }) => attempt)
  assert.isTrue(
    tries.every((attempt) => attempt === 1),
    `tries: ${tries.join(", ")}`
  )
})

const refusals: ReadonlyArray<readonly [NewFault["kind"], string, boolean]> = [
  ["access-denied", "aws_agentcore.access_denied", false],
  ["unauthorized", "aws_agentcore.access_denied", false],
  ["expired-credentials", "aws_agentcore.credentials_expired", true],
  ["clock-skew", "aws_agentcore.credentials_expired", true],
  ["quota", "aws_agentcore.quota_exceeded", false],
  ["validation", "aws_agentcore.request_refused", false],
  ["not-found", "aws_agentcore.runtime_not_found", false],
  ["init-timeout", "aws_agentcore.init_timeout", true],
  ["conflict", "aws_agentcore.session_busy", true]
]

describe.concurrent("a start that the service refuses", () => {
  for (const [kind, code, retryable] of refusals) {
    it.live(`is told as ${code} and as not delivered (${kind})`, () =>
      Effect.gen(function* () {
        for (const work of [script("true"), stranger({ say: "hello" })]) {
          const task = draft(work)
          yield* disturb(kind, task.id)
          const failure = yield* Effect.flip(begin(layer, task))
          assert.deepEqual([failure.code, failure.delivery, failure.retryable], [code, "none", retryable])
          assert.isAbove(failure.message.length, 20)
          assert.strictEqual(runs(task.id), 0)
          yield* settled(task)
        }
      })
    )
  }

  it.live("waits out a burst of throttling and a session that is being made", () =>
    Effect.gen(function* () {
      for (const kind of ["throttling", "retryable-conflict"] as const) {
        const task = draft(script("echo done"))
        yield* disturb(kind, task.id, { times: 4 })
        const { task: begun } = yield* begin(layer, task)
        assert.isTrue((yield* watch(layer, begun)).outcome.ok)
        assert.strictEqual(runs(task.id), 1)
        yield* settled(begun)
      }
    })
  )

  it.live("is told as unreachable where nobody listens", () =>
    Effect.gen(function* () {
      const task = draft(script("true", { endpoint: "http://127.0.0.1:9" }))
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.start(task)))
      assert.deepEqual([failure.code, failure.delivery, failure.retryable], ["aws_agentcore.unreachable", "none", true])
    })
  )
})

type Row = readonly [NewFault["kind"], NewFault["when"]]
const broken: ReadonlyArray<Row> = [
  ["internal-error", "before"],
  ["bad-gateway", "after"],
  ["internal-error", "after"],
  ["service-unavailable", "after"],
  ["gateway-timeout", "after"],
  ["runtime-error", "after"],
  ["reset", "before"],
  ["reset", "after"],
  ["reset-mid-stream", "after"],
  ["silent-fin", "after"],
  ["malformed-json", "after"],
  ["duplicate", "before"],
  ["tear-chunks", "after"]
]

describe.concurrent("a start of our worker whose answer does not come", () => {
  for (const [kind, when] of broken) {
    it.live(`is asked about, and runs exactly once (${kind}, ${when})`, () =>
      Effect.gen(function* () {
        const task = draft(script("echo done"))
        yield* disturb(kind, task.id, { ...(when === undefined ? {} : { when }), match: { method: "start" } })
        const { task: begun } = yield* begin(layer, task)
        const { outcome } = yield* watch(layer, begun)
        assert.isTrue(outcome.ok, JSON.stringify(outcome))
        assert.strictEqual(runs(task.id), 1)
        yield* settled(begun)
      })
    )
  }

  /** As Drive does: a session that is just being torn down is asked again. */
  const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.retry(effect, {
      while: (error) => Predicate.hasProperty(error, "retryable") && error.retryable === true,
      schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo("15 seconds"))
    })

  it.live("is indeterminate when the machine died with it, and never begun again", () =>
    Effect.gen(function* () {
      for (const when of ["sent", "after"] as const) {
        const task = draft(script("sleep 30"))
        yield* disturb("vm-kill", task.id, { when, match: { method: "start" } })
        const started = yield* Effect.either(begin(layer, task))
        if (started._tag === "Left") {
          assert.deepEqual([started.left.code, started.left.delivery], ["start.indeterminate", "done"])
        } else {
          const { outcome } = yield* patiently(watch(layer, started.right.task))
          if (outcome.ok) return assert.fail("the work is gone")
          assert.strictEqual(outcome.error.code, "worker.lost")
        }
        assert.isAtMost(runs(task.id), 1)
        yield* patiently(settled(task))
      }
    })
  )

  it.live("runs once on the machine that replaced the one that was greeted", () =>
    Effect.gen(function* () {
      const task = draft(script("echo done"))
      yield* disturb("recycle", task.id, { match: { method: "start" } })
      const { task: begun } = yield* begin(layer, task)
      assert.isTrue((yield* watch(layer, begun)).outcome.ok)
      assert.strictEqual(runs(task.id), 1)
      yield* settled(begun)
    })
  )

  it.live("is a plain refusal where the runtime is not our worker", () =>
    Effect.gen(function* () {
      const task = draft(script("true", { runtimeArn: arns.stranger }))
      const failure = yield* Effect.flip(begin(layer, task))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.not_a_worker", "none"])
      yield* settled(task)
    })
  )
})

describe("after a crash in the middle of a start", () => {
  const probed = (task: Task) => call(layer, (adapter) => adapter.probe(task))

  it.live("the worker that has the task says so, under any owner", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, draft(script("echo done")))
      assert.strictEqual(yield* probed({ ...task, providerRefs: {} }), "has it")
      const { outcome } = yield* watch(layer, { ...task, providerRefs: {} })
      assert.isTrue(outcome.ok)
      yield* settled(task)
    })
  )

  it.live("a machine that came up only by the asking says nothing, and is stopped again", () =>
    Effect.gen(function* () {
      const task = { ...draft(script("true")), updatedAt: Date.now() }
      assert.strictEqual(yield* probed(task), "cannot say")
      assert.isFalse(alive(task.id))
    })
  )

  it.live("a machine that was greeted and does not know the task never got it", () =>
    Effect.gen(function* () {
      const task = { ...draft(script("echo done")), updatedAt: Date.now() }
      yield* disturb("access-denied", task.id, { match: { method: "start" } })
      yield* Effect.flip(begin(layer, task))
      assert.strictEqual(yield* probed(task), "never got it")
      const { task: begun } = yield* begin(layer, { ...task, attempt: 2, startToken: "second" })
      assert.isTrue((yield* watch(layer, begun)).outcome.ok)
      assert.strictEqual(runs(task.id), 1)
      yield* settled(begun)
    })
  )
})

describe.concurrent("a start of an app that is not ours", () => {
  const unanswered: ReadonlyArray<Row> = [
    ["internal-error", "before"],
    ["internal-error", "after"],
    ["bad-gateway", "after"],
    ["gateway-timeout", "before"],
    ["reset", "before"],
    ["reset", "after"]
  ]
  for (const [kind, when] of unanswered) {
    it.live(`is never sent again when nobody knows (${kind}, ${when})`, () =>
      Effect.gen(function* () {
        const name = `${kind}-${String(when)}`
        const task = draft(stranger({ sign: signature(name), wait: 50 }))
        yield* disturb(kind, task.id, when === undefined ? {} : { when })
        const failure = yield* Effect.flip(begin(layer, task))
        assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.unanswered", "unknown"])
        assert.strictEqual(yield* call(layer, (adapter) => adapter.probe(task)), "cannot say")
        yield* settled(task)
        assert.strictEqual(runs(name), when === "before" ? 0 : 1)
      })
    )
  }

  it.live("that the container itself refuses is delivered and failed", () =>
    Effect.gen(function* () {
      const task = draft(stranger({ status: 500 }))
      const failure = yield* Effect.flip(begin(layer, task))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.container_error", "done"])
      yield* settled(task)
    })
  )
})

describe("an account whose credentialSource is a role", () => {
  it.live("works under that role", () =>
    Effect.gen(function* () {
      const work = script("echo done")
      const account = { ...work.account, credentialSource: "role:arn:aws:iam::123456789012:role/dispatcher" }
      const { task, resources } = yield* begin(layer, draft({ ...work, account }))
      assert.isTrue((yield* watch(layer, task)).outcome.ok)
      yield* cleaned(layer, task, resources)
      const callers = emulator.ledgers.invocations
        .filter(({ sessionId }) => sessionId === sessionIdOf(task.id))
        .map(({ accessKeyId }) => accessKeyId)
      assert.deepEqual([...new Set(callers)], ["ASIADISPATCHER"])
    })
  )
})

describe("settings that cannot work", () => {
  const bad: ReadonlyArray<readonly [string, Parameters<typeof request>[0], string]> = [
    ["a malformed ARN", { runtimeArn: "arn:aws:lambda:us-east-1:1:function:x" }, "runtimeArn"],
    [
      "a runtime of another region",
      { runtimeArn: arns.ours.replace("us-east-1", "eu-west-1"), region: "us-east-1" },
      "region"
    ],
    ["plain http to another machine", { runtimeArn: arns.ours, endpoint: "http://example.com" }, "endpoint"],
    ["an opaque app asked to run for hours", { runtimeArn: arns.ours, deadlineSeconds: 7200 }, "deadlineSeconds"],
    ["a worker that does not fit the protocol", { runtimeArn: arns.ours, worker: "a2a" }, "worker"],
    ["no runtime", {}, "runtimeArn"]
  ]
  for (const [what, details, path] of bad) {
    it.live(`are refused before anything is sent: ${what}`, () =>
      Effect.gen(function* () {
        const task = draft(request(details, { instruction: "x" }))
        const failure = yield* Effect.flip(call(layer, (adapter) => adapter.prepare(task)))
        assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.setting_invalid", "none"])
        assert.match(failure.message, new RegExp(`^${path}: `))
        const checks = yield* call(layer, (adapter) => adapter.check(task.request, true))
        assert.include(
          checks.filter(({ status }) => status === "fail").map(({ name }) => name),
          path
        )
      })
    )
  }
})
