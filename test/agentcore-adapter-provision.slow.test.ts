import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { resourceNameOf } from "../adapters/aws-agentcore/Plan.js"
import type { JsonObject } from "../src/domain/Json.js"
import type { Task } from "../src/domain/Task.js"
import type { NewFault } from "./emulators/agentcore/Faults.js"
import { begin, call, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { alive, emulator, image, layer, request, runs, signs } from "./support/AgentCoreWork.js"

const executionRoleArn = "arn:aws:iam::123456789012:role/agent"

const making = (details: JsonObject = {}) =>
  draft(
    request(
      { ecrImageUri: image, executionRoleArn, worker: "dispatch/1", ...details },
      { instruction: `${signs}echo done` },
      { mode: "runtime" }
    )
  )

const runtimesOf = ({ id }: Task) => emulator.control.runtimes().filter(({ name }) => name === resourceNameOf(id))

const callsOf = (op: string) => emulator.ledgers.invocations.filter((entry) => entry.op === op).length

const fault = (op: string, kind: NewFault["kind"], more: Partial<NewFault> = {}) =>
  Effect.sync(() => void emulator.control.addFault({ op, kind, ...more }))

const provisioned = (task: Task) => call(layer, (adapter) => adapter.provision(task))

const prepared = (task: Task) =>
  Effect.map(
    call(layer, (adapter) => adapter.prepare(task)),
    ({ resources = [] }) => resources
  )

const gone = Effect.fnUntraced(function* (task: Task) {
  yield* cleaned(layer, task, yield* prepared(task))
  assert.isEmpty(runtimesOf(task))
  assert.isFalse(alive(task.id))
})

describe("the control plane", () => {
  const steps = ["CreateAgentRuntime", "GetAgentRuntime", "CreateAgentRuntimeEndpoint", "GetAgentRuntimeEndpoint"]
  const refusals: ReadonlyArray<readonly [NewFault["kind"], string, boolean, ReadonlyArray<string>]> = [
    ["expired-credentials", "aws_agentcore.credentials_expired", true, steps],
    ["access-denied", "aws_agentcore.access_denied", false, ["CreateAgentRuntime"]],
    ["quota", "aws_agentcore.quota_exceeded", false, ["CreateAgentRuntime"]],
    ["validation", "aws_agentcore.request_refused", false, ["CreateAgentRuntime"]]
  ]
  for (const [kind, code, retryable, ops] of refusals) {
    it.live(`that refuses is told as ${code}, and makes one runtime when it is asked again`, () =>
      Effect.gen(function* () {
        for (const op of ops) {
          const task = making()
          yield* fault(op, kind)
          const failure = yield* Effect.flip(provisioned(task))
          assert.deepEqual([failure.code, failure.delivery, failure.retryable], [code, "none", retryable], op)
          yield* provisioned(task)
          assert.strictEqual(runtimesOf(task).length, 1)
          yield* gone(task)
        }
      })
    )
  }

  it.live("that throttles in a burst is waited out, at the making and at the removing", () =>
    Effect.gen(function* () {
      const task = making()
      yield* fault("CreateAgentRuntime", "throttling", { times: 2 })
      yield* fault("GetAgentRuntime", "throttling", { times: 2 })
      yield* provisioned(task)
      assert.strictEqual(runtimesOf(task).length, 1)
      yield* fault("DeleteAgentRuntimeEndpoint", "throttling", { times: 2 })
      yield* fault("DeleteAgentRuntime", "throttling", { times: 2 })
      yield* gone(task)
    })
  )

  it.live("that goes on throttling is told as such, and may be asked again", () =>
    Effect.gen(function* () {
      const task = making()
      const before = callsOf("CreateAgentRuntime")
      yield* fault("CreateAgentRuntime", "throttling", { times: 5 })
      const failure = yield* Effect.flip(provisioned(task))
      assert.deepEqual([failure.code, failure.delivery, failure.retryable], ["aws_agentcore.throttled", "none", true])
      assert.strictEqual(callsOf("CreateAgentRuntime") - before, 5)
      assert.isEmpty(runtimesOf(task))
      yield* provisioned(task)
      yield* gone(task)
    })
  )

  it.live("that breaks before or after its effect makes one runtime all the same", () =>
    Effect.gen(function* () {
      for (const kind of ["internal-error", "reset"] as const)
        for (const when of ["before", "after"] as const) {
          const task = making()
          yield* fault("CreateAgentRuntime", kind, { when, times: 2 })
          yield* fault("CreateAgentRuntimeEndpoint", kind, { when, times: 2 })
          yield* provisioned(task)
          assert.strictEqual(runtimesOf(task).length, 1, `${kind} ${when}`)
          yield* gone(task)
        }
    })
  )
})

describe("a runtime that stays CREATING", () => {
  it.live("is given up at our deadline, stays on record, and is removed once the service lets go of it", () =>
    Effect.gen(function* () {
      const task = making({ readyTimeoutSeconds: 1 })
      const intended = yield* prepared(task)
      yield* fault("CreateAgentRuntime", "stuck")
      const failure = yield* Effect.flip(provisioned(task))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.runtime_stuck", false])
      assert.include(failure.message, "CREATING")
      const left = yield* call(layer, (adapter) => adapter.cleanup(task, intended))
      assert.include(
        left.map(({ key, state }) => `${key} ${state}`),
        "runtime intended"
      )
      emulator.control.unstick()
      yield* cleaned(layer, task, left)
      assert.isEmpty(runtimesOf(task))
    })
  )

  it.live("for a while is waited for", () =>
    Effect.gen(function* () {
      const task = making()
      yield* fault("CreateAgentRuntime", "stuck", { ms: 900 })
      const { task: begun, resources } = yield* begin(layer, task)
      assert.isTrue((yield* watch(layer, begun)).outcome.ok)
      assert.strictEqual(runs(task.id), 1)
      yield* cleaned(layer, begun, resources)
      assert.isEmpty(runtimesOf(task))
    })
  )

  it.live("or whose endpoint does, leaves nothing behind when the endpoint goes on", () =>
    Effect.gen(function* () {
      const task = making({ readyTimeoutSeconds: 1 })
      const intended = yield* prepared(task)
      yield* fault("CreateAgentRuntimeEndpoint", "stuck")
      const failure = yield* Effect.flip(provisioned(task))
      assert.strictEqual(failure.code, "aws_agentcore.runtime_stuck")
      assert.match(failure.message, /Endpoint/)
      emulator.control.unstick()
      yield* cleaned(layer, task, intended)
      assert.isEmpty(runtimesOf(task))
    })
  )
})

describe("an endpoint", () => {
  it.live("that could not be made is told with the reason, and its runtime is removed", () =>
    Effect.gen(function* () {
      const task = making()
      yield* fault("CreateAgentRuntimeEndpoint", "create-failed")
      const failure = yield* Effect.flip(provisioned(task))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.runtime_failed", "none"])
      assert.match(failure.message, /Endpoint.*CREATE_FAILED/)
      yield* gone(task)
    })
  )

  it.live("or a runtime whose deletion fails is named, stays on record, and goes the next time", () =>
    Effect.gen(function* () {
      for (const [op, kind] of [
        ["DeleteAgentRuntimeEndpoint", "aws.agentcore.endpoint"],
        ["DeleteAgentRuntime", "aws.agentcore.runtime"]
      ] as const) {
        const task = making()
        yield* provisioned(task)
        yield* fault(op, "delete-failed")
        const failure = yield* Effect.flip(cleaned(layer, task, yield* prepared(task)))
        assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.cleanup_failed", true])
        assert.include(failure.message, kind)
        assert.strictEqual(runtimesOf(task).length, 1)
        yield* gone(task)
      }
    })
  )
})
