import { readFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { text } from "node:stream/consumers"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { asked, type HttpServer, httpClient, httpServer, posted, usualHeaders } from "./support/HttpServer.js"
import { framed, withTasks } from "./support/ModernClient.js"
import { eventually, place } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const many = 10_000
/** How many streams one process holds. */
const most = 512
/** So many requests are on their way at once. */
const atOnce = 50
const patience = 10_000
const mostMemory = 500 * 1024 * 1024

const config = Bench.workbench()
const modern = (method: string, params: JsonObject, id: number) =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params: framed(params, withTasks) })

/** Many connections, which all end with the scope. */
const connections = Effect.acquireRelease(
  Effect.sync(() => new Agent({ keepAlive: true })),
  (agent) => Effect.sync(() => agent.destroy())
)

/** Opens one stream; it stays open until its agent goes unless it was refused, which the text then says. */
const opened = (server: HttpServer, agent: Agent, taskId: string, id: number) =>
  Effect.async<string | undefined>((resume) => {
    const body = modern("subscriptions/listen", { notifications: { taskIds: [taskId] } }, id)
    const headers = { ...usualHeaders, "Content-Length": Buffer.byteLength(body) }
    const sent = request(server.url, { agent, method: "POST", headers }, (response) => {
      if (response.headers["content-type"] === "text/event-stream") return resume(Effect.succeed(undefined))
      void text(response).then((said) => resume(Effect.succeed(said)))
    })
    // The streams end with their agent.
    sent.on("error", () => undefined)
    sent.end(body)
  })

const peakMemory = ({ pid }: HttpServer): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024

const serves = (server: HttpServer) =>
  Effect.gen(function* () {
    const from = performance.now()
    assert.strictEqual((yield* asked(server.at("/healthz"))).status, 200)
    assert.include(
      (yield* posted(server.url, JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }))).text,
      "await_task"
    )
    assert.isBelow(performance.now() - from, patience)
    assert.isBelow(peakMemory(server), mostMemory)
  })

describe("ten thousand subscriptions over HTTP", () => {
  it.scopedLive(
    "are taken up to a limit, the others are refused, and calls are answered all the while",
    () =>
      Effect.gen(function* () {
        const server = yield* httpServer(yield* place, config)
        const { call } = yield* httpClient("the old SDK's client", server)
        const task_id = yield* Bench.spawned(call, { runtime: "echo", instruction: "x", context: { delayMs: 600_000 } })
        const agent = yield* connections
        const ids = Array.from({ length: many }, (_, index) => index + 1)
        const answers = yield* Effect.forEach(ids, (id) => opened(server, agent, task_id, id), { concurrency: atOnce })
        yield* serves(server)
        const refused = answers.flatMap((said) => (said === undefined ? [] : [said]))
        assert.lengthOf(refused, many - most)
        for (const said of refused) assert.include(said, `Subscription limit reached: ${most} in this process`)
        agent.destroy()
        const others = yield* connections
        yield* eventually(
          Effect.map(opened(server, others, task_id, many + 1), (said) => (said === undefined ? true : undefined))
        )
        yield* serves(server)
      }),
    150_000
  )
})

describe("a client that vanishes in the middle of a wait", () => {
  it.scopedLive("takes its wait with it and leaves its task to go on", () =>
    Effect.gen(function* () {
      const folder = yield* place
      const server = yield* httpServer(folder, { ...config, http: { drainSeconds: 600 } })
      const { call } = yield* httpClient("the old SDK's client", server)
      const task_id = yield* Bench.dispatched(
        call,
        Bench.shell(`while [ ! -e '${folder.folder}/go' ]; do sleep 0.05; done; echo done`)
      )
      yield* Bench.running(call, task_id)
      const waits = Array.from({ length: 100 }, (_, index) => {
        const end = new AbortController()
        const body = modern("tools/call", { name: "await_task", arguments: { task_ids: [task_id] } }, index)
        const headers = {
          ...usualHeaders,
          "Mcp-Protocol-Version": "2026-07-28",
          "Mcp-Method": "tools/call",
          "Mcp-Name": "await_task"
        }
        const plain = body.replace('"extensions":{"io.modelcontextprotocol/tasks":{}}', "")
        const over = fetch(server.url, { method: "POST", signal: end.signal, headers, body: plain }).then(
          (response) => response.text(),
          () => undefined
        )
        return { end, over }
      })
      // A wait that is refused would be over by now.
      assert.isUndefined(yield* Effect.promise(() => Promise.race([...waits.map(({ over }) => over), pause(700)])))
      for (const { end } of waits) end.abort()
      for (const { over } of waits) assert.isUndefined(yield* Effect.promise(() => over))
      yield* serves(server)
      Bench.allow(folder)
      assert.strictEqual((yield* Bench.finished(call, task_id)).status, "succeeded")
      yield* server.signal("SIGTERM")
      const { code } = yield* Effect.timeout(server.ended, "10 seconds")
      assert.strictEqual(code, 0)
    })
  )
})

const pause = (millis: number) => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), millis))
