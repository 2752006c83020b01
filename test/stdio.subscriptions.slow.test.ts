import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JsonObject } from "../src/domain/Json.js"
import { at, framed, object, spawned, withTasks } from "./support/ModernClient.js"
import { callOf, greeted, line, messagesIn, type RawServer, rawServer, request } from "./support/RawServer.js"
import { eventually, place } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const many = 10_000
/** What one connection may hold. */
const most = 256
/** More memory than this at any time means that what was refused was kept. */
const mostMemory = 400 * 1024 * 1024
/** A server that has refused so many still answers in this time, in milliseconds. */
const patience = 10_000

const config = Bench.workbench()
/** None that another request of a test has. */
const first = 100_000
const ids = Array.from({ length: many }, (_, index) => first + index)

/** Whole messages so far. */
const heard = (server: RawServer) => messagesIn(server.stdout().slice(0, server.stdout().lastIndexOf("\n") + 1))

const refusals = (messages: ReadonlyArray<JsonObject>) =>
  messages.filter(({ error }) => /limit reached: \d+/i.test(String(at(error, "message"))))

/** Waits until as many were refused as there is no room for. */
const allRefused = (server: RawServer) =>
  eventually(
    Effect.sync(() => (server.stdout().split("ubscription limit reached").length - 1 >= many - most ? true : undefined))
  )

const staysUp = (server: RawServer, ping: Effect.Effect<JsonObject>) =>
  Effect.gen(function* () {
    const from = performance.now()
    yield* ping
    assert.isBelow(performance.now() - from, patience)
    assert.isBelow(yield* server.peakMemory, mostMemory)
  })

describe("ten thousand subscriptions on one connection", () => {
  const cases: ReadonlyArray<readonly [what: string, of: (id: string, index: number) => JsonObject]> = [
    ["tasks", (id) => ({ taskIds: [id] })],
    ["resources", (id, index) => ({ resourceSubscriptions: [`agentdispatch://tasks/${id}/artifacts/${index}`] })]
  ]
  for (const [what, of] of cases) {
    it.scopedLive(
      `to ${what} are taken up to a limit, the others are refused, and the server serves on`,
      () =>
        Effect.gen(function* () {
          const server = yield* rawServer(yield* place)
          const id = yield* spawned(server, 600_000)
          const listen = (index: number) =>
            request(index, "subscriptions/listen", framed({ notifications: of(id, index) }, withTasks))
          const ping = server.ask("tools/list", framed({}, {}))
          yield* server.write(ids.map(listen).join(""))
          yield* allRefused(server)
          yield* staysUp(server, ping)
          const messages = heard(server)
          for (const { error } of refusals(messages)) assert.strictEqual(at(error, "code"), -32_603)
          assert.lengthOf(refusals(messages), many - most)
          const acknowledged = messages.filter(({ method }) => method === "notifications/subscriptions/acknowledged")
          assert.lengthOf(acknowledged, most)
          yield* server.write(line({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: first } }))
          yield* server.write(listen(1))
          yield* eventually(
            Effect.sync(() =>
              heard(server).find(({ params }) => at(params, "_meta", "io.modelcontextprotocol/subscriptionId") === 1)
            )
          )
          yield* staysUp(server, ping)
        }),
      90_000
    )
  }

  it.scopedLive(
    "in the words of older protocols are held within the same limit",
    () =>
      Effect.gen(function* () {
        const server = yield* greeted(yield* place, { config })
        const task_id = yield* Bench.spawned(callOf(server), { runtime: "echo", instruction: "x" })
        const uri = (index: number) => `agentdispatch://tasks/${task_id}/artifacts/${index}`
        const subscribe = (index: number) => request(index, "resources/subscribe", { uri: uri(index) })
        yield* server.write(ids.map(subscribe).join(""))
        yield* allRefused(server)
        yield* staysUp(server, server.ask("ping"))
        const taken = heard(server).flatMap(({ id, result }) =>
          Number(id) >= first && result !== undefined ? [Number(id)] : []
        )
        yield* server.ask("resources/unsubscribe", { uri: uri(taken[0] ?? 0) })
        assert.deepStrictEqual(object((yield* server.ask("resources/subscribe", { uri: uri(1) }))["result"]), {})
        yield* staysUp(server, server.ask("ping"))
      }),
    90_000
  )
})

describe("a subscription in the words of older protocols", () => {
  it.scopedLive("tells of each change of its resource, until it is taken back, and may be taken again", () =>
    Effect.gen(function* () {
      const folder = yield* place
      const server = yield* greeted(folder, { config })
      const call = callOf(server)
      const waiting = Bench.shell(`echo up; while [ ! -e '${folder.folder}/go' ]; do sleep 0.05; done`)
      const [told, untold] = [yield* Bench.dispatched(call, waiting), yield* Bench.dispatched(call, waiting)]
      yield* Bench.running(call, told)
      yield* Bench.running(call, untold)
      const uri = (id: string) => `agentdispatch://tasks/${id}/log`
      for (const id of [told, untold]) yield* server.ask("resources/subscribe", { uri: uri(id) })
      for (const id of [told, untold]) yield* server.ask("resources/unsubscribe", { uri: uri(id) })
      yield* server.ask("resources/subscribe", { uri: uri(told) })
      Bench.allow(folder)
      for (const id of [told, untold]) yield* Bench.finished(call, id)
      const updates = () =>
        heard(server).flatMap(({ method, params }) =>
          method === "notifications/resources/updated" ? [at(params, "uri")] : []
        )
      yield* eventually(Effect.sync(() => (updates().length > 0 ? true : undefined)))
      assert.deepStrictEqual([...new Set(updates())], [uri(told)])
      const unknown = yield* server.ask("resources/subscribe", {
        uri: "agentdispatch://tasks/task_zzzzzzzzzzzzzzzzzzzzzzzzzz"
      })
      assert.match(String(at(unknown["error"], "message")), /task_zzz/)
    })
  )

  it.scopedLive("does not keep a server whose client hung up", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place, { config })
      const task_id = yield* Bench.spawned(callOf(server), { runtime: "echo", instruction: "x" })
      yield* server.ask("resources/subscribe", { uri: `agentdispatch://tasks/${task_id}` })
      yield* server.hangUp
      const { code } = yield* Effect.timeout(server.ended, "4 seconds")
      assert.strictEqual(code, 0)
    })
  )
})
