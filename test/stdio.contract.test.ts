import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Clarification } from "../src/domain/Clarification.js"
import { JsonObject, JsonText } from "../src/domain/Json.js"
import { contractJson } from "./support/Contract.js"
import { kinds, place, session } from "./support/Server.js"
import { finished, keysOf, listOf, workbench } from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const clarification = Schema.decodeUnknownSync(Clarification)
const decode = Schema.decodeSync(JsonText)
const minimal = contractJson("config.session")
const runtimeArn = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/my-runtime"

/** AWS is a closed port of this machine: what would leave it is refused at once. */
const nowhere = {
  AWS_ENDPOINT_URL: "http://127.0.0.1:9",
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
  AWS_EC2_METADATA_DISABLED: "true"
}

for (const kind of kinds) {
  describe(`the contract, as ${kind} meets it`, () => {
    it.scopedLive("keeps the handle's shape, less what only a remote agent has", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config: workbench() })
        const handle = yield* call("spawn_cloud_agent", { runtime: "echo", instruction: "hello" })
        const expected = object(contractJson("spawn.response"))
        assert.deepStrictEqual(
          keysOf(handle.value),
          keysOf(expected).filter((key) => key !== "cloudAgent")
        )
        assert.deepStrictEqual(object(handle.value)["poll"], expected["poll"])
        assert.strictEqual(object(handle.value)["status"], expected["status"])
      })
    )

    it.scopedLive("asks the contract's questions where only an AWS account is configured", () =>
      Effect.gen(function* () {
        const { accounts } = object(minimal)
        const { call } = yield* session(kind, yield* place, { config: { accounts: accounts ?? {} } })
        const asked = yield* call("spawn_cloud_agent")
        assert.deepStrictEqual(asked.value, contractJson("clarification"))
        assert.isFalse(asked.isError)
      })
    )

    it.scopedLive("asks for what is missing, with the choices it knows", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config: workbench() })
        const asked = clarification((yield* call("spawn_cloud_agent", { instruction: " \n" })).value)
        const runtimes = ["echo", "repo-report", "argv"]
        assert.deepStrictEqual(
          asked.questions.map(({ choices, id }) => ({ id, choices })),
          [
            { id: "instruction", choices: undefined },
            { id: "runtime", choices: runtimes }
          ]
        )
        const unknown = clarification((yield* call("spawn_cloud_agent", { instruction: "x", runtime: "ecko" })).value)
        assert.deepStrictEqual(unknown.questions[0]?.choices, runtimes)
        for (const runtime of ["toString", "constructor", "__proto__"]) {
          const inherited = clarification((yield* call("spawn_cloud_agent", { instruction: "x", runtime })).value)
          assert.deepStrictEqual(inherited.questions[0]?.choices, runtimes, runtime)
        }
        const account = clarification(
          (yield* call("spawn_cloud_agent", { instruction: "x", runtime: "echo", account_profile: "there" })).value
        )
        assert.deepStrictEqual(
          account.questions.map(({ choices, id }) => ({ id, choices })),
          [{ id: "account_profile", choices: ["here"] }]
        )
        assert.deepStrictEqual(listOf(yield* call("list_tasks")).tasks, [])
      })
    )

    it.scopedLive("answers its example request with its example response, and shows the same agent in the status", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config: minimal, env: nowhere })
        const handle = object((yield* call("spawn_cloud_agent", object(contractJson("spawn.request")))).value)
        const taskId = String(handle["taskId"])
        const sessionId = `ad-${createHash("sha256").update(taskId).digest("hex").slice(0, 32)}`
        const spelled = JSON.stringify(contractJson("spawn.response"))
          .replace("task_...", taskId)
          .replace(/ad-[0-9a-f]{32}/, sessionId)
          .replace("runtimes/.../", `runtimes/${encodeURIComponent(runtimeArn)}/`)
        assert.deepStrictEqual(handle, object(decode(spelled)))
        const status = object((yield* call("get_task_status", { task_id: taskId, full: true })).value)
        assert.deepStrictEqual(status["cloudAgent"], handle["cloudAgent"])

        const ended = yield* finished(call, taskId)
        assert.strictEqual(ended.status, "failed")
        assert.match(ended.error?.code ?? "", /^(aws_agentcore\.|start\.)/)
      })
    )

    it.scopedLive("checks its config without asking AWS, and says where it leads", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config: minimal, env: nowhere })
        const checked = object((yield* call("check_cloud_agent_runtime", { live: false })).value)
        assert.deepStrictEqual(
          ["runtime", "provider", "account_profile", "backend", "adapter", "target_mode"].map((key) => checked[key]),
          ["research-agent", "aws", "dev-aws", "agentcore-dev", "aws-agentcore", "session"]
        )
        assert.deepStrictEqual((yield* call("list_providers")).value, ["aws"])
      })
    )
  })
}
