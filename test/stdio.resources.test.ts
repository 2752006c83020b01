import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { asking, at, object, spawned, text, until } from "./support/ModernClient.js"
import { type RawServer, rawServer } from "./support/RawServer.js"
import { place } from "./support/Server.js"

describe("tasks as resources", () => {
  it.scopedLive("are listed, read, completed and missed as resources are", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const ask = asking(server)
      const id = yield* spawned(server, 0)
      yield* until(server, id, "completed")
      const { resources } = object((yield* ask("resources/list"))["result"])
      assert.include(JSON.stringify(resources), `agentdispatch://tasks/${id}`)
      const templates = at((yield* ask("resources/templates/list"))["result"], "resourceTemplates")
      assert.strictEqual(Array.isArray(templates) ? templates.length : 0, 4)
      for (const [part, mime] of [
        ["", "application/json"],
        ["/log", "text/plain"],
        ["/result", "application/json"]
      ] as const) {
        const read = at(
          (yield* ask("resources/read", { uri: `agentdispatch://tasks/${id}${part}` }))["result"],
          "contents"
        )
        const [contents] = Array.isArray(read) ? read : []
        assert.strictEqual(at(contents, "mimeType"), mime)
        if (mime === "application/json") assert.include(text(at(contents, "text")), id)
      }
      for (const uri of [
        "agentdispatch://tasks/task_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "agentdispatch://nothing",
        "file:///etc/passwd"
      ]) {
        assert.strictEqual(at((yield* ask("resources/read", { uri }))["error"], "code"), -32_602, uri)
      }
      const completion = yield* ask("completion/complete", {
        ref: { type: "ref/resource", uri: "agentdispatch://tasks/{id}" },
        argument: { name: "id", value: id.slice(0, 12) }
      })
      assert.deepStrictEqual(at(completion["result"], "completion", "values"), [id])
    })
  )

  it.scopedLive("come with prompts that take arguments", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const ask = asking(server)
      const prompts = at((yield* ask("prompts/list"))["result"], "prompts")
      assert.strictEqual(Array.isArray(prompts) ? prompts.length : 0, 5)
      const got = yield* ask("prompts/get", { name: "research", arguments: { topic: "tides", runtime: "claude" } })
      assert.include(JSON.stringify(got["result"]), "tides")
      assert.include(JSON.stringify(got["result"]), "claude")
      const unknown = (yield* ask("resources/read", { uri: "file:///etc/passwd" }))["error"]
      assert.strictEqual(at(unknown, "data", "uri"), "file:///etc/passwd")
      for (const params of [{ name: "research" }, { name: "constructor" }])
        assert.strictEqual(at((yield* ask("prompts/get", params))["error"], "code"), -32_602)
    })
  )

  it.scopedLive("come with prompts that ask for what they lack, where the client shows forms", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place)
      const ask = asking(server, { elicits: true })
      const asked = (yield* ask("prompts/get", { name: "research" }))["result"]
      assert.strictEqual(at(asked, "resultType"), "input_required")
      assert.deepStrictEqual(at(asked, "inputRequests", "answers", "params", "requestedSchema", "required"), ["topic"])
      const requestState = text(at(asked, "requestState"))
      const answered = (action: string) =>
        ask("prompts/get", {
          name: "research",
          requestState,
          inputResponses: { answers: { action, ...(action === "accept" ? { content: { topic: "tides" } } : {}) } }
        })
      assert.include(JSON.stringify(at((yield* answered("accept"))["result"], "messages")), "tides")
      assert.strictEqual(at((yield* answered("decline"))["error"], "code"), -32_602)
    })
  )
})

describe("a client that never asks", () => {
  it.scopedLive("learns from its next reply which tasks have ended, once, also those of another session", () =>
    Effect.gen(function* () {
      const where = yield* place
      const first = yield* rawServer(where)
      const id = yield* spawned(first, 0)
      yield* until(first, id, "completed")
      const news = (server: RawServer, name: string) =>
        Effect.map(asking(server, { name })("tools/call", { name: "list_providers", arguments: {} }), ({ result }) =>
          JSON.stringify(at(result, "structuredContent", "inbox") ?? null)
        )
      assert.include(yield* news(first, "raw"), id)
      assert.strictEqual(yield* news(first, "raw"), "null")
      yield* news(first, "another")
      const second = yield* rawServer(where)
      assert.strictEqual(yield* news(second, "raw"), "null")
      const late = yield* spawned(first, 0)
      yield* until(first, late, "completed")
      assert.include(yield* news(second, "raw"), late)
    })
  )
})
