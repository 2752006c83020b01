import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { arns, emulator } from "./support/AgentCoreWork.js"
import { formClient } from "./support/FormClient.js"
import { eventually, place, session } from "./support/Server.js"
import { finished, profile, spawned, statusOf } from "./support/Workbench.js"

const backend = (details: JsonObject): JsonObject => ({
  adapter: "aws-agentcore",
  account: "cloud",
  details: { endpoint: emulator.url, ...details }
})
const runtime = (name: string): JsonObject => profile(name, { provider: "aws", account: "cloud" })

const backends = {
  ours: backend({ runtimeArn: arns.ours, worker: "dispatch/1" }),
  old: backend({ runtimeArn: arns.a2a03, protocol: "a2a" }),
  new: backend({ runtimeArn: arns.a2a1, protocol: "a2a", a2aVersion: "1.0" })
}

const start = {
  config: {
    accounts: { cloud: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" } },
    backends,
    runtimes: Object.fromEntries(Object.keys(backends).map((name) => [name, runtime(name)]))
  },
  env: {
    AWS_ACCESS_KEY_ID: "AKIDSERVER",
    AWS_SECRET_ACCESS_KEY: "not-a-secret",
    AWS_EC2_METADATA_DISABLED: "true"
  }
}

const work: Readonly<
  Record<keyof typeof backends, { readonly call: JsonObject; readonly answer: string; readonly result: string }>
> = {
  ours: { call: { framework: "asker", instruction: "tidy up" }, answer: "yes", result: '"answer":"yes"' },
  old: { call: { instruction: "ask me" }, answer: "blue", result: "you said: blue" },
  new: { call: { instruction: "ask me" }, answer: "blue", result: "you said: blue" }
}

describe("a cloud agent that asks, as the user sees it", { timeout: 60_000 }, () => {
  for (const [name, { answer, call: args, result }] of Object.entries(work)) {
    it.scopedLive(`is answered in a form while a call waits (${name})`, () =>
      Effect.gen(function* () {
        const user = () => Promise.resolve({ action: "accept" as const, content: { answer } })
        const { call, shown } = yield* formClient("the 2026-07-28 client", yield* place, start, user)
        const id = yield* spawned(call, { runtime: name, ...args })
        const waited = yield* call("await_task", { task_ids: [id] })
        assert.include(waited.text, result)
        assert.strictEqual(shown.length, 1)
      })
    )

    it.scopedLive(`hears an answer that was given after the server was killed (${name})`, () =>
      Effect.gen(function* () {
        const at = yield* place
        const first = yield* session("the 2026-07-28 client", at, start)
        const id = yield* spawned(first.call, { runtime: name, ...args })
        const { questions = [] } = yield* eventually(
          Effect.map(first.call("get_task_status", { task_id: id }), (reply) =>
            statusOf(reply).status === "input_required" ? statusOf(reply) : undefined
          )
        )
        yield* first.kill("SIGKILL")
        const { call } = yield* session("the old SDK's client", at, start)
        const key = questions[0]?.key ?? assert.fail("nothing was asked")
        const taken = yield* call("answer_task", { task_id: id, answers: { [key]: answer } })
        assert.isFalse(taken.isError, taken.text)
        const ended = yield* finished(call, id)
        assert.strictEqual(ended.status, "succeeded", ended.error?.message)
        assert.include(JSON.stringify(ended.result), result)
      })
    )
  }
})
