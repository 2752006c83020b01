import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { all, hoursPass, newScene, type Scene, signed, status, talking } from "./support/AgentCoreScene.js"
import { verdict } from "./support/AgentCoreVerdict.js"
import { emulator, sessionIdOf } from "./support/AgentCoreWork.js"
import { callOf } from "./support/RawServer.js"
import { eventually } from "./support/Server.js"
import { note, takenOver } from "./support/TaskRows.js"
import * as Bench from "./support/Workbench.js"

/** Servers start and take over in real time, which must not cost the session hours of its life. */
emulator.control.setSpeed(1)

const machinesOf = (id: string) => emulator.ledgers.billing().filter(({ sessionId }) => sessionId === sessionIdOf(id))

/** Dispatches work that goes on and on, kills its dispatcher after some hours, and lets more pass without one. */
const alone = (here: Scene, hours: { readonly before: number; readonly after: number }) =>
  Effect.gen(function* () {
    const server = yield* here.server()
    const id = yield* Bench.dispatched(callOf(server), talking("long")(here))
    yield* eventually(all(signed("begin"), status("running"))(here))
    yield* hoursPass(hours.before)
    yield* server.signal("SIGKILL")
    yield* server.ended
    const asked = here.calls().length
    yield* hoursPass(hours.after)
    assert.strictEqual(here.calls().length, asked, "nobody was there to ask")
    return id
  })

const restarted = (here: Scene) =>
  Effect.gen(function* () {
    const before = yield* here.rows().tasks
    const next = yield* here.server()
    yield* takenOver(here.rows(), before, performance.now())
    return next
  })

describe("work for hours whose dispatcher is killed in the middle", () => {
  it.scopedLive(
    "goes on without it on the one machine, and its result arrives after nearly eight hours",
    () =>
      Effect.gen(function* () {
        const here = yield* newScene
        const id = yield* alone(here, { before: 3.5, after: 3.5 })
        // Four times the idle timeout of 15 minutes an hour: only its own busy state has kept it.
        assert.deepStrictEqual(
          machinesOf(id).map(({ live }) => live),
          [true]
        )
        const next = yield* restarted(here)
        yield* hoursPass(0.75)
        Bench.allow(here.at)
        const judged = yield* verdict(here, next, [id])
        assert.deepStrictEqual(
          judged.map((task) => task.status),
          ["succeeded"]
        )
        const { result } = yield* Bench.finished(callOf(next), id)
        assert.deepStrictEqual(result, { answer: 42 })
        const [bill, ...others] = machinesOf(id)
        assert.isEmpty(others)
        assert.isAbove(bill?.seconds ?? 0, 7.75 * 3600)
        assert.isBelow(bill?.seconds ?? 0, 8 * 3600)
        yield* note(`a machine that worked ${((bill?.seconds ?? 0) / 3600).toFixed(2)} h brought its result`)
      }),
    150_000
  )

  it.scopedLive(
    "is lost by name when its session's eight hours ended meanwhile, and is neither begun again nor left",
    () =>
      Effect.gen(function* () {
        const here = yield* newScene
        const id = yield* alone(here, { before: 2, after: 6.5 })
        assert.deepStrictEqual(
          machinesOf(id).map(({ reason }) => reason),
          ["maxLifetime"]
        )
        const next = yield* restarted(here)
        const judged = yield* verdict(here, next, [id])
        assert.deepStrictEqual(
          judged.map(({ code }) => code),
          ["worker.lost"]
        )
        const { error } = yield* Bench.finished(callOf(next), id)
        assert.match(error?.message ?? "", /its last sign of life was \d{4}-\d\d-/)
      }),
    150_000
  )
})
