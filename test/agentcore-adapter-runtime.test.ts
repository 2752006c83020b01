import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { resourceNameOf } from "../adapters/aws-agentcore/Plan.js"
import type { JsonObject } from "../src/domain/Json.js"
import type { Task } from "../src/domain/Task.js"
import type { Check } from "../src/services/Adapter.js"
import { begin, call, cancelled, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { alive, arns, emulator, image, layer, request, runs, sessionIdOf, signs } from "./support/AgentCoreWork.js"
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

const runtimesOf = ({ id }: Task) => emulator.control.runtimes().filter(({ name }) => name === resourceNameOf(id))

const fault = (op: string, kind: Parameters<typeof emulator.control.addFault>[0]["kind"], more = {}) =>
  Effect.sync(() => {
    void emulator.control.addFault({ op, kind, ...more })
  })

const prepared = (task: Task) =>
  Effect.map(
    call(layer, (adapter) => adapter.prepare(task)),
    ({ resources = [] }) => resources
  )

describe("a runtime made for a task", () => {
  it.live("is on record before it is made, runs the work, and is gone afterwards", () =>
    Effect.gen(function* () {
      const task = making()
      const intended = yield* prepared(task)
      assert.deepEqual(
        intended.map(({ key, state }) => `${key} ${state}`),
        ["runtime intended", "endpoint intended", "session intended"]
      )
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
      assert.deepEqual(
        left.map(({ key, state }) => `${key} ${state}`),
        ["runtime intended", "endpoint gone", "session gone"]
      )
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

  it.live("goes although it speaks a2a, and stays although it does not, where the config says so", () =>
    Effect.gen(function* () {
      const rows = [
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
        { concurrency: 2 }
      )
    })
  )

  it.live("stays for follow-up where it speaks a2a, takes messages meanwhile, and then expires", () =>
    Effect.gen(function* () {
      const { task: begun, resources } = yield* begin(layer, making({ worker: "a2a", keepRuntimeHours: 0.0008 }, "a2a"))
      assert.isTrue((yield* watch(layer, begun)).outcome.ok)
      const kept = yield* call(layer, (adapter) => adapter.cleanup(begun, resources))
      assert.isTrue(kept.every(({ state, ref }) => state !== "gone" && typeof ref["keepUntil"] === "number"))
      assert.strictEqual(runtimesOf(begun).length, 1)
      assert.isFalse(alive(begun.id))
      const message = { id: "m1", text: "echo more" }
      const delivered = yield* call(
        layer,
        (adapter) => adapter.send?.({ ...begun, status: "succeeded" }, message) ?? Effect.die("no send")
      )
      assert.deepEqual(delivered, { delivery: "delivered" })
      yield* Effect.sleep("3 seconds")
      yield* cleaned(layer, begun, kept)
      assert.isEmpty(runtimesOf(begun))
      assert.isFalse(alive(begun.id))
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

describe("the preflight", () => {
  const checked = (details: JsonObject, live = true) =>
    call(layer, (adapter) => adapter.check(request(details, { instruction: "x" }), live))
  const failed = (checks: ReadonlyArray<Check>) =>
    checks.filter(({ status }) => status === "fail").map(({ name, message }) => `${name}: ${message}`)

  it.live("finds nothing wrong with a runtime that is ready, makes no session, and shows no secret", () =>
    Effect.gen(function* () {
      const before = emulator.ledgers.billing().length
      const checks = yield* checked({ runtimeArn: arns.ours, worker: "dispatch/1" })
      assert.deepEqual(failed(checks), [])
      assert.includeMembers(
        checks.map(({ name }) => name),
        ["region", "worker", "session_id", "runtime_arn", "credentials", "runtime", "protocol", "endpoint"]
      )
      assert.strictEqual(emulator.ledgers.billing().length, before)
      assert.include(JSON.stringify(checks), "…LAST")
      assert.notMatch(JSON.stringify(checks), /not-a-secret|AKIDTEST/)
    })
  )

  it.live("asks nobody when it is not to", () =>
    Effect.gen(function* () {
      const before = emulator.ledgers.invocations.length
      const checks = yield* checked({ runtimeArn: arns.ours }, false)
      assert.deepEqual(failed(checks), [])
      assert.strictEqual(emulator.ledgers.invocations.length, before)
    })
  )

  it.live("names what is wrong and how to mend it", () =>
    Effect.gen(function* () {
      const rows = [
        [{ runtimeArn: arns.ours.replace("/ours", "/other") }, /^runtime: .*does not exist/],
        [{ runtimeArn: arns.ours, qualifier: "nowhere" }, /^endpoint: .*"nowhere".*check qualifier/],
        [{ runtimeArn: arns.a2a, worker: "dispatch/1" }, /^protocol: .*A2A.*http.*make them agree/],
        [{ runtimeArn: arns.ours, endpoint: "http://127.0.0.1:9" }, /^runtime: AWS could not be reached/]
      ] as const
      for (const [details, message] of rows) {
        const found = failed(yield* checked(details))
        assert.strictEqual(found.length > 0, true, JSON.stringify(details))
        assert.match(found.join("\n"), new RegExp(message.source, "m"))
      }
    })
  )

  it.live("names missing credentials, and an unknown source of them", () =>
    Effect.gen(function* () {
      const checkedAs = (credentialSource: string) =>
        call(layer, (adapter) => {
          const routed = request({ runtimeArn: arns.ours }, { instruction: "x" })
          return adapter.check({ ...routed, account: { ...routed.account, credentialSource } }, true)
        })
      assert.match(
        failed(yield* checkedAs("profile:nobody")).join(),
        /^credentials: No AWS credentials.*profile:nobody/
      )
      assert.match(failed(yield* checkedAs("keychain")).join(), /^credentialSource: .*profile:NAME or role:ARN/)
    })
  )

  it.live("looks at image and role in runtime mode", () =>
    Effect.gen(function* () {
      const of = (details: JsonObject) =>
        call(layer, (adapter) => adapter.check(request(details, { instruction: "x" }, { mode: "runtime" }), true))
      assert.deepEqual(failed(yield* of({ ecrImageUri: image, executionRoleArn: role })), [])
      const found = failed(yield* of({ ecrImageUri: "docker.io/x", executionRoleArn: "admin" })).join("\n")
      assert.match(found, /ecrImageUri: .*no private ECR image/)
      assert.match(found, /executionRoleArn: .*no role ARN/)
    })
  )
})
