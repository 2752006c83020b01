import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import { type Desk, desk } from "./support/cli.js"

const Replayed = Schema.parseJson(
  Schema.Struct({
    replayed: Schema.Int,
    changes: Schema.Array(
      Schema.Struct({
        taskId: Schema.optional(Schema.String),
        from: Schema.Struct({ effect: Schema.String, rule: Schema.String }),
        to: Schema.Struct({ effect: Schema.String, rule: Schema.String, reason: Schema.String })
      })
    ),
    notes: Schema.Array(Schema.String)
  })
)
const replayedOf = Schema.decode(Replayed)

const written = ({ folder }: Desk, name: string, content: JsonObject | string) =>
  Effect.promise(() =>
    writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content)).then(() => name)
  )

describe("agentdispatch policy test", { timeout: 60_000 }, () => {
  it.scopedLive("lists the dispatches that another policy would have decided otherwise", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const { run } = user
      const ids: Array<string> = []
      for (const words of ["one", "two"])
        ids.push((yield* run("run", "--runtime", "echo", "--wait", words)).stderr.trim())
      assert.strictEqual((yield* run("run", "--runtime", "nobody", "three")).code, 3)

      const same = yield* written(user, "same.json", { rules: [{ effect: "allow", runtimes: ["echo"] }] })
      const none = yield* run("policy", "test", same)
      assert.deepStrictEqual([none.code, none.stdout], [0, "2 dispatches replayed, 0 would come out otherwise\n"])

      const strict = yield* written(user, "strict.json", { defaultEffect: "deny", rules: [] })
      const all = yield* run("policy", "test", "--json", strict)
      assert.strictEqual(all.code, 1)
      const { changes, notes, replayed } = yield* replayedOf(all.stdout)
      assert.deepStrictEqual([replayed, notes], [2, []])
      assert.deepStrictEqual(
        changes.map(({ from, taskId, to }) => [taskId, from.effect, from.rule, to.effect, to.rule]),
        ids.map((id) => [id, "allow", "policy.defaultEffect", "deny", "policy.defaultEffect"])
      )

      const hourly = yield* written(user, "hourly.json", { rules: [{ effect: "allow", limits: { perHour: 1 } }] })
      const second = yield* run("policy", "test", hourly)
      assert.strictEqual(second.code, 1)
      assert.match(
        second.stdout,
        /allow policy\.defaultEffect +deny policy\.rules\.0 +policy\.rules\.0 allows 1 dispatches an hour/
      )
      assert.include(second.stdout, "2 dispatches replayed, 1 would come out otherwise")

      const atOnce = yield* written(user, "at-once.json", { rules: [{ effect: "allow", limits: { concurrent: 1 } }] })
      assert.strictEqual((yield* run("policy", "test", atOnce)).code, 0)
    })
  )

  it.scopedLive("replays a refusal too, and takes a whole config for its policy", () =>
    Effect.gen(function* () {
      const user = yield* desk
      yield* user.run("init")
      const config = yield* Effect.flatMap(
        Effect.promise(() => readFile(join(user.folder, "agentdispatch.config.json"), "utf8")),
        Schema.decode(Schema.parseJson(JsonObject))
      )
      const closed = yield* written(user, "closed.json", {
        ...config,
        policy: { rules: [{ effect: "deny", frameworks: ["echo"] }] }
      })
      const refused = yield* user.run("run", "--config", closed, "--runtime", "echo", "hello")
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /^policy\.denied: .*policy\.rules\.0/)
      assert.strictEqual((yield* user.run("policy", "test", closed)).code, 0)
      const open = yield* user.run("policy", "test", "--json", "agentdispatch.config.json")
      const { changes } = yield* replayedOf(open.stdout)
      assert.deepStrictEqual(
        changes.map(({ from, to }) => [from, to.effect]),
        [[{ effect: "deny", rule: "policy.rules.0" }, "allow"]]
      )
    })
  )

  it.scopedLive("ends with 2 and what to mend when the file cannot be used", () =>
    Effect.gen(function* () {
      const user = yield* desk
      const files: ReadonlyArray<readonly [string, RegExp]> = [
        ["nowhere.json", /nowhere\.json cannot be used:\n {2}cannot be read/],
        [yield* written(user, "torn.json", '{\n  "rules": [\n'), /is not JSON: line \d+, column \d+/],
        [
          yield* written(user, "wrong.json", { rules: [{ effect: "allow", runtimes: ["nobody"] }] }),
          /policy\.rules\.0\.runtimes: names runtime "nobody"/
        ],
        [yield* written(user, "list.json", "[]"), /cannot be used/]
      ]
      for (const [file, problem] of files) {
        const { code, stderr } = yield* user.run("policy", "test", file)
        assert.strictEqual(code, 2, file)
        assert.match(stderr, problem)
      }
    })
  )
})

describe("agentdispatch explain", { timeout: 60_000 }, () => {
  it.scopedLive("says what run would come to, for a shell and for a person, and runs nothing", () =>
    Effect.gen(function* () {
      const { run } = yield* desk
      const allowed = yield* run("explain", "--runtime", "echo", "hello")
      assert.strictEqual(allowed.code, 0)
      assert.match(allowed.stdout, /^decision +allow$/m)
      assert.match(allowed.stdout, /^rule +policy\.defaultEffect$/m)
      assert.match(allowed.stdout, /^backend +worker \(local-process\)$/m)
      assert.strictEqual((yield* run("explain", "--runtime", "echo")).code, 3)
      const json = yield* run("explain", "--json", "--runtime", "echo", "--context-json", '{"password":"x"}', "hello")
      assert.strictEqual(json.code, 1)
      assert.match(json.stdout, /^\{"decision":"deny","rule":"credentials"/)
      assert.match((yield* run("list", "--json")).stdout, /^\{"tasks":\[\]/)
    })
  )
})
