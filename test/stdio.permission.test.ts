import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { formClient, type User } from "./support/FormClient.js"
import { type Place, place, written } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const wrapper = /```js\n([^]*?)```/.exec(readme)?.[1] ?? ""

/** The README's wrapper as an agent; its prompt expires after so many seconds. */
const configOf = (at: Place, expiresSeconds = 900): JsonObject => ({
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: {
    wrapped: {
      adapter: "local-process",
      account: "here",
      details: {
        command: [
          process.execPath,
          written(at, "wrapper.mjs", wrapper.replace("expiresSeconds: 900", `expiresSeconds: ${expiresSeconds}`))
        ],
        interactive: true
      }
    }
  },
  runtimes: { wrapped: { provider: "local", account: "here", capability: "agent-runtime", backend: "wrapped" } },
  defaults: { runtime: "wrapped" }
})

const decides =
  (decision: string): User =>
  () =>
    Promise.resolve({ action: "accept", content: { decision } })

const outcome = (user: User, expiresSeconds?: number) =>
  Effect.gen(function* () {
    const at = yield* place
    const config = configOf(at, expiresSeconds)
    const { call, shown } = yield* formClient("the 2026-07-28 client", at, { config }, user)
    const task_id = yield* Bench.spawned(call, { instruction: "build it" })
    if (expiresSeconds === undefined) yield* call("await_task", { task_ids: [task_id] })
    const { result } = yield* Bench.finished(call, task_id)
    return { result, shown }
  })

describe("a permission prompt that a wrapper puts as a question", { timeout: 60_000 }, () => {
  for (const decision of ["allow", "deny"])
    it.scopedLive(`is a form with its choices, and the agent hears ${decision}`, () =>
      Effect.gen(function* () {
        const { result, shown } = yield* outcome(decides(decision))
        assert.deepStrictEqual(result, { allowed: decision === "allow" })
        assert.deepStrictEqual(
          shown.map(({ fields, message }) => [message, fields]),
          [["Allow Bash(rm -rf build)?", { decision: { type: "string", enum: ["allow", "deny"], default: "deny" } }]]
        )
      })
    )

  it.scopedLive("is denied when the user says no, and when nobody decides in time", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* outcome(() => Promise.resolve({ action: "decline" }))).result, { allowed: false })
      const late = yield* outcome(() => Promise.resolve({ action: "cancel" }), 1)
      assert.deepStrictEqual(late.result, { allowed: false })
    })
  )
})
