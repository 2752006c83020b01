import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Store } from "../src/services/Store.js"
import { core, eventTypes, find, logOf, reaches, settled, spawned, startProcess, until } from "./fakes/CoreFixture.js"
import { dies, Fake, fails, semantics, throws } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"
import type { Around } from "./fakes/StoreProxy.js"

const unreachable = fails({ code: "worker.lost", retryable: true })
/** For tests in which minutes pass. */
const patient = { lease: "1 hour", poll: "1 minute", limit: 8 } as const
const journey = ["task.created", "task.starting", "task.started"]

describe("Drive", () => {
  for (const start of semantics) {
    it.scoped(`carries work from queued to succeeded, once, and writes down each step (${start})`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        yield* startProcess()
        const id = yield* spawned(start)
        const task = yield* settled(id)
        assert.strictEqual(task.status, "succeeded")
        assert.deepStrictEqual(task.outcome, { ok: true, result: { answer: 42 } })
        assert.strictEqual(fake.far.runs(id), 1)
        assert.deepStrictEqual(yield* eventTypes(id), [
          ...journey,
          "task.progress",
          "task.completing",
          "task.succeeded"
        ])
        assert.strictEqual(yield* logOf(id), "first line\nlast line\n")
        const artifacts = yield* Effect.flatMap(Store, (store) => store.artifacts(id))
        assert.deepStrictEqual(
          artifacts.map((artifact) => artifact.uri),
          ["file:///report.md"]
        )
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("writes a whole task's life in at most seven commits", () => {
    const writes: Array<string> = []
    const counted: Around = (call, method) =>
      Effect.tap(call, () => void (method === "commit" || method === "create" ? writes.push(method) : undefined))
    return Effect.gen(function* () {
      yield* startProcess()
      yield* settled(yield* spawned("idempotent"))
      assert.isAtMost(writes.length, 7, writes.join(" "))
    }).pipe(Effect.provide(core({ store: counted })))
  })

  it.scoped("makes the machine of a runtime task, runs on it, and removes it", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const store = yield* Store
      yield* startProcess()
      const id = yield* spawned("machine")
      const task = yield* settled(id)
      assert.strictEqual(task.status, "succeeded")
      assert.deepStrictEqual((yield* eventTypes(id)).slice(0, 5), [
        "task.created",
        "task.provisioning",
        "runtime.provisioned",
        "task.starting",
        "task.started"
      ])
      assert.deepStrictEqual(fake.far.leftovers, [])
      assert.deepStrictEqual(
        (yield* store.resources(id)).map((resource) => resource.state),
        ["gone"]
      )
    }).pipe(Effect.provide(core()))
  )

  it.scoped("has the intent, its token and the names of what will be made on disk before the far side is asked", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const store = yield* Store
      const seen: Array<unknown> = []
      fake.next("provision", (ordinary, { id }) =>
        Effect.gen(function* () {
          const resources = yield* store.resources(id)
          seen.push([(yield* store.find(id)).status, resources.map((resource) => resource.state)])
          return yield* ordinary
        }).pipe(Effect.orDie)
      )
      fake.next("start", (ordinary, { id, startToken }) =>
        Effect.gen(function* () {
          const kept = yield* store.find(id)
          seen.push([kept.status, kept.attempt, startToken !== undefined && kept.startToken === startToken])
          return yield* ordinary
        }).pipe(Effect.orDie)
      )
      yield* startProcess()
      yield* settled(yield* spawned("machine"))
      assert.deepStrictEqual(seen, [
        ["provisioning", ["intended"]],
        ["starting", 1, true]
      ])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("stores outcome and artifacts before the far side is told that they are stored, and before the end", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const store = yield* Store
      const seen: Array<unknown> = []
      fake.next("finish", (ordinary, { id }) =>
        Effect.gen(function* () {
          const kept = yield* store.find(id)
          seen.push([kept.status, kept.outcome?.ok, (yield* store.artifacts(id)).length])
          return yield* ordinary
        }).pipe(Effect.orDie)
      )
      yield* startProcess()
      yield* settled(yield* spawned("probe"))
      assert.deepStrictEqual(seen, [["completing", true, 1]])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("shows log and progress while the work still runs", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...shortWork, ends: false }
      yield* startProcess()
      const id = yield* spawned("once")
      const task = yield* until(id, ({ logLength }) => logLength > 0)
      assert.strictEqual(task.status, "running")
      assert.include(yield* eventTypes(id), "task.progress")
      yield* until(id, ({ logLength }) => logLength > 12)
      assert.strictEqual(yield* logOf(id), "first line\nlast line\n")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("fails a task whose work says it failed, and keeps what it said", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const error = { code: "worker.failed", message: "no such repository", retryable: false }
      fake.far.plan = { ...shortWork, outcome: { ok: false, error, result: "half a report" } }
      yield* startProcess()
      const id = yield* spawned("idempotent")
      const task = yield* settled(id)
      assert.strictEqual(task.status, "failed")
      assert.deepStrictEqual(task.error, error)
      assert.deepStrictEqual(task.outcome, { ok: false, error, result: "half a report" })
      assert.strictEqual((yield* eventTypes(id)).at(-1), "task.failed")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("goes on observing after failures and loses nothing of what was said", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const lost = fails({ code: "fake.unreachable", retryable: true })
      fake.next("observe", lost, lost, (ordinary) => ordinary, lost, lost, lost)
      yield* startProcess()
      const id = yield* spawned("once")
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(yield* logOf(id), "first line\nlast line\n")
      assert.strictEqual((yield* eventTypes(id)).filter((type) => type === "task.progress").length, 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("gives a far side up that stays silent, with its own code, and not before ten minutes", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.always("observe", () => Effect.delay(unreachable(), "30 seconds"))
      yield* startProcess(patient)
      const id = yield* spawned("once")
      yield* reaches(id, "running")
      const began = (yield* find(id)).updatedAt
      const task = yield* until(id, (seen) => seen.settled, 10_000)
      assert.strictEqual(task.status, "failed")
      assert.strictEqual(task.error?.code, "worker.lost")
      assert.isAtLeast(task.updatedAt - began, 600_000)
      assert.isAtMost(task.updatedAt - began, 680_000)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("counts the silence anew after each sign of life", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...shortWork, ends: false, pollAfter: 30_000 }
      yield* startProcess(patient)
      const id = yield* spawned("once")
      yield* reaches(id, "running")
      for (let round = 0; round < 3; round++) {
        const silentSince = fake.called("observe")
        fake.always("observe", () => Effect.delay(unreachable(), "1 minute"))
        yield* until(id, () => fake.called("observe") > silentSince + 7, 30_000)
        const heardSince = fake.called("observe")
        fake.always("observe", (ordinary) => ordinary)
        yield* until(id, () => fake.called("observe") > heardSince + 1, 30_000)
      }
      assert.strictEqual((yield* find(id)).status, "running")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("fails only the task whose adapter breaks down", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      for (const broken of [dies, throws]) {
        fake.next("observe", broken)
        const first = yield* spawned("once")
        yield* settled(first)
        const second = yield* spawned("once")
        yield* settled(second)
        assert.deepStrictEqual(
          [(yield* find(first)).status, (yield* find(first)).error?.code, (yield* find(second)).status],
          ["failed", "adapter.defect", "succeeded"]
        )
      }
    }).pipe(Effect.provide(core()))
  )

  for (const operation of ["prepare", "provision"] as const) {
    it.scoped(`tries a ${operation} that may be tried again, and fails one that may not`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake
        yield* startProcess()
        fake.next(operation, fails({ retryable: true }), fails({ retryable: true }))
        const first = yield* spawned("machine")
        assert.strictEqual((yield* settled(first)).status, "succeeded")
        assert.strictEqual(fake.called(operation), 3)
        fake.next(operation, fails({ code: "fake.refused" }))
        const second = yield* settled(yield* spawned("machine"))
        assert.deepStrictEqual([second.status, second.error?.code], ["failed", "fake.refused"])
        fake.always(operation, fails({ code: "fake.full", retryable: true }))
        const third = yield* settled(yield* spawned("machine"))
        assert.deepStrictEqual([third.status, third.error?.code], ["failed", "fake.full"])
        assert.deepStrictEqual(fake.far.leftovers, [])
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("gives a start its full number of tries even when getting ready took several", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const again = fails({ retryable: true })
      fake.next("prepare", again, again, again)
      fake.next("start", again)
      yield* startProcess()
      assert.strictEqual((yield* settled(yield* spawned("once"))).status, "succeeded")
    }).pipe(Effect.provide(core()))
  )
})
