import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Json, JsonObject } from "../src/domain/Json.js"
import { askingConfig } from "./support/AskingAgent.js"
import { desk } from "./support/cli.js"
import { formClient } from "./support/FormClient.js"
import { asking, at, object, text } from "./support/ModernClient.js"
import { rawServer } from "./support/RawServer.js"
import { answerOf, place, session } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const config = askingConfig(true)
const elicits = { elicits: true }

const waits = (task_id: string, more: JsonObject = {}) => ({
  name: "await_task",
  arguments: { task_ids: [task_id] },
  ...more
})
const filled = (answer: string): JsonObject => ({ action: "accept", content: { answer } })

/** A task whose question has just been put to the client in place of an answer. */
const asked = (server: Parameters<typeof asking>[0]) =>
  Effect.gen(function* () {
    const ask = asking(server, elicits)
    const made = yield* ask("tools/call", { name: "spawn_cloud_agent", arguments: { instruction: "tidy up" } })
    const id = text(at(made["result"], "structuredContent", "taskId"))
    const { result } = yield* ask("tools/call", waits(id))
    assert.strictEqual(at(result, "resultType"), "input_required")
    return { id, ask, result, requestState: text(at(result, "requestState")) }
  })

const ended = (message: JsonObject): Json | undefined => at(answerOf(message["result"]).value, "tasks")

describe("a form that is answered by another call", { timeout: 60_000 }, () => {
  it.scopedLive("shows the question with its choices and its default", () =>
    Effect.gen(function* () {
      const { result } = yield* asked(yield* rawServer(yield* place, { config }))
      assert.deepStrictEqual(at(result, "inputRequests"), {
        delete: {
          method: "elicitation/create",
          params: {
            mode: "form",
            message: "May I delete it?",
            requestedSchema: {
              type: "object",
              properties: { answer: { type: "string", enum: ["yes", "no"], default: "no" } },
              required: ["answer"]
            }
          }
        }
      })
    })
  )

  it.scopedLive("is taken by the server that comes after one that was killed in between", () =>
    Effect.gen(function* () {
      const where = yield* place
      const first = yield* rawServer(where, { config })
      const { id, requestState } = yield* asked(first)
      yield* first.signal("SIGKILL")
      yield* first.ended
      const next = asking(yield* rawServer(where, { config }), elicits)
      const inputResponses = { delete: filled("yes"), never: filled("asked") }
      const done = yield* next("tools/call", waits(id, { requestState, inputResponses }))
      assert.include(JSON.stringify(ended(done)), '"answer":"yes"')
    })
  )

  it.scopedLive("is refused with a state that was forged, or given to another task or another tool", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(yield* place, { config })
      const mine = yield* asked(server)
      const other = yield* asked(server)
      const inputResponses = { delete: filled("yes") }
      const attempts: ReadonlyArray<JsonObject> = [
        waits(mine.id, { inputResponses, requestState: `${mine.requestState.slice(0, -2)}xx` }),
        waits(mine.id, { inputResponses, requestState: "nonsense" }),
        waits(mine.id, { inputResponses, requestState: other.requestState }),
        {
          name: "get_task_result",
          arguments: { task_id: mine.id, wait_seconds: 1 },
          inputResponses,
          requestState: mine.requestState
        }
      ]
      for (const attempt of attempts) {
        const { error } = yield* mine.ask("tools/call", attempt)
        assert.strictEqual(at(error, "code"), -32_602, JSON.stringify(attempt))
      }
      const status = yield* mine.ask("tools/call", { name: "get_task_status", arguments: { task_id: mine.id } })
      assert.strictEqual(at(status["result"], "structuredContent", "status"), "input_required")
    })
  )

  it.scopedLive("takes no answer without a state, and asks again", () =>
    Effect.gen(function* () {
      const { ask, id } = yield* asked(yield* rawServer(yield* place, { config }))
      const again = yield* ask("tools/call", waits(id, { inputResponses: { delete: filled("yes") } }))
      assert.strictEqual(at(again["result"], "resultType"), "input_required")
    })
  )

  it.scopedLive("tells what is wrong with an answer that does not fit, and leaves the question open", () =>
    Effect.gen(function* () {
      const { ask, id, requestState } = yield* asked(yield* rawServer(yield* place, { config }))
      const wrong = yield* ask("tools/call", waits(id, { requestState, inputResponses: { delete: filled("perhaps") } }))
      assert.include(answerOf(wrong["result"]).text, "answers.delete.answer")
      const done = yield* ask("tools/call", waits(id, { requestState, inputResponses: { delete: filled("no") } }))
      assert.include(JSON.stringify(ended(done)), '"answer":"no"')
    })
  )

  it.scopedLive("comes too late after the question's time: the default counts, and the wait simply goes on", () =>
    Effect.gen(function* () {
      const { ask, id, requestState } = yield* asked(
        yield* rawServer(yield* place, { config: askingConfig(true, "2") })
      )
      const settled = ask("tools/call", { name: "get_task_status", arguments: { task_id: id } })
      yield* Effect.repeat(Effect.delay(settled, "100 millis"), {
        until: ({ result }) => at(result, "structuredContent", "status") === "succeeded"
      })
      const late = yield* ask("tools/call", waits(id, { requestState, inputResponses: { delete: filled("yes") } }))
      assert.include(JSON.stringify(ended(late)), '"answer":"no"')
    })
  )
})

describe("a question that many answer at once", { timeout: 60_000 }, () => {
  it.scopedLive("is answered by exactly one of two clients with forms, one without, and the command line", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* desk
      const where = { folder, stateDir: join(folder, "state") }
      const file = join(folder, "agentdispatch.json")
      writeFileSync(file, JSON.stringify(config))
      let open: () => void = () => undefined
      const gate = new Promise<void>((resolve) => (open = resolve))
      const user = (answer: string) => () => gate.then(() => ({ action: "accept" as const, content: { answer } }))
      const modern = yield* formClient("the 2026-07-28 client", where, { config }, user("yes"))
      const old = yield* formClient("the old SDK's client", where, { config }, user("no"))
      const plain = yield* session("the old SDK's client", where, { config })
      const task_id = yield* Bench.spawned(plain.call, { instruction: "tidy up" })
      const waiting = yield* Effect.fork(
        Effect.all(
          [modern, old].map(({ call }) => call("await_task", { task_ids: [task_id] })),
          { concurrency: 2 }
        )
      )
      const forms = Effect.sync(() => modern.shown.length + old.shown.length)
      yield* Effect.repeat(Effect.delay(forms, "50 millis"), { until: (count) => count === 2 })
      open()
      const [tool, cli, ends] = yield* Effect.all(
        [
          plain.call("answer_task", { task_id, answers: { delete: "no" } }),
          run("answer", "--config", file, "--decline", "delete", task_id),
          waiting.await.pipe(Effect.flatten)
        ],
        { concurrency: 3 }
      )
      const { result, status } = yield* Bench.finished(plain.call, task_id)
      assert.strictEqual(status, "succeeded")
      for (const end of ends) assert.include(end.text, JSON.stringify(result))
      const events = Bench.statusOf(yield* plain.call("get_task_status", { task_id, since_revision: 0 })).events ?? []
      assert.strictEqual(events.filter(({ type }) => type === "task.answered").length, 1)
      const won = object(result ?? null)["action"] === "decline" ? "cli" : "other"
      assert.strictEqual(cli.code === 0, won === "cli")
      assert.isTrue(won === "cli" ? tool.isError : true)
    })
  )
})
