import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { httpClient, httpServer, tokenOf, tokens, usualHeaders } from "./support/HttpServer.js"
import { framed, withTasks } from "./support/ModernClient.js"
import { eventually, place } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

/** Opens a subscription; what it is told grows while it is open. */
const listening = (url: string, token: string, notifications: JsonObject, declared = withTasks) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const end = new AbortController()
      const response = await fetch(url, {
        method: "POST",
        signal: end.signal,
        headers: { ...usualHeaders, Authorization: `Bearer ${token}` },
        body: JSON.stringify({
          jsonrpc: "2.0",
          id: 7,
          method: "subscriptions/listen",
          params: framed({ notifications }, declared)
        })
      })
      const said = { text: "", over: false }
      const reading = (async () => {
        for await (const chunk of response.body ?? []) said.text += Buffer.from(chunk).toString()
        said.over = true
      })().catch(() => undefined)
      return { said, end, reading, status: response.status }
    }),
    ({ end, reading }) =>
      Effect.promise(() => {
        end.abort()
        return reading
      })
  )

describe("a subscription to tasks over HTTP", () => {
  it.scopedLive("tells its principal of its own tasks alone, and says goodbye when the server goes", () =>
    Effect.gen(function* () {
      const config = { ...Bench.workbench(), http: { tokens: tokens("ann", "bob"), drainSeconds: 10 } }
      const server = yield* httpServer(yield* place, config)
      const { call } = yield* httpClient("the 2026-07-28 client", server, tokenOf("ann"))
      const delay = (delayMs: number) => ({ runtime: "echo", instruction: "slowly", context: { delayMs } })
      const id = yield* Bench.spawned(call, delay(2_000))
      const ann = yield* listening(server.url, tokenOf("ann"), { taskIds: [id] })
      const bob = yield* listening(server.url, tokenOf("bob"), { taskIds: [id] })
      const undeclared = yield* listening(server.url, tokenOf("ann"), { taskIds: [id] }, {})
      yield* eventually(Effect.sync(() => (ann.said.text.includes('"status":"completed"') ? true : undefined)))
      assert.include(ann.said.text, `"taskIds":["${id}"]`)
      assert.include(bob.said.text, '"taskIds":[]')
      assert.notInclude(bob.said.text, id)
      assert.include(undeclared.said.text, "-32021")
      assert.deepStrictEqual([ann.status, undeclared.status], [200, 400])
      yield* server.signal("SIGTERM")
      const { code } = yield* server.ended
      assert.strictEqual(code, 0)
      yield* Effect.promise(() => ann.reading)
      assert.match(ann.said.text, /"id":7,"result":\{"resultType":"complete"/)
    })
  )
})
