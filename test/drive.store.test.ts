import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import { Store } from "../src/services/Store.js"
import { core, eventTypes, find, idOf, logOf, type Runtime, settled, startProcess, until } from "./fakes/CoreFixture.js"
import { Fake } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"
import { around, type Around, failingAt } from "./fakes/StoreProxy.js"

const dispatched = (runtime: Runtime) =>
  Effect.gen(function* () {
    const dispatch = yield* Dispatch
    const handle = yield* Effect.retry(
      dispatch.spawn({ instruction: "do it", runtime }, { idempotencyKey: "only once" }),
      { times: 1 }
    )
    return idOf(handle.taskId)
  })

/** Everything a caller and the far side can see of one piece of work from its dispatch to its end. */
const wholeRun = (runtime: Runtime) =>
  Effect.gen(function* () {
    const fake = yield* Fake
    yield* startProcess()
    const id = yield* dispatched(runtime)
    const task = yield* settled(id)
    const artifacts = yield* Effect.flatMap(Store, (store) => store.artifacts(id))
    return {
      status: task.status,
      error: task.error?.code,
      outcome: task.outcome,
      runs: fake.far.runs(id),
      leftovers: fake.far.leftovers,
      log: yield* logOf(id),
      artifacts: artifacts.length,
      events: (yield* eventTypes(id)).filter((type) => type !== "task.starting")
    }
  })

const cancelledRun = (runtime: Runtime) =>
  Effect.gen(function* () {
    const fake = yield* Fake
    const dispatch = yield* Dispatch
    fake.far.plan = { ...shortWork, ends: false }
    yield* startProcess()
    const id = yield* dispatched(runtime)
    yield* until(id, ({ logLength, status }) => status === "failed" || logLength > 12)
    yield* Effect.fork(Effect.retry(dispatch.cancel(id), { times: 1 }))
    const { error, status } = yield* settled(id)
    return { status, error: error?.code, alive: fake.far.alive(id), runs: fake.far.runs(id), leftovers: fake.far.leftovers }
  })

/** A core whose store fails once, except where the test itself looks. */
const withFault = <A, E>(run: Effect.Effect<A, E, Effect.Effect.Context<ReturnType<typeof wholeRun>>>, fault: Around) =>
  Effect.scoped(run).pipe(Effect.provide(core({ store: fault })))

describe("Drive, when the database fails", () => {
  for (const [name, run] of [
    ["does the work exactly once and loses nothing of it", wholeRun],
    ["stops the work and cleans up", cancelledRun]
  ] as const) {
    for (const runtime of ["idempotent", "probe", "once", "machine"] as const) {
      for (const when of ["before", "after"] as const) {
        it.effect(`${name}, whichever call fails ${when} its effect (${runtime})`, () =>
          Effect.gen(function* () {
            const undisturbed = yield* withFault(run(runtime), (call) => call)
            for (let nth = 1; ; nth++) {
              const { count, wrap } = failingAt(nth, when)
              const seen = yield* withFault(run(runtime), wrap)
              assert.deepStrictEqual(seen, undisturbed, `call ${nth} failed`)
              if (count.calls < nth) break
              assert.isBelow(nth, 200)
            }
          })
        )
      }
    }
  }
})
void around
void find
