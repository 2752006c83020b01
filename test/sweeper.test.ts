import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Ref, Schema, TestClock } from "effect"
import { type Swept, Sweeper } from "../src/dispatch/Sweeper.js"
import type { Retention } from "../src/domain/RetentionConfig.js"
import type { Remnant } from "../src/domain/Sweep.js"
import type { Task } from "../src/domain/Task.js"
import { RecordLine } from "../src/domain/TaskRecord.js"
import { Archive, ArchiveFailed } from "../src/services/Archive.js"
import { Store } from "../src/services/Store.js"
import { Audited, core, eventTypes, find, leases, logOf, settled, spawned, startProcess } from "./fakes/CoreFixture.js"
import { Fake } from "./fakes/FakeAdapter.js"
import { apply } from "./support/SomeTask.js"

const day = 86_400_000
const decodeLine = Schema.decode(Schema.parseJson(RecordLine))
const full = Layer.succeed(Archive, {
  write: (folder) => Effect.fail(new ArchiveFailed({ path: folder, detail: "ENOSPC: no space left on device, write" }))
})

const world = (retention?: Retention, archive: Layer.Layer<Archive> = Archive.layerMemory(new Map())) =>
  Sweeper.layer().pipe(
    Layer.provideMerge(core(retention === undefined ? {} : { config: { retention } })),
    Layer.provideMerge(archive)
  )

const thing = (given: Pick<Task, "id">, more: Partial<Remnant> = {}): Remnant => ({
  key: `thing:${given.id}`,
  kind: "fake.thing",
  taskId: given.id,
  part: "work",
  since: 0,
  what: "a thing",
  ref: {},
  ...more
})

/** A sweep, and the minute that a fake far side takes for whatever it removes. */
const swept = Effect.gen(function* () {
  const sweeper = yield* Sweeper
  const fiber = yield* Effect.fork(sweeper.sweep)
  yield* TestClock.adjust("30 seconds")
  return actsOf(yield* Fiber.join(fiber))
})

const actsOf = (found: Option.Option<ReadonlyArray<Swept>>) =>
  Option.getOrElse(found, () => []).map(({ act, finding }) => `${finding.kind} ${act?.outcome ?? "seen"}`)

const sweeps = Effect.gen(function* () {
  const records = yield* Ref.get(yield* Audited)
  return records.filter(({ event }) => event === "sweep")
})

/** Driven to its end and left; nothing drives any more. */
const ended = Effect.gen(function* () {
  const process = yield* startProcess(leases)
  const id = yield* spawned("once")
  const task = yield* settled(id)
  yield* process.stop
  return task
})

describe("A sweep", () => {
  it.scoped("acts on nothing that no earlier sweep has found, and then once, audited and told", () =>
    Effect.gen(function* () {
      const { far } = yield* Fake
      const task = yield* ended
      far.remnants = [thing(task)]
      assert.deepStrictEqual(yield* swept, ["fake.thing seen"])
      assert.deepStrictEqual([far.reaped, yield* sweeps], [[], []])
      assert.deepStrictEqual(yield* swept, ["fake.thing seen"], "the same minute is no second look")
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* swept, ["fake.thing done"])
      assert.deepStrictEqual(far.reaped, [`thing:${task.id}`])
      assert.containSubset(yield* sweeps, [{ taskId: task.id, outcome: "done", detail: { kind: "fake.thing" } }])
      assert.match(yield* logOf(task.id), /Swept: a thing, of an ended task; it is removed\.\n$/)
      assert.deepStrictEqual((yield* find(task.id)).updatedAt, task.updatedAt, "its end is not told a second time")
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* swept, [])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("starts over with a finding that was gone in between", () =>
    Effect.gen(function* () {
      const { far } = yield* Fake
      const task = yield* ended
      for (const there of [[thing(task)], [], [thing(task)]]) {
        far.remnants = there
        yield* swept
        yield* TestClock.adjust("10 minutes")
      }
      assert.deepStrictEqual(far.reaped, [])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("leaves a living task alone, however often and by whom it is asked", () =>
    Effect.gen(function* () {
      const { far } = yield* Fake
      far.plan = { ...far.plan, ends: false, pollAfter: 60_000 }
      yield* startProcess({ lease: "50 minutes", poll: "5 minutes", limit: 64 })
      const id = yield* spawned("once")
      yield* TestClock.adjust("2 seconds")
      far.remnants = [thing({ id }), thing({ id }, { key: "mark", part: "mark" })]
      for (let round = 0; round < 3; round++) {
        assert.deepStrictEqual(yield* swept, [])
        yield* TestClock.adjust("10 minutes")
      }
      assert.deepStrictEqual(actsOf(yield* (yield* Sweeper).reap), [])
      assert.deepStrictEqual(far.reaped, [])
      assert.isTrue(far.alive(id))
    }).pipe(Effect.provide(world()))
  )

  it.scoped("is made by one of many processes that want it at once", () =>
    Effect.gen(function* () {
      const { far } = yield* Fake
      const task = yield* ended
      far.remnants = [thing(task)]
      yield* swept
      yield* TestClock.adjust("10 minutes")
      const others = yield* Effect.replicateEffect(
        Effect.map(Layer.build(Layer.fresh(Sweeper.layer())), (built) => Effect.provide(Sweeper, built)),
        3
      )
      const fibers = yield* Effect.forEach(others, (other) => Effect.fork(Effect.flatMap(other, ({ sweep }) => sweep)))
      yield* TestClock.adjust("30 seconds")
      const done = yield* Effect.forEach(fibers, Fiber.join)
      assert.lengthOf(done.filter(Option.isSome), 1)
      assert.deepStrictEqual(far.reaped, [`thing:${task.id}`])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("is taken over from a process that died in the middle of one, and a person waits for that", () =>
    Effect.gen(function* () {
      const [{ upkeep }, { reap, sweep }] = [yield* Store, yield* Sweeper]
      const now = (yield* ended).updatedAt
      yield* upkeep.reserve("sweep", "a dead process", now + 60_000)
      assert.isTrue(Option.isNone(yield* sweep))
      const reaping = yield* Effect.fork(reap)
      yield* TestClock.adjust("2 minutes")
      assert.isTrue(Option.isSome(yield* Fiber.join(reaping)))
      assert.isTrue(Option.isSome(yield* sweep))
    }).pipe(Effect.provide(world()))
  )

  it.scoped("wakes a task that a wrong clock has postponed for a day, and says so", () =>
    Effect.gen(function* () {
      const id = yield* spawned("once")
      const task = yield* find(id)
      yield* apply(task, { transition: "start", startToken: "", dueAt: day })
      yield* TestClock.adjust("11 minutes")
      yield* swept
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* swept, ["task.postponed done"])
      assert.include(yield* eventTypes(id), "task.progress")
      yield* startProcess(leases)
      assert.strictEqual((yield* settled(id)).status, "succeeded")
    }).pipe(Effect.provide(world()))
  )

  it.scoped("comes soon after the start and then every ten minutes", () =>
    Effect.gen(function* () {
      const { far } = yield* Fake
      const task = yield* ended
      far.remnants = [thing(task)]
      yield* Effect.forkScoped((yield* Sweeper).run)
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(far.reaped, [])
      yield* TestClock.adjust("10 minutes")
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(far.reaped, [`thing:${task.id}`])
    }).pipe(Effect.provide(world()))
  )
})

describe("Retention", () => {
  const twice = Effect.gen(function* () {
    yield* swept
    yield* TestClock.adjust("10 minutes")
    return yield* swept
  })

  it.scoped("deletes nothing that nobody asked to have deleted", () =>
    Effect.gen(function* () {
      const task = yield* ended
      yield* TestClock.adjust("4000 days")
      assert.deepStrictEqual(yield* twice, [])
      assert.strictEqual((yield* find(task.id)).id, task.id)
    }).pipe(Effect.provide(world()))
  )

  const files = new Map<string, string>()
  it.scoped("writes the whole record before it deletes it, once the time is over", () =>
    Effect.gen(function* () {
      const task = yield* ended
      const unsettled = yield* spawned("once")
      yield* TestClock.adjust("29 days")
      assert.deepStrictEqual(yield* twice, [])
      yield* TestClock.adjust("2 days")
      assert.deepStrictEqual(yield* twice, ["task.expired done"])
      const path = `/exports/${task.id}.jsonl`
      const error = yield* Effect.flip(find(task.id))
      assert.include(error.message, path)
      const lines = (files.get(path) ?? "").trimEnd().split("\n")
      const records = yield* Effect.forEach(lines, (line) => decodeLine(line))
      const [first, ...rest] = records
      assert.deepStrictEqual(first?.record === "task" ? first.task : undefined, task)
      assert.deepStrictEqual(rest.at(-1), { record: "end", lines: lines.length - 1 })
      const logged = rest.flatMap((line) => (line.record === "log" ? [line.text] : [])).join("")
      assert.strictEqual(logged, "first line\nlast line\n")
      assert.containSubset(rest, [
        { record: "event", event: { type: "task.created" } },
        { record: "event", event: { type: "task.succeeded" } },
        { record: "artifact", artifact: { uri: "file:///report.md" } }
      ])
      assert.strictEqual((yield* find(unsettled)).status, "queued")
    }).pipe(Effect.provide(world({ ttl: 30, export: "/exports" }, Archive.layerMemory(files))))
  )

  it.scoped("deletes nothing when the disk is full", () =>
    Effect.gen(function* () {
      const task = yield* ended
      yield* TestClock.adjust("31 days")
      assert.deepStrictEqual(yield* twice, ["task.expired failed"])
      assert.deepStrictEqual(yield* find(task.id), task)
      assert.strictEqual(yield* logOf(task.id), "first line\nlast line\n")
      assert.match(String((yield* sweeps)[0]?.detail?.["detail"]), /ENOSPC.*nothing was deleted/)
    }).pipe(Effect.provide(world({ ttl: 30, export: "/exports" }, full)))
  )

  const copies = new Map<string, string>()
  const interrupted = Layer.effect(
    Archive,
    Effect.map(Archive, ({ write }) => ({
      write: (folder, name, text) =>
        Effect.tap(write(folder, name, text), () =>
          copies.size === 1 && firstTime() ? Effect.die("killed") : Effect.void
        )
    }))
  ).pipe(Layer.provide(Archive.layerMemory(copies)))
  let times = 0
  const firstTime = () => times++ === 0

  it.scoped("loses nothing when its process ends between the copy and the deletion", () =>
    Effect.gen(function* () {
      const task = yield* ended
      yield* TestClock.adjust("31 days")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(twice)))
      assert.deepStrictEqual(yield* find(task.id), task)
      assert.strictEqual(copies.size, 1)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* swept, ["task.expired done"])
      assert.deepStrictEqual([...copies.keys()], [`/exports/${task.id}.jsonl`])
      assert.include((yield* Effect.flip(find(task.id))).message, "has expired")
    }).pipe(Effect.provide(world({ ttl: 30, export: "/exports" }, interrupted)))
  )

  const shared = new Map<string, string>()
  let meanwhile: Effect.Effect<unknown> = Effect.void
  const slow = Layer.effect(
    Archive,
    Effect.map(Archive, ({ write }) => ({
      write: (folder, name, text) => Effect.suspend(() => Effect.zipRight(meanwhile, write(folder, name, text)))
    }))
  ).pipe(Layer.provide(Archive.layerMemory(shared)))

  it.scoped("puts no hollow copy in the place of the whole one of a process that was faster", () =>
    Effect.gen(function* () {
      const store = yield* Store
      const [task, changing] = [yield* ended, yield* ended]
      const path = `/exports/${task.id}.jsonl`
      yield* TestClock.adjust("31 days")
      meanwhile = Effect.gen(function* () {
        const change = apply(changing, { entries: [{ log: "one more line\n" }] })
        meanwhile = Effect.orDie(Effect.provideService(change, Store, store))
        shared.set(path, "the whole copy")
        yield* store.upkeep.forget(task, path)
      }).pipe(Effect.orDie)
      assert.deepStrictEqual(yield* twice, ["task.expired done", "task.expired later"])
      assert.deepStrictEqual([...shared], [[path, "the whole copy"]])
      assert.match(yield* logOf(changing.id), /one more line\n$/)
      meanwhile = Effect.void
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* swept, ["task.expired done"])
      assert.include(shared.get(`/exports/${changing.id}.jsonl`), "one more line")
    }).pipe(Effect.provide(world({ ttl: 30, export: "/exports" }, slow)))
  )

  it.scoped("makes room from the oldest on, though never of what ended today", () =>
    Effect.gen(function* () {
      const { far } = yield* Fake
      far.plan = { ...far.plan, chunks: [[{ log: "x".repeat(60_000) }]] }
      const [first, second] = [yield* ended, yield* ended]
      assert.deepStrictEqual(yield* twice, [])
      yield* TestClock.adjust("2 days")
      assert.deepStrictEqual(yield* twice, ["task.crowded done"])
      assert.strictEqual((yield* Effect.flip(find(first.id)))._tag, "TaskNotFound")
      assert.strictEqual((yield* find(second.id)).id, second.id)
    }).pipe(Effect.provide(world({ maxStateBytes: 100_000, export: false })))
  )
})
