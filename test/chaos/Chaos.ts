import { assert } from "@effect/vitest"
import { Effect, Either, Fiber, Random } from "effect"
import { emulator } from "../support/AgentCoreWork.js"
import { kill } from "../support/CrashScene.js"
import { tally } from "../support/CrashVerdict.js"
import { place } from "../support/Server.js"
import { note, rowsAt } from "../support/TaskRows.js"
import { caller, type Told } from "./Callers.js"
import { disk } from "./Disk.js"
import { httpSlot, stdioSlot } from "./Fleet.js"
import { config } from "./Labour.js"
import { proxy } from "../support/Proxy.js"
import { type Strike, strikes, type World } from "./Strikes.js"
import { verdict } from "./Verdict.js"

export interface Plan {
  readonly seed: string
  /** How long to go on; every strike happens once at least. */
  readonly seconds: number
  readonly callers: number
}

/** The fastest clock of a run, in milliseconds ahead. */
const fastest = 600_000

/** Real servers, supervisors, workers and connections, and whatever can happen to them. */
export const chaos = ({ callers, seconds, seed }: Plan) =>
  Effect.gen(function* () {
    yield* note(`chaos: AGENTDISPATCH_TEST_SEED=${seed}`)
    const at = yield* place
    const small = yield* disk(at)
    if (Either.isLeft(small)) yield* note(`chaos: the disk is never full, because ${small.left}`)
    const cloud = yield* proxy
    cloud.to(emulator.url)
    const settings = config(at, cloud.url)
    const http = yield* httpSlot(at, settings)
    const stdio = yield* Effect.forEach([0, fastest, -fastest], (ahead) => stdioSlot(at, settings, ahead))
    const rows = yield* rowsAt(at)
    const world: World = { at, slots: [...stdio, http], lines: [http.line, cloud], disk: Either.getOrUndefined(small) }

    const told: Told = { ids: new Map(), refused: new Map(), cancelled: new Set() }
    let next = 0
    let over = false
    const call = caller(at, world.slots, told)
    const calling = Effect.whileLoop({ while: () => !over, body: () => call(next++, seed), step: () => undefined })
    const working = yield* Effect.forkScoped(Effect.replicateEffect(calling, callers, { concurrency: callers }))
    yield* Effect.raceFirst(striking(world, seconds), Effect.zipRight(Fiber.join(working), Effect.never))
    over = true
    yield* Fiber.join(working).pipe(
      Effect.timeoutFail({ duration: "90 seconds", onTimeout: () => "waiting" }),
      Effect.catchAll(() =>
        Effect.flatMap(rows.tasks, (tasks) =>
          Effect.dieMessage(`callers still wait for: ${JSON.stringify(tasks.filter(({ settled }) => settled === 0))}`)
        )
      )
    )

    // What a fast clock has put off or leased for long is due for whoever comes when that time has come.
    const last = yield* stdioSlot(at, settings, fastest + 60_000)
    for (const slot of world.slots) kill(slot.pid() ?? 0)
    const judged = yield* verdict(at, rows, told, last.pid() ?? 0)
    yield* note(`chaos: ${judged.length} tasks: ${tally(judged)}`)
    yield* note(
      `chaos: calls refused or lost: ${[...told.refused].map(([code, count]) => `${count} ${code}`).join(", ")}`
    )
    assert.isAbove(judged.filter(({ status }) => status === "succeeded").length, 0)
  }).pipe(Effect.withRandom(Random.make(seed)))

const striking = (world: World, seconds: number) =>
  Effect.gen(function* () {
    const until = performance.now() + seconds * 1_000
    const all: ReadonlyArray<readonly [string, Strike]> = Object.entries(strikes)
    do {
      for (const [name, strike] of yield* Random.shuffle(all)) {
        const met = yield* strike(world)
        yield* note(`chaos: ${name}: ${met}`)
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 800))
      }
    } while (performance.now() < until)
  })
