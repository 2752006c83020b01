import { assert, describe, it as check, layer } from "@effect/vitest"
import { Effect, FastCheck, Option, Schema } from "effect"
import { type Json, type JsonObject, JsonObject as JsonObjectSchema } from "../src/domain/Json.js"
import { WorkerPayload } from "../src/domain/WorkerProtocol.js"
import { payloadOf } from "../src/worker/serve/A2aPayload.js"
import { Worker, workerLayer } from "./support/ServingWorker.js"

/** Answers with its own name and the task it was given. */
const teller = (name: string) => [
  process.execPath,
  "-e",
  `let all = ""; process.stdin.on("data", (text) => (all += text)).on("end", () => { const { taskId, ...task } = JSON.parse(all); console.log(JSON.stringify({ ok: true, output: { by: ${JSON.stringify(name)}, task }, events: [], artifacts: [] })) })`
]

const worker = workerLayer({
  env: {
    AGENTDISPATCH_AGENT_FRAMEWORK: "deployed",
    AGENTDISPATCH_COMMAND_ALLOWLIST: "/bin/echo",
    AGENTDISPATCH_WORKER_FRAMEWORKS: JSON.stringify({
      deployed: teller("deployed"),
      asked: teller("asked"),
      beside: teller("beside")
    })
  }
})

const Result = Schema.parseJson(
  Schema.Struct({
    result: Schema.Struct({
      status: Schema.Struct({ state: Schema.String }),
      artifacts: Schema.NonEmptyArray(Schema.Struct({ parts: Schema.NonEmptyArray(JsonObjectSchema) }))
    })
  })
)

/** What the work made of one message, sent as a dispatcher sends it and waited for. */
const told = (messageId: string, metadata: Json, more: ReadonlyArray<JsonObject> = []) =>
  Effect.flatMap(Worker, ({ a2a }) =>
    Effect.promise(async () => {
      const message = {
        kind: "message",
        role: "user",
        messageId,
        parts: [{ kind: "text", text: "do it" }, ...more],
        metadata
      }
      const body = {
        jsonrpc: "2.0",
        id: 1,
        method: "message/send",
        params: { message, configuration: { blocking: true } }
      }
      const response = await fetch(`http://127.0.0.1:${a2a}`, { method: "POST", body: JSON.stringify(body) })
      const { result } = Schema.decodeUnknownSync(Result)(await response.text())
      assert.strictEqual(result.status.state, "completed")
      const [{ parts }] = result.artifacts
      return parts[0]["data"] ?? parts[0]["text"]
    })
  )

const ran = (by: string, task: JsonObject) => ({
  by,
  task: { taskType: "agent.run", input: {}, prompt: "do it", ...task }
})

layer(worker, { excludeTestServices: true })("the serving worker, asked over A2A with metadata", (it) => {
  it.effect("does what a dispatcher's metadata asks for, not its text alone", () =>
    Effect.gen(function* () {
      const input = { instruction: "do it", framework: "asked", model: "some-model" }
      const metadata = { ticket: "T-1" }
      const context = { branch: "main" }
      assert.deepStrictEqual(
        yield* told("whole", { taskType: "agent.run", input, metadata, context }),
        ran("asked", { input, metadata, context })
      )
    })
  )

  it.effect("takes the framework from the input, then from beside it, then from its deployment", () =>
    Effect.gen(function* () {
      const by = (id: string, metadata: JsonObject) =>
        Effect.map(
          told(id, metadata),
          (said) => Schema.decodeUnknownSync(Schema.Struct({ by: Schema.String }))(said).by
        )
      assert.deepStrictEqual(
        yield* Effect.all([
          by("f1", { input: { framework: "asked" }, framework: "beside" }),
          by("f2", { input: {}, framework: "beside" }),
          by("f3", { framework: "beside" }),
          by("f4", { input: { framework: " " }, framework: "" }),
          by("f5", { taskType: "agent.run", input: {} })
        ]),
        ["asked", "beside", "beside", "deployed", "deployed"]
      )
    })
  )

  it.effect("runs the command that a dispatcher's metadata names, where the deployment allows it", () =>
    Effect.gen(function* () {
      const metadata = { taskType: "command.run", input: { command: ["/bin/echo", "hello"] }, metadata: {} }
      const said = JSON.stringify(yield* told("command", metadata))
      assert.include(said, "hello")
      assert.notInclude(said, "deployed", "no framework got it")
    })
  )

  it.effect("goes by the text where the metadata is absent, somebody else's or of another shape", () =>
    Effect.gen(function* () {
      const strange = {
        taskType: "no.such",
        input: ["instruction"],
        metadata: "none",
        context: "some",
        framework: 7
      }
      for (const [id, metadata] of Object.entries({ foreign: { traceId: "abc" }, strange }))
        assert.deepStrictEqual(yield* told(id, metadata), ran("deployed", { metadata }))
      for (const [id, metadata] of Object.entries({ nothing: null, list: [1], word: "asked" }))
        assert.deepStrictEqual(yield* told(id, metadata), ran("deployed", {}))
      const half = { input: { framework: 7, context: [], depth: 3 }, metadata: {} }
      assert.deepStrictEqual(yield* told("half", half), ran("deployed", { input: { depth: 3 }, metadata: {} }))
    })
  )

  it.effect("goes by a data part where there is one", () =>
    Effect.gen(function* () {
      const metadata = { taskType: "agent.run", input: { framework: "asked" } }
      assert.deepStrictEqual(
        yield* told("data", metadata, [{ kind: "data", data: { framework: "beside" } }]),
        ran("beside", { metadata })
      )
    })
  )

  it.effect("takes the same text for other work where the metadata asks for it", () =>
    Effect.gen(function* () {
      const one = yield* told("twice", { input: { framework: "asked" } })
      const other = yield* told("twice", { input: { framework: "beside" } })
      assert.notDeepEqual(one, other)
    })
  )
})

const names = ["taskType", "input", "metadata", "context", "framework", "instruction"]
const anything = FastCheck.letrec<{ readonly value: unknown }>((tie) => ({
  value: FastCheck.oneof(
    { maxDepth: 3 },
    FastCheck.constantFrom(null, 7, "", "agent.run", "command.run"),
    FastCheck.array(tie("value"), { maxLength: 2 }),
    FastCheck.dictionary(FastCheck.oneof(FastCheck.constantFrom(...names), FastCheck.string()), tie("value"))
  )
})).value

/** What a worker needs of a payload to begin. */
const Begins = Schema.is(
  Schema.Struct({
    ...WorkerPayload.fields,
    prompt: Schema.Literal("do it"),
    context: Schema.optional(JsonObjectSchema),
    input: Schema.Struct({
      framework: Schema.optional(Schema.String),
      instruction: Schema.optional(Schema.String),
      context: Schema.optional(JsonObjectSchema)
    })
  })
)

describe("any metadata at all", () => {
  check.prop("leaves the text the prompt of work that can begin", [anything], ([metadata]) =>
    Option.exists(payloadOf({ messageId: "m", parts: [{ text: "do it" }], metadata }), Begins)
  )
})
