import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Clarification } from "../src/domain/Clarification.js"
import { JsonObject } from "../src/domain/Json.js"
import { contractJson } from "./support/Contract.js"
import { kinds, place, refusalOf, session } from "./support/Server.js"
import { keysOf, listOf, workbench } from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const clarification = Schema.decodeUnknownSync(Clarification)
const minimal = contractJson("config.session")

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

    it.scopedLive("routes its example request, and refuses it cleanly while the adapter is not built in", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place, { config: minimal })
        const answer = yield* call("spawn_cloud_agent", object(contractJson("spawn.request")))
        assert.match(refusalOf(answer), /^adapter\.not_found: .*"aws-agentcore".*local-process/)
        assert.deepStrictEqual(listOf(yield* call("list_tasks")).tasks, [])
        const checked = object((yield* call("check_cloud_agent_runtime", { live: false })).value)
        assert.isFalse(checked["ok"])
        assert.deepStrictEqual(
          ["runtime", "provider", "account_profile", "backend", "adapter", "target_mode"].map((key) => checked[key]),
          ["research-agent", "aws", "dev-aws", "agentcore-dev", "aws-agentcore", "session"]
        )
        assert.deepStrictEqual((yield* call("list_providers")).value, ["aws"])
      })
    )
  })
}
