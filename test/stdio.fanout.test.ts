import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { GroupView } from "../src/domain/Fanout.js"
import type { JsonObject } from "../src/domain/Json.js"
import { eventually, kinds, place, session } from "./support/Server.js"

const group = Schema.decodeUnknownSync(GroupView)
const waited = Schema.decodeUnknownSync(
  Schema.Struct({
    done: Schema.Boolean,
    tasks: Schema.Array(
      Schema.Struct({ taskId: Schema.String, key: Schema.optional(Schema.String), status: Schema.String })
    )
  })
)

const items = (delays: Readonly<Record<string, number>>, more: JsonObject = {}): ReadonlyArray<JsonObject> =>
  Object.entries(delays).map(([key, delayMs]) => ({ key, instruction: `say ${key}`, context: { delayMs }, ...more }))

for (const kind of kinds) {
  describe(`many pieces of work at once, by ${kind}`, () => {
    it.scopedLive("are one group that is awaited, repeated and cancelled as one", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place)
        const spawn = (args: JsonObject) =>
          Effect.map(call("spawn_cloud_agents", { shared: { runtime: "echo" }, ...args }), ({ value }) => value)
        const quick = {
          idempotency_key: "quick",
          items: [...items({ a: 1, b: 1 }), { key: "c", instruction: "after", depends_on: ["a"] }]
        }
        const first = group(yield* spawn(quick))
        assert.deepStrictEqual(
          first.tasks.map(({ key }) => key),
          ["a", "b", "c"]
        )
        assert.strictEqual(group(yield* spawn(quick)).group, first.group)
        const ended = yield* eventually(
          Effect.map(call("await_task", { task_ids: [first.group] }), ({ value }) =>
            waited(value).done ? waited(value) : undefined
          )
        )
        assert.deepStrictEqual(
          ended.tasks.map(({ key, status }) => [key, status]),
          [
            ["a", "succeeded"],
            ["b", "succeeded"],
            ["c", "succeeded"]
          ]
        )
        assert.sameMembers(
          ended.tasks.map(({ taskId }) => taskId),
          group(yield* spawn(quick)).tasks.map(({ taskId }) => taskId)
        )
        const slow = group(yield* spawn({ items: items({ x: 60_000, y: 60_000 }) }))
        const cancelled = (yield* call("cancel_task", { task_id: slow.group })).value
        assert.deepStrictEqual(cancelled, { status: "cancelled" })
        const listed = yield* call("list_tasks", { group: slow.group })
        assert.include(JSON.stringify(listed.value), '"cancelled"')
        assert.notInclude(JSON.stringify(listed.value), first.tasks[0]?.taskId ?? "")
      })
    )

    it.scopedLive("are refused as a whole, naming the item and the field", () =>
      Effect.gen(function* () {
        const { call } = yield* session(kind, yield* place)
        const refusal = (args: JsonObject) =>
          Effect.map(call("spawn_cloud_agents", args), ({ isError, value }) => {
            assert.isTrue(isError)
            return JSON.stringify(value)
          })
        const [a = {}, b = {}] = items({ a: 1, b: 1 })
        const shared = { runtime: "echo" }
        assert.include(yield* refusal({ shared, items: [a, { ...b, instructoin: "x" }] }), "items[1].instructoin")
        assert.include(yield* refusal({ shared, items: [a, a] }), "items[1].key")
        assert.include(
          yield* refusal({
            shared,
            items: [
              { ...a, depends_on: ["b"] },
              { ...b, depends_on: ["a"] }
            ]
          }),
          "circle"
        )
        assert.include(yield* refusal({ items: [a, { ...b, runtime: "nowhere" }] }), "runtime")
        assert.include(yield* refusal({ shared, items: [{ ...a, terms: { runSeconds: -1 } }] }), "terms.runSeconds")
        assert.include(yield* refusal({ shared, items: [{ ...a, idempotency_key: "k" }] }), "items[0].idempotency_key")
        assert.deepStrictEqual((yield* call("list_tasks", {})).value, { tasks: [] })
      })
    )
  })
}
