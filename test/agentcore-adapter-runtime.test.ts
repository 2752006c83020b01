import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { resourceNameOf } from "../adapters/aws-agentcore/Plan.js"
import type { JsonObject } from "../src/domain/Json.js"
import type { Task } from "../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { alive, emulator, image, layer, request, runs, sessionIdOf, signs } from "./support/AgentCoreWork.js"
import spawned from "./contracts/json/spawn.response.json" with { type: "json" }
import config from "./contracts/json/config.session.json" with { type: "json" }

const role = "arn:aws:iam::123456789012:role/agent"

const making = (details: JsonObject = {}, protocol = "http") =>
  draft(
    request(
      { ecrImageUri: image, executionRoleArn: role, worker: "dispatch/1", ...details },
      { instruction: `${signs}echo done` },
      { mode: "runtime", protocol }
    )
  )

const runtimesOf = ({ id }: Task) =>
  emulator.control.runtimes().filter(({ name }) => name === resourceNameOf(id))

const fault = (op: string, kind: Parameters<typeof emulator.control.addFault>[0]["kind"], more = {}) =>
  Effect.sync(() => {
    void emulator.control.addFault({ op, kind, ...more })
  })

const prepared = (task: Task) => Effect.map(call(layer, (adapter) => adapter.prepare(task)), ({ resources = [] }) => resources)

describe("a runtime made for a task", () => {
  it.live("is on record before it is made, runs the work, and is gone afterwards", () =>
    Effect.gen(function* () {
      const task = making()
      const intended = yield* prepared(task)
      assert.deepEqual(intended.map(({ key, state }) => `${key} ${state}`), ["runtime intended", "endpoint intended", "session intended"])
      assert.isEmpty(runtimesOf(task))
      const { task: begun, resources } = yield* begin(layer, task)
      assert.match(resourceNameOf(task.id), /^adp_[0-9a-f]{12}$/)
      assert.strictEqual(runtimesOf(task).length, 1)
      const { cloudAgent } = begun
      assert.include(JSON.stringify(cloudAgent), encodeURIComponent(String(begun.providerRefs["runtimeArn"])))
      assert.isTrue((yield* watch(layer, begun)).outcome.ok)
      yield* cleaned(layer, begun, resources)
      assert.isEmpty(runtimesOf(task))
      assert.isFalse(alive(task.id))
      assert.strictEqual(runs(task.id), 1)
    })
  )

  it.live("is made once, however often its making is repeated or its answer is lost", () =>
    Effect.gen(function* () {
      const task = making()
      const intended = yield* prepared(task)
      yield* fault("CreateAgentRuntime", "internal-error", { when: "after" })
      yield* call(layer, (adapter) => adapter.provision(task))
      yield* call(layer, (adapter) => adapter.provision(task))
      assert.strictEqual(runtimesOf(task).length, 1)
      yield* cleaned(layer, task, intended)
      assert.isEmpty(runtimesOf(task))
    })
  )

  it.live("that could not be made is told with the reason and removed", () =>
    Effect.gen(function* () {
      const task = making()
      const intended = yield* prepared(task)
      yield* fault("CreateAgentRuntime", "create-failed")
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.provision(task)))
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.runtime_failed", "none"])
      assert.include(failure.message, "CREATE_FAILED")
      yield* cleaned(layer, task, intended)
      assert.isEmpty(runtimesOf(task))
    })
  )

  it.live("that stays CREATING is given up by our own deadline, and stays on record while it cannot be removed", () =>
    Effect.gen(function* () {
      const task = making({ readyTimeoutSeconds: 1 })
      const intended = yield* prepared(task)
      yield* fault("CreateAgentRuntime", "stuck")
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.provision(task)))
      assert.strictEqual(failure.code, "aws_agentcore.runtime_stuck")
      const left = yield* call(layer, (adapter) => adapter.cleanup(task, intended))
      assert.deepEqual(left.map(({ key, state }) => `${key} ${state}`), ["runtime intended", "endpoint gone", "session gone"])
      assert.strictEqual(runtimesOf(task).length, 1)
    })
  )

  it.live("whose deletion fails stays on record, and is deleted the next time", () =>
    Effect.gen(function* () {
      const task = making()
      const { task: begun, resources } = yield* begin(layer, task)
      yield* watch(layer, begun)
      yield* fault("DeleteAgentRuntime", "delete-failed")
      const failure = yield* Effect.flip(call(layer, (adapter) => adapter.cleanup(begun, resources)))
      assert.deepEqual([failure.code, failure.retryable], ["aws_agentcore.cleanup_failed", true])
      assert.strictEqual(runtimesOf(task).length, 1)
      yield* cleaned(layer, begun, resources)
      assert.isEmpty(runtimesOf(task))
    })
  )

  it.live("is removed when the task is cancelled while it is being made", () =>
    Effect.gen(function* () {
      const task = making()
      const intended = yield* prepared(task)
      yield* call(layer, (adapter) => adapter.provision(task)).pipe(Effect.timeoutOption("20 millis"))
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      yield* cleaned(layer, task, intended)
      assert.isEmpty(runtimesOf(task))
    })
  )

  it.live("stays for follow-up where it speaks a2a, unless told otherwise; its session never does", () =>
    Effect.gen(function* () {
      const rows = [
        [making({ worker: "a2a" }, "a2a"), 1],
        [making({ worker: "a2a", cleanupAfterTask: true }, "a2a"), 0],
        [making({ deleteRuntimeOnCompletion: false }), 1]
      ] as const
      yield* Effect.forEach(
        rows,
        ([task, kept]) =>
          Effect.gen(function* () {
            const { task: begun, resources } = yield* begin(layer, task)
            const { outcome } = yield* watch(layer, begun)
            assert.isTrue(outcome.ok, JSON.stringify(outcome))
            yield* cleaned(layer, begun, resources)
            assert.strictEqual(runtimesOf(task).length, kept)
            assert.isFalse(alive(task.id))
          }),
        { concurrency: 3 }
      )
    })
  )
})

describe("what a caller is told of its cloud agent", () => {
  it.live("is what the contract shows, without asking anybody", () =>
    Effect.gen(function* () {
      const { details } = config.backends["agentcore-dev"]
      const task = draft({
        ...request(details, { instruction: "x" }, { protocol: "a2a" }),
        accountProfile: "dev-aws",
        details
      })
      const described = yield* call(layer, (adapter) => Effect.sync(() => adapter.describe(task)))
      assert.deepEqual(described, {
        ...spawned.cloudAgent,
        sessionId: sessionIdOf(task.id),
        invocation: {
          ...spawned.cloudAgent.invocation,
          runtimeUrl:
            "https://bedrock-agentcore.us-west-2.amazonaws.com/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A123456789012%3Aruntime%2Fmy-runtime/invocations/"
        }
      })
    })
  )
})
