import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type Json, JsonObject } from "../src/domain/Json.js"
import { greeted } from "./support/RawServer.js"
import { type Answer, kinds, place, session } from "./support/Server.js"
import { command, finished, handleOf, keysOf, workbench } from "./support/Workbench.js"

/** What every client carries in its context for each conversation, in bytes of `tools/list`. */
const budget = 16_000

const inOrder = [
  "spawn_cloud_agent",
  "spawn_cloud_agents",
  "check_cloud_agent_runtime",
  "dispatch_task",
  "explain_dispatch",
  "await_task",
  "get_task_status",
  "get_task_logs",
  "get_task_result",
  "cancel_task",
  "answer_task",
  "send_task_message",
  "get_task_artifact",
  "list_tasks",
  "list_providers",
  "list_capabilities",
  "list_account_profiles"
]
const changing = new Set([
  "spawn_cloud_agent",
  "spawn_cloud_agents",
  "dispatch_task",
  "cancel_task",
  "send_task_message",
  "answer_task"
])

/** A list stands bare in the text; in the structured content it has a name, for an object is wanted there. */
const wrapped = (answer: Answer): Json =>
  Array.isArray(answer.value) ? { [keysOf(answer.structured)[0] ?? ""]: answer.value } : answer.value

for (const kind of kinds) {
  describe(`the tools, seen by ${kind}`, () => {
    it.scopedLive("come in a fixed order, each with its texts, schemas and hints", () =>
      Effect.gen(function* () {
        const tools = yield* (yield* session(kind, yield* place)).tools
        assert.deepStrictEqual(
          tools.map((tool) => tool.name),
          inOrder
        )
        for (const { annotations, description, inputSchema, name, outputSchema, title } of tools) {
          assert.isAtLeast(title.length, 5, name)
          assert.isAtLeast(description.length, 20, name)
          assert.strictEqual(inputSchema["type"], "object", name)
          assert.strictEqual(outputSchema["type"], "object", name)
          assert.strictEqual(annotations["readOnlyHint"], !changing.has(name), name)
          const destroys = changing.has(name) ? name === "cancel_task" : undefined
          assert.strictEqual(annotations["destructiveHint"], destroys, name)
        }
      })
    )

    it.scopedLive("answer what their schemas promise, in text and structured content alike", () =>
      Effect.gen(function* () {
        const { call, tools } = yield* session(kind, yield* place, { config: workbench() })
        const validators = new Map(
          (yield* tools).map(({ name, outputSchema }) => [
            name,
            new AjvJsonSchemaValidator().getValidator({ ...outputSchema })
          ])
        )
        const answered = new Set<string>()
        const ask = (name: string, args: JsonObject = {}) =>
          Effect.map(call(name, args), (answer) => {
            assert.isFalse(answer.isError, answer.text)
            assert.deepStrictEqual(answer.structured, wrapped(answer), name)
            const checked = validators.get(name)?.(answer.structured)
            assert.isTrue(checked?.valid, `${name}: ${checked?.errorMessage ?? ""} ${answer.text}`)
            answered.add(name)
            return answer
          })

        const { taskId: task_id } = handleOf(yield* ask("spawn_cloud_agent", { runtime: "echo", instruction: "hello" }))
        yield* ask("spawn_cloud_agent", { runtime: "nobody" })
        yield* ask("spawn_cloud_agents", { items: [{ key: "a", runtime: "echo", instruction: "hello" }] })
        yield* ask("get_task_status", { task_id })
        yield* finished(call, task_id)
        yield* ask("get_task_status", { task_id })
        yield* ask("get_task_status", { task_id, since_revision: 0 })
        yield* ask("get_task_logs", { task_id })
        yield* ask("get_task_result", { task_id })
        yield* ask("cancel_task", { task_id })
        const leave = 'echo left > "$AGENTDISPATCH_ARTIFACT_DIR/it"; exit 3'
        const failing = handleOf(yield* ask("dispatch_task", command("sh", "-c", leave))).taskId
        yield* finished(call, failing)
        yield* ask("get_task_status", { task_id: failing, full: true })
        yield* ask("get_task_result", { task_id: failing })
        yield* ask("get_task_artifact", { task_id: failing, artifact_id: "art_1" })
        yield* ask("explain_dispatch", { tool: "dispatch_task", arguments: command("true") })
        yield* ask("await_task", { task_ids: [task_id, failing], mode: "all" })
        yield* ask("check_cloud_agent_runtime", { runtime: "echo" })
        yield* ask("list_tasks")
        yield* ask("list_providers")
        yield* ask("list_capabilities")
        yield* ask("list_account_profiles")
        // Agents that take messages and ask live behind backends of their own, which have suites of their own.
        assert.sameMembers(
          [...answered],
          inOrder.filter((name) => name !== "send_task_message" && name !== "answer_task")
        )
      })
    )
  })
}

describe("tools/list on the wire", () => {
  it.scopedLive(`is the same bytes at each start, whatever the config, and fewer than ${budget}`, () =>
    Effect.gen(function* () {
      const listing = (config?: JsonObject) =>
        Effect.gen(function* () {
          const server = yield* greeted(yield* place, config === undefined ? {} : { config })
          yield* server.ask("tools/list")
          return (
            server
              .stdout()
              .split("\n")
              .find((text) => text.includes('"inputSchema"')) ?? ""
          )
        })
      const first = yield* listing()
      assert.strictEqual(yield* listing(workbench()), first)
      assert.isBelow(Buffer.byteLength(first), budget)
      assert.isAbove(Buffer.byteLength(first), 1_000)
    })
  )

  it.scopedLive("holds schemas that are schemas, for input and output", () =>
    Effect.gen(function* () {
      const server = yield* greeted(yield* place)
      const listed = decodeListing((yield* server.ask("tools/list"))["result"])
      for (const { inputSchema, name, outputSchema } of listed.tools) {
        for (const schema of [inputSchema, outputSchema]) {
          const validate = new AjvJsonSchemaValidator().getValidator({ ...schema })
          assert.isFalse(validate("a text").valid, `${name} would take anything`)
        }
      }
    })
  )
})

const decodeListing = Schema.decodeUnknownSync(
  Schema.Struct({
    tools: Schema.Array(Schema.Struct({ name: Schema.String, inputSchema: JsonObject, outputSchema: JsonObject }))
  })
)
