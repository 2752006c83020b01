import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import { Store } from "../src/services/Store.js"
import {
  core,
  eventTypes,
  leases,
  logOf,
  type Runtime,
  settled,
  spawned,
  startProcess,
  until
} from "./fakes/CoreFixture.js"
import { Fake, fails } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"
import { type Around, broken, failingAt } from "./fakes/StoreProxy.js"

interface Ending {
  readonly status: string
  readonly error: string | undefined
  readonly runs: number
}
type Run = (
  runtime: Runtime,
  fault: Around
) => Effect.Effect<
  Ending,
  unknown,
  Scope.Scope | Dispatch | Fake | Store | Effect.Effect.Context<ReturnType<typeof startProcess>>
>

/** All that a caller and the far side can see of one piece of work; `starting` may be written for a second try. */
const wholeRun: Run = (runtime, fault) =>
  Effect.gen(function* () {
    const fake = yield* Fake
    yield* startProcess(leases, fault)
    const id = yield* spawned(runtime)
    const task = yield* settled(id)
    const artifacts = yield* Effect.flatMap(Store, (store) => store.artifacts(id))
    return {
      status: task.status,
      error: task.error?.code,
      runs: fake.far.runs(id),
      outcome: task.outcome,
      leftovers: fake.far.leftovers,
      log: yield* logOf(id),
      artifacts: artifacts.map((artifact) => artifact.uri),
      events: (yield* eventTypes(id)).filter((type) => type !== "task.starting")
    }
  })

const cancelledRun: Run = (runtime, fault) =>
  Effect.gen(function* () {
    const fake = yield* Fake
    const dispatch = yield* Dispatch
    fake.far.plan = { ...shortWork, ends: false }
    yield* startProcess(leases, fault)
    const id = yield* spawned(runtime)
    yield* until(id, ({ logLength, status }) => status === "failed" || logLength > 12)
    yield* Effect.fork(dispatch.cancel(id))
    const task = yield* settled(id)
    return {
      status: task.status,
      error: task.error?.code,
      runs: fake.far.runs(id),
      alive: fake.far.alive(id),
      leftovers: fake.far.leftovers,
      log: yield* logOf(id)
    }
  })

const isolated = (run: Run, runtime: Runtime, fault: Around) =>
  Effect.scoped(run(runtime, fault)).pipe(Effect.provide(core()))

/** Where nothing may be repeated and nobody can be asked, an intent whose writing was not confirmed stays undecided. */
const undecided = (runtime: Runtime, { error, runs }: Ending) =>
  runtime === "once" && error === "start.indeterminate" && runs === 0

describe("Drive, when the database fails", () => {
  for (const [name, run] of [
    ["does the work exactly once and loses nothing of it", wholeRun],
    ["stops the work and leaves nothing behind", cancelledRun]
  ] as const) {
    for (const runtime of ["idempotent", "probe", "once", "machine"] as const) {
      for (const when of ["before", "after"] as const) {
        it.effect(`${name}, whichever call fails ${when} its effect (${runtime})`, () =>
          Effect.gen(function* () {
            const undisturbed = yield* isolated(run, runtime, (call) => call)
            let nth = 0
            let exceptions = 0
            for (let reached = true; reached;) {
              nth += 1
              const { count, wrap } = failingAt(nth, when)
              const seen = yield* isolated(run, runtime, wrap)
              if (when === "after" && undecided(runtime, seen)) exceptions += 1
              else assert.deepStrictEqual(seen, undisturbed, `call ${nth} failed`)
              reached = count.calls >= nth
            }
            assert.isAtLeast(nth, 15)
            assert.isAtMost(exceptions, 1)
          })
        )
      }
    }
  }

  it.scoped("keeps the one start when an earlier note of its failure lands after its answer was lost", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.next("start", fails({ code: "fake.unreachable", retryable: true, delivery: "none" }))
      const commits: Array<Effect.Effect<unknown, unknown>> = []
      yield* startProcess(leases, (call, method) => {
        if (method !== "commit") return call
        commits.push(call)
        const [, note] = commits
        if (commits.length === 2) return Effect.fail(broken)
        // By then the start is sent again, and has arrived.
        return commits.length === 3 && note !== undefined ? Effect.zipRight(Effect.either(note), call) : call
      })
      const id = yield* spawned("idempotent")
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(fake.far.runs(id), 1)
    }).pipe(Effect.provide(core()))
  )
})
