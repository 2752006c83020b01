import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, TestClock } from "effect"
import { Drive } from "../src/dispatch/Drive.js"
import { TaskChanged } from "../src/domain/DispatchError.js"
import type { TaskId } from "../src/domain/Task.js"
import { Scheduler, type Step } from "../src/services/Scheduler.js"
import { Store } from "../src/services/Store.js"
import {
  core,
  eventTypes,
  find,
  leases,
  logOf,
  reaches,
  settled,
  spawned,
  startProcess,
  until
} from "./fakes/CoreFixture.js"
import { Fake } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"
import { broken } from "./fakes/StoreProxy.js"

const owners = (id: TaskId) => Effect.map(find(id), (task) => task.epoch)

describe("Scheduler", () => {
  it.scoped("gives the tasks of a process that fell silent to another, under a new epoch", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...shortWork, ends: false }
      const first = yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "running")
      assert.strictEqual(yield* owners(id), 1)
      yield* startProcess()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* owners(id), 1)
      yield* first.kill
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* owners(id), 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* owners(id), 2)
      fake.far.end(id)
      assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(fake.far.runs(id), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("refuses what an owner writes that lost its lease without noticing", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const gate = yield* Deferred.make<void>()
      fake.next("observe", (ordinary) => Effect.zipRight(Deferred.await(gate), ordinary))
      const first = yield* startProcess()
      const id = yield* spawned("once")
      yield* until(id, () => fake.called("observe") === 1)
      yield* first.deafen
      yield* TestClock.adjust("6 seconds")
      yield* startProcess()
      const task = yield* settled(id)
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* find(id), task)
      assert.deepStrictEqual([task.status, task.epoch], ["succeeded", 2])
      assert.strictEqual(yield* logOf(id), "first line\nlast line\n")
      assert.strictEqual((yield* eventTypes(id)).filter((type) => type === "task.progress").length, 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("drives a hundred tasks in two processes, each exactly once", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const drivers: Array<Set<TaskId>> = []
      for (const _ of [1, 2]) {
        const driven = new Set<TaskId>()
        drivers.push(driven)
        const drive = yield* Drive
        const step: Step = (task) =>
          Effect.zipRight(
            Effect.sync(() => void driven.add(task.id)),
            drive.step(task)
          )
        const { scheduler, stop } = yield* startProcess({ ...leases, limit: 10 })
        yield* stop
        yield* Effect.forkScoped(scheduler.run(step))
      }
      const ids = yield* Effect.replicateEffect(spawned("once"), 100)
      for (const id of ids) {
        assert.strictEqual((yield* settled(id)).status, "succeeded")
        assert.deepStrictEqual([fake.far.runs(id), yield* owners(id)], [1, 1])
      }
      for (const driven of drivers) assert.isAbove(driven.size, 10)
      assert.strictEqual(
        drivers.reduce((sum, driven) => sum + driven.size, 0),
        100
      )
    }).pipe(Effect.provide(core()))
  )

  it.scoped("never lets more tasks of a backend run at once than it has room for, in all processes together", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      yield* startProcess()
      const ids = yield* Effect.replicateEffect(spawned("narrow"), 12)
      const others = yield* Effect.replicateEffect(spawned("idempotent"), 12)
      for (const id of [...ids, ...others]) assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(fake.far.crowd("narrow"), 2)
      assert.isAbove(fake.far.crowd("idempotent"), 2)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("drives no more tasks at once in one process than it was told, and all in the end", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess({ ...leases, limit: 3 })
      const ids = yield* Effect.replicateEffect(spawned("idempotent"), 10)
      for (const id of ids) assert.strictEqual((yield* settled(id)).status, "succeeded")
      assert.strictEqual(fake.far.crowd("idempotent"), 3)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("hands everything back when it is stopped, so that another goes on at once", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.far.plan = { ...shortWork, ends: false }
      const first = yield* startProcess()
      const ids = yield* Effect.replicateEffect(spawned("once"), 5)
      for (const id of ids) yield* reaches(id, "running")
      yield* first.stop
      yield* startProcess()
      yield* TestClock.adjust(0)
      for (const id of ids) {
        assert.strictEqual(yield* owners(id), 2)
        fake.far.end(id)
        assert.strictEqual((yield* settled(id)).status, "succeeded")
        assert.strictEqual(fake.far.runs(id), 1)
      }
    }).pipe(Effect.provide(core()))
  )

  it.scoped("begins a task the moment it is woken, not at the next look", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const scheduler = yield* Scheduler
      const drive = yield* Drive
      yield* Effect.forkScoped(scheduler.run(drive.step))
      yield* TestClock.adjust("1100 millis")
      const id = yield* spawned("once")
      yield* TestClock.adjust(0)
      assert.strictEqual(fake.far.runs(id), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("finds tasks that another process accepted, at its next look", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      yield* startProcess()
      yield* TestClock.adjust("1100 millis")
      const id = yield* spawned("once")
      yield* TestClock.adjust(0)
      assert.strictEqual(fake.far.runs(id), 0)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(fake.far.runs(id), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("refreshes one task as far as it goes now, and then lets go of it", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const scheduler = yield* Scheduler
      const drive = yield* Drive
      const id = yield* spawned("once")
      const other = yield* spawned("once")
      yield* scheduler.refresh(id, drive.step)
      assert.strictEqual((yield* find(id)).status, "running")
      assert.strictEqual(yield* logOf(id), "first line\n")
      yield* scheduler.refresh(id, drive.step)
      const task = yield* find(id)
      assert.deepStrictEqual([task.status, task.settled, fake.far.runs(id)], ["succeeded", true, 1])
      assert.strictEqual((yield* find(other)).status, "queued")
      yield* startProcess()
      yield* TestClock.adjust(0)
      assert.strictEqual(fake.far.runs(other), 1)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("leaves a task alone in a refresh that another process drives", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const scheduler = yield* Scheduler
      const drive = yield* Drive
      fake.far.plan = { ...shortWork, ends: false, pollAfter: 3_600_000 }
      yield* startProcess()
      const id = yield* spawned("once")
      yield* reaches(id, "running")
      const before = fake.calls.length
      yield* scheduler.refresh(id, drive.step)
      assert.deepStrictEqual([fake.calls.length, yield* owners(id)], [before, 1])
    }).pipe(Effect.provide(core()))
  )

  it.scoped("keeps its tasks through a failure of the database that is longer than its lease", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const gate = yield* Deferred.make<void>()
      const outage = { on: false }
      fake.next("start", (ordinary) => Effect.zipLeft(ordinary, Deferred.await(gate)))
      yield* startProcess(leases, (call) =>
        Effect.if(
          Effect.sync(() => outage.on),
          { onTrue: () => Effect.fail(broken), onFalse: () => call }
        )
      )
      const id = yield* spawned("once")
      yield* until(id, () => fake.called("start") === 1)
      outage.on = true
      yield* TestClock.adjust("10 seconds")
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("10200 millis")
      outage.on = false
      const task = yield* settled(id)
      assert.deepStrictEqual([task.status, task.epoch, fake.far.runs(id)], ["succeeded", 1, 1])
    }).pipe(Effect.provide(core()))
  )

  for (const [what, outcome] of [
    ["breaks down", Effect.dieMessage("a broken step")],
    ["is interrupted from within", Effect.interrupt],
    ["never gets its change in", Effect.fail(new TaskChanged({ id: "task" }))]
  ] as const) {
    it.scoped(`drives the others while the step of one task ${what}, and does not spin`, () =>
      Effect.gen(function* () {
        const scheduler = yield* Scheduler
        const drive = yield* Drive
        const bad = yield* spawned("once")
        const count = { steps: 0 }
        const step: Step = (task) =>
          task.id === bad
            ? Effect.zipRight(
                Effect.sync(() => void count.steps++),
                outcome
              )
            : drive.step(task)
        yield* Effect.forkScoped(scheduler.run(step))
        const good = yield* spawned("once")
        assert.strictEqual((yield* settled(good)).status, "succeeded")
        count.steps = 0
        yield* TestClock.adjust("10 seconds")
        assert.isAtLeast(count.steps, 3)
        assert.isAtMost(count.steps, 25)
      }).pipe(Effect.provide(core()))
    )
  }

  it.scoped("gives back what a claim took whose answer was lost, however late it took it", () =>
    Effect.gen(function* () {
      const lost: Array<Effect.Effect<unknown, unknown>> = []
      yield* startProcess(leases, (call, method) => {
        if (method !== "claim" || lost.length > 1) return call
        const [landing] = lost
        lost.push(call)
        // It lands after the look for unknown tasks, which found none, and right before the next claim.
        return landing === undefined ? Effect.fail(broken) : Effect.zipRight(Effect.orDie(landing), call)
      })
      const id = yield* spawned("once")
      assert.strictEqual((yield* settled(id)).epoch, 2)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("writes no more for one task than its four steps", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      const store = yield* Store
      const writes: Array<string> = []
      fake.far.plan = { ...shortWork, chunks: [] }
      yield* startProcess(leases, (call, method) =>
        Effect.zipRight(
          Effect.sync(() => void writes.push(method)),
          call
        )
      )
      const id = yield* spawned("idempotent")
      yield* settled(id)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(
        writes.filter((method) => method === "commit"),
        4
      )
      assert.lengthOf(
        writes.filter((method) => method === "release"),
        1
      )
      assert.lengthOf(yield* store.events(id, { afterRevision: 0, limit: 50 }), 5)
    }).pipe(Effect.provide(core()))
  )
})
