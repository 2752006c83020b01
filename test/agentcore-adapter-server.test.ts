import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Clarification } from "../src/domain/Clarification.js"
import type { JsonObject } from "../src/domain/Json.js"
import type { NewFault } from "./emulators/agentcore/Faults.js"
import { alive, arns, emulator, image, runs, sessionIdOf, signature, signs } from "./support/AgentCoreWork.js"
import { eventually, place, refusalOf, session } from "./support/Server.js"
import { finished, profile, spawned, statusOf } from "./support/Workbench.js"

const backend = (details: JsonObject): JsonObject => ({
  adapter: "aws-agentcore",
  account: "cloud",
  details: { endpoint: emulator.url, ...details }
})

const runtime = (name: string, more: JsonObject = {}): JsonObject =>
  profile(name, { provider: "aws", account: "cloud", ...more })

const config: JsonObject = {
  accounts: { cloud: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" } },
  backends: {
    opaque: backend({ runtimeArn: arns.stranger }),
    ours: backend({ runtimeArn: arns.ours, worker: "dispatch/1" }),
    asking: backend({ runtimeArn: arns.a2a03, protocol: "a2a", deadlineSeconds: 3 }),
    bare: backend({})
  },
  runtimes: {
    opaque: runtime("opaque"),
    ours: runtime("ours"),
    asking: runtime("asking"),
    bare: runtime("bare"),
    made: runtime("bare", { target: { mode: "runtime" } })
  }
}

const env = {
  AWS_ACCESS_KEY_ID: "AKIDSERVER",
  AWS_SECRET_ACCESS_KEY: "not-a-secret",
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_MAX_ATTEMPTS: "5"
}

const clarification = Schema.decodeUnknownSync(Clarification)

const served = Effect.flatMap(place, (at) => session("the 2026-07-28 client", at, { config, env }))

const fault = (kind: NewFault["kind"], more: Partial<NewFault> = {}) =>
  Effect.sync(() => void emulator.control.addFault({ op: "InvokeAgentRuntime", kind, ...more }))

const sent = (taskId: string, method?: string) =>
  emulator.ledgers.deliveries({
    op: "InvokeAgentRuntime",
    sessionId: sessionIdOf(taskId),
    ...(method === undefined ? {} : { method })
  }).length

/** Nothing is paid for any more, and it stays so. */
const released = (taskId: string) => eventually(Effect.sync(() => (alive(taskId) ? undefined : true)))

describe("a start that breaks, as the user sees it", () => {
  const rows: ReadonlyArray<readonly [NewFault["kind"], "before" | "after"]> = [
    ["internal-error", "before"],
    ["internal-error", "after"],
    ["service-unavailable", "after"],
    ["reset", "before"],
    ["reset", "after"]
  ]
  for (const [kind, when] of rows) {
    it.scopedLive(`is start.indeterminate for an opaque app, which is never asked again (${kind}, ${when})`, () =>
      Effect.gen(function* () {
        const { call } = yield* served
        const name = `server-${kind}-${when}`
        yield* fault(kind, { when })
        const instruction = JSON.stringify({ sign: signature(name), say: "hello" })
        const id = yield* spawned(call, { runtime: "opaque", instruction })
        const { error, status } = yield* finished(call, id)
        assert.deepEqual([status, error?.code], ["failed", "start.indeterminate"])
        yield* released(id)
        assert.deepEqual([runs(name), sent(id)], when === "before" ? [0, 0] : [1, 1])
      })
    )

    it.scopedLive(`is resolved for our worker, which runs once (${kind}, ${when})`, () =>
      Effect.gen(function* () {
        const { call } = yield* served
        yield* fault(kind, { when, match: { method: "start" } })
        const id = yield* spawned(call, { runtime: "ours", instruction: `${signs}echo done` })
        const { error, status } = yield* finished(call, id)
        assert.strictEqual(status, "succeeded", error?.message)
        yield* released(id)
        assert.deepEqual([runs(id), sent(id, "start")], [1, 1])
      })
    )
  }
})

describe("bad input, as the user sees it", () => {
  it.scopedLive("is refused where a call brings a session id of its own", () =>
    Effect.gen(function* () {
      const { call } = yield* served
      const refusal = refusalOf(
        yield* call("dispatch_task", {
          provider: "aws",
          account_profile: "cloud",
          capability: "agent-runtime",
          backend: "ours",
          task_type: "agent.run",
          target: { mode: "session", details: { sessionId: "short" } },
          input: { instruction: "x" }
        })
      )
      assert.match(refusal, /target\.details\.sessionId.*cannot be set by a call/)
    })
  )

  it.scopedLive(
    "ends as a setting that cannot work: a malformed ARN, a runtime of another region, a role that is none",
    () =>
      Effect.gen(function* () {
        const { call } = yield* served
        const before = emulator.ledgers.invocations.length
        const elsewhere = arns.ours.replace("us-east-1", "eu-west-1")
        const rows: ReadonlyArray<readonly [JsonObject, RegExp]> = [
          [{ runtime: "bare", runtime_arn: "my-runtime" }, /^runtimeArn: .*is no runtime ARN/],
          [{ runtime: "bare", runtime_arn: elsewhere }, /^region: is us-east-1, but the runtime is in eu-west-1/],
          [
            { runtime: "made", ecr_image_uri: image, execution_role_arn: "admin" },
            /^executionRoleArn: .*is no role ARN/
          ]
        ]
        for (const [input, words] of rows) {
          const { error, status } = yield* finished(call, yield* spawned(call, { ...input, instruction: "x" }))
          assert.deepEqual([status, error?.code], ["failed", "aws_agentcore.setting_invalid"])
          assert.match(error?.message ?? "", words)
        }
        assert.strictEqual(emulator.ledgers.invocations.length, before)
      })
  )

  it.scopedLive("is asked about where the role or the image is missing", () =>
    Effect.gen(function* () {
      const { call } = yield* served
      const { value } = yield* call("spawn_cloud_agent", { runtime: "made", ecr_image_uri: image, instruction: "x" })
      const { questions } = clarification(value)
      assert.deepEqual(
        questions.map(({ id }) => id),
        ["executionRoleArn"]
      )
    })
  )
})

describe("an A2A agent that asks back, as the user sees it", () => {
  it.scopedLive("is parked with its question, and fails as expired when nobody answers", () =>
    Effect.gen(function* () {
      const { call } = yield* served
      const id = yield* spawned(call, { runtime: "asking", instruction: "ask me" })
      const told = yield* eventually(
        Effect.map(call("get_task_status", { task_id: id, since_revision: 0 }), (answer) =>
          answer.text.includes("which colour?") ? statusOf(answer) : undefined
        )
      )
      assert.strictEqual(told.status, "input_required")
      const { error, status } = yield* finished(call, id)
      assert.deepEqual([status, error?.code], ["failed", "aws_agentcore.expired"])
      yield* released(id)
    })
  )
})
