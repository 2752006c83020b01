import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, Stream, TestClock } from "effect"
import { Awaiting } from "../src/dispatch/Awaiting.js"
import { Watch } from "../src/dispatch/Watch.js"
import { TaskId } from "../src/domain/Task.js"
import { clientLimits, waitBudget } from "../src/mcp/ClientLimits.js"
import { Settings } from "../src/services/Settings.js"
import { Store } from "../src/services/Store.js"
import { labConfig } from "./clients/LabAgent.js"
import { patience, type Profile } from "./clients/Profile.js"
import { profiles } from "./clients/Profiles.js"
import { connected } from "./clients/ScriptedClient.js"
import { config } from "./fakes/CoreFixture.js"
import { place } from "./support/Server.js"
import { someRequest } from "./support/SomeTask.js"

/** What a wait leaves to the way back and to a slow machine, in seconds. */
const margin = 10

const namesOf = ({ aliases = [], info }: Profile): ReadonlyArray<string> => [info.name, ...aliases]
const named = profiles.flatMap((profile) => namesOf(profile).map((name) => ({ name, profile })))

const id = TaskId.make(`task_${"0".repeat(26)}`)

/** Nothing changes meanwhile, so nobody needs to look four times a second of the simulated minutes. */
const waiting = Awaiting.layer.pipe(
  Layer.provide(Layer.succeed(Watch, { tasks: () => Stream.never })),
  Layer.provideMerge(Store.layerMemory),
  Layer.provide(Layer.succeed(Settings, { config, source: "the test's config", environment: {} }))
)

describe("a wait for a task", () => {
  it("has a client in the lab for each entry of the table", () => {
    for (const { client } of clientLimits)
      assert.isTrue(
        named.some(({ name }) => name.toLowerCase().startsWith(client)),
        client
      )
  })

  for (const { name, profile } of named) {
    it.effect(`ends before ${name} ${profile.info.version} gives it up`, () =>
      Effect.gen(function* () {
        const awaiting = yield* Awaiting
        const budget = waitBudget(name, {}, undefined)
        assert.isAtMost(budget + margin, patience(profile))
        yield* Effect.flatMap(Store, (store) => store.create({ id, request: someRequest() }))
        const wait = yield* Effect.fork(awaiting.wait([id], "all", budget, () => Effect.void))
        yield* TestClock.adjust(Duration.seconds(budget - 1))
        assert.isTrue(Option.isNone(yield* Fiber.poll(wait)))
        yield* TestClock.adjust("1 second")
        assert.isFalse((yield* Fiber.join(wait)).done)
      }).pipe(Effect.provide(waiting))
    )
  }

  it.effect("is as long as its caller says, else its operator for this client, for this server, or the table", () =>
    Effect.sync(() => {
      const waits = { seconds: 20, clients: { Zed: 30 } }
      assert.deepStrictEqual(
        [
          waitBudget("zed", waits, 10),
          waitBudget("ZED-preview", waits, undefined),
          waitBudget("Codex", waits, undefined),
          waitBudget("Codex", {}, undefined),
          waitBudget("somebody", {}, undefined),
          waitBudget("", {}, 1_000_000)
        ],
        [10, 30, 20, 50, 45, 3_600]
      )
    })
  )

  it.scopedLive("over stdio ends when the environment of the client's server says, not when the table does", () =>
    Effect.gen(function* () {
      const at = yield* place
      const [zed = assert.fail("no Zed")] = profiles.filter(({ client }) => client === "Zed")
      const start = { config: labConfig(at, { log: 10, result: 10 }), env: { AGENTDISPATCH_WAIT_SECONDS: "1" } }
      const client = yield* connected(zed, at, start, {})
      const { sights } = yield* client.call("spawn_cloud_agent", { instruction: "go on until told" })
      const accepted = /task_[0-9a-z]{26}/.exec(sights[0]?.text ?? "")?.[0] ?? assert.fail("no task")
      const waited = yield* client.call("await_task", { task_ids: [accepted] })
      assert.include(waited.sights[0]?.text, '"done":false')
      assert.isAtLeast(waited.seconds, 1)
      assert.isBelow(waited.seconds, 20)
    })
  )
})
