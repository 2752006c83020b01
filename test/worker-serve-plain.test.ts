import { connect } from "node:net"
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { WorkerEvent, WorkerResponse } from "../src/domain/WorkerEvent.js"
import { eventually } from "./support/Server.js"
import { invoke, ping, type Serving, Worker, workerLayer } from "./support/ServingWorker.js"

const decode = Schema.decodeUnknownSync(Schema.parseJson(WorkerResponse))

const decodeEvent = Schema.decodeUnknownSync(Schema.parseJson(WorkerEvent))

const sent = (at: Serving, payload: unknown, accept = "application/json") =>
  Effect.map(invoke(at, JSON.stringify(payload), { accept }), ({ status, text, type }) => {
    assert.strictEqual(status, 200)
    return { text, type }
  })

layer(workerLayer({ env: { AGENTDISPATCH_COMMAND_ALLOWLIST: "sh" } }), { excludeTestServices: true })(
  "the serving worker, plain payloads",
  (it) => {
    it.effect("runs the contract's payload to its end and answers with the worker's response", () =>
      Effect.gen(function* () {
        const payload = {
          taskType: "agent.run",
          input: { framework: "echo" },
          metadata: { by: "me" },
          prompt: "hello",
          context: { steps: 2 }
        }
        const { text, type } = yield* sent(yield* Worker, payload)
        assert.strictEqual(type, "application/json")
        const { events, ...rest } = decode(text)
        assert.deepStrictEqual(rest, {
          ok: true,
          output: { instruction: "hello", context: { steps: 2 } },
          artifacts: []
        })
        assert.deepStrictEqual(
          events.map(({ type: kind }) => kind),
          ["task.log", "task.progress", "task.progress"]
        )
      })
    )

    it.effect("does with a prompt alone", () =>
      Effect.gen(function* () {
        const { text } = yield* sent(yield* Worker, { prompt: "only this" })
        assert.deepStrictEqual(decode(text).output, { instruction: "only this" })
      })
    )

    it.effect("answers a result of 2 MB whole", () =>
      Effect.gen(function* () {
        const prompt = "é".repeat(1_000_000)
        assert.deepStrictEqual(decode((yield* sent(yield* Worker, { prompt })).text).output, { instruction: prompt })
      })
    )

    it.effect("takes the framework of the input before the one beside it", () =>
      Effect.gen(function* () {
        const at = yield* Worker
        const both = yield* sent(at, { input: { framework: "echo" }, framework: "nonsense", prompt: "p" })
        assert.isTrue(decode(both.text).ok)
        const beside = decode((yield* sent(at, { framework: "nonsense", prompt: "p" })).text)
        assert.isFalse(beside.ok)
        assert.include(JSON.stringify(beside.error), "worker.framework_unknown")
      })
    )

    it.effect("streams the events, and the response last", () =>
      Effect.gen(function* () {
        const at = yield* Worker
        const { text, type } = yield* sent(
          at,
          { prompt: "p", context: { steps: 3, delayMs: 150 } },
          "application/json, text/event-stream"
        )
        assert.strictEqual(type, "text/event-stream")
        const data = text
          .split("\n\n")
          .filter((block) => block.startsWith("data: "))
          .map((block) => block.slice(6))
        const last = decode(data.at(-1))
        assert.deepStrictEqual([last.ok, last.events], [true, []])
        const events = data.slice(0, -1).map((one) => decodeEvent(one))
        assert.deepStrictEqual(
          events.map(({ message }) => message),
          ["Echoing in 3 steps.", "step 1 of 3", "step 2 of 3", "step 3 of 3"]
        )
      })
    )

    it.effect("streams an event when it happens, not when the work is done", () =>
      Effect.gen(function* () {
        const at = yield* Worker
        const stream = yield* Effect.promise(async () => {
          const response = await fetch(`http://127.0.0.1:${at.http}/invocations`, {
            method: "POST",
            body: JSON.stringify({ prompt: "p", context: { delayMs: 700 } }),
            headers: { accept: "text/event-stream" }
          })
          return (response.body ?? assert.fail("no body")).getReader()
        })
        const first = yield* Effect.promise(() => stream.read())
        assert.strictEqual((yield* ping(at)).status, "HealthyBusy")
        assert.include(Buffer.from(first.value ?? []).toString(), "Echoing in 1 step.")
        for (let done = false; !done;) ({ done } = yield* Effect.promise(() => stream.read()))
        assert.strictEqual((yield* ping(at)).status, "Healthy")
      })
    )

    it.effect("fails in the response, not in the transport", () =>
      Effect.gen(function* () {
        const at = yield* Worker
        const codes = yield* Effect.forEach(
          [
            { taskType: "no.such" },
            { prompt: 5 },
            { taskType: "command.run", input: { command: ["rm", "-rf", "/"] } },
            { taskType: "command.run", input: { command: ["sh", "-c", "echo out; exit 4"] } }
          ],
          (payload) =>
            Effect.map(sent(at, payload), ({ text }) => {
              const { ok, error } = decode(text)
              return [ok, typeof error === "object" && "code" in error ? error.code : error]
            })
        )
        assert.deepStrictEqual(codes, [
          [false, "worker.input_invalid"],
          [false, "worker.input_invalid"],
          [false, "worker.command_not_allowed"],
          [false, "worker.program_ended"]
        ])
      })
    )

    it.effect("does not end the work of a caller that went away, and is idle when it is done", () =>
      Effect.gen(function* () {
        const at = yield* Worker
        const body = JSON.stringify({ prompt: "p", context: { delayMs: 400 } })
        const socket = connect(at.http, "127.0.0.1")
        const begun = performance.now()
        socket.write(`POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
        yield* eventually(Effect.map(ping(at), ({ status }) => (status === "HealthyBusy" ? status : undefined)))
        socket.destroy()
        yield* eventually(Effect.map(ping(at), ({ status }) => (status === "Healthy" ? status : undefined)))
        assert.isAtLeast(performance.now() - begun, 400)
      })
    )
  }
)
