import { once } from "node:events"
import http, { Agent } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { asked, httpClient, httpServer, posted, usualHeaders } from "./support/HttpServer.js"
import { eventually, kinds, place } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const config = { ...Bench.workbench(), http: { drainSeconds: 20 } }
const slow = { runtime: "echo", instruction: "slowly", context: { delayMs: 60_000 } }

const waitFor = (task_id: string) =>
  JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "get_task_result", arguments: { task_id, wait_seconds: 50 } }
  })

/** The server is only a process, so what it still does shows in how long it takes to leave. */
const leavesWithin = (server: Effect.Effect.Success<ReturnType<typeof httpServer>>, millis: number) =>
  Effect.gen(function* () {
    const from = performance.now()
    yield* server.signal("SIGTERM")
    const { code, signal, stderr } = yield* server.ended
    assert.deepStrictEqual([code, signal, stderr], [0, null, ""])
    assert.isBelow(performance.now() - from, millis)
  })

for (const kind of kinds) {
  describe(`a server that is told to go, with ${kind}`, () => {
    it.scopedLive("gives those who wait the answer of the moment", () =>
      Effect.gen(function* () {
        const server = yield* httpServer(yield* place, config)
        const { call } = yield* httpClient(kind, server)
        const task_id = yield* Bench.spawned(call, slow)
        const seen = yield* Bench.running(call, task_id)
        const waits = yield* Effect.fork(
          Effect.all(
            [
              call("get_task_result", { task_id, wait_seconds: 50 }),
              call("get_task_status", { task_id, since_revision: seen.revision, wait_seconds: 50 }),
              call("await_task", { task_ids: [task_id] })
            ],
            { concurrency: "unbounded" }
          )
        )
        // Requests that came later have been answered, so the waits are under way.
        for (const _ of [1, 2, 3]) yield* call("list_tasks")
        yield* leavesWithin(server, 6_000)
        const [result, status, awaited] = yield* Fiber.join(waits)
        assert.strictEqual(Bench.resultOf(result).status, "running")
        assert.isFalse(status.isError)
        assert.include(awaited.text, '"done":false')
      })
    )
  })
}

describe("a server that is told to go", () => {
  it.scopedLive("waits for nobody who hung up in the middle of a wait", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, { ...Bench.workbench(), http: { drainSeconds: 600 } })
      const { call } = yield* httpClient("the old SDK's client", server)
      const task_id = yield* Bench.spawned(call, slow)
      yield* Bench.running(call, task_id)
      const modern = {
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
          "io.modelcontextprotocol/clientCapabilities": {}
        }
      }
      const bodies: ReadonlyArray<readonly [string, Record<string, string>]> = [
        [waitFor(task_id), {}],
        [
          waitFor(task_id).replace('"params":{', `"params":{"_meta":${JSON.stringify(modern._meta)},`),
          { "Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "get_task_result" }
        ]
      ]
      for (const [body, headers] of bodies) {
        const given = new AbortController()
        const wait = fetch(server.url, {
          method: "POST",
          body,
          headers: { ...usualHeaders, ...headers },
          signal: given.signal
        }).then((response) => response.text())
        // Whoever is still there after this time was not refused.
        const first = yield* Effect.promise(() => Promise.race([wait, new Promise((done) => setTimeout(done, 700))]))
        assert.isUndefined(first)
        given.abort()
        yield* Effect.promise(() => wait.catch(() => undefined))
      }
      assert.strictEqual((yield* asked(server.at("/readyz"))).status, 200)
      yield* leavesWithin(server, 5_000)
    })
  )

  it.scopedLive("takes nothing new, says so, and still answers a request whose second half comes later", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, config)
      const { agent, answer, send } = yield* halfSent(server.url)
      yield* server.signal("SIGTERM")
      const going = yield* eventually(
        Effect.map(asked(server.at("/readyz")), (reply) => (reply.status === 503 ? reply : undefined))
      )
      assert.deepStrictEqual(going.json, { status: "draining" })
      assert.strictEqual((yield* asked(server.at("/healthz"))).status, 200)
      const refused = yield* posted(server.url, listing)
      assert.deepStrictEqual([refused.status, refused.headers.get("retry-after")], [503, "1"])
      yield* send
      assert.include(yield* answer, '"spawn_cloud_agent"')
      agent.destroy()
      assert.strictEqual((yield* server.ended).code, 0)
    })
  )

  it.scopedLive("leaves without whoever never ends a request, when the time is over", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, { ...Bench.workbench(), http: { drainSeconds: 1 } })
      yield* halfSent(server.url)
      yield* leavesWithin(server, 6_000)
    })
  )
})

const listing = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })

/** A request whose second half is sent later; the server has seen the first. */
const halfSent = (url: string) =>
  Effect.promise(async () => {
    const agent = new Agent({ keepAlive: true })
    const length = Buffer.byteLength(listing)
    const request = http.request(url, {
      agent,
      method: "POST",
      headers: { ...usualHeaders, "Content-Length": length, Expect: "100-continue" }
    })
    const text = new Promise<string>((resolve) => {
      request.once("error", (error) => resolve(error.message))
      request.once("response", (response) => {
        let said = ""
        response.setEncoding("utf8").on("data", (part: string) => (said += part))
        response.once("close", () => resolve(said))
      })
    })
    request.flushHeaders()
    // The server says this once it has read the headers.
    await once(request, "continue")
    request.write(listing.slice(0, 10))
    return { agent, answer: Effect.promise(() => text), send: Effect.sync(() => void request.end(listing.slice(10))) }
  })
