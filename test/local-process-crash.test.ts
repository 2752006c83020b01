import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import { processesHere } from "../adapters/local-process/supervisor/Processes.js"
import { Child, Claim } from "../adapters/local-process/Wire.js"
import type { Task } from "../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, watch } from "./support/AdapterDrive.js"
import { folderOf, layer, layerThatKills, living, node, root, runs, shell, until } from "./support/LocalWork.js"

const processes = processesHere() ?? assert.fail("these tests need Linux or macOS")
const record = <A>(task: Task, name: string, schema: Schema.Schema<A>): A =>
  Schema.decodeSync(Schema.parseJson(schema))(readFileSync(join(folderOf(task.id), name), "utf8"))
const killSupervisor = (task: Task) => {
  const { supervisor } = record(task, "claim.json", Claim)
  process.kill(supervisor?.pid ?? assert.fail("void"), "SIGKILL")
}

const stubborn = "trap '' TERM HUP INT; while :; do sleep 1; done"
const family = `(${stubborn}) & setsid sh -c "${stubborn}" & setsid env -i PATH="$PATH" sh -c "${stubborn}" & ${stubborn}`

/** A process of ours that has nothing to do with any task. */
const stranger = Effect.acquireRelease(
  Effect.sync(() => spawn("sleep", ["60"], { detached: true, stdio: "ignore" })),
  (child) => Effect.sync(() => child.kill("SIGKILL"))
)

const remembered = (task: Task) =>
  existsSync(join(folderOf(task.id), "child.json")) && record(task, "child.json", Child).descendants.length >= 6

describe("A cancel ends the whole tree", () => {
  it.live("also those that left the group, cleared their environment and ignore every polite signal", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, draft(shell(family)))
      yield* until("the whole family is known", () => remembered(task))
      const { child, descendants } = record(task, "child.json", Child)
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.deepEqual(living(task.id), [])
      assert.deepEqual(
        [child, ...descendants].filter(({ pid, startTime }) => processes.find(pid)?.startTime === startTime),
        []
      )
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("also when its supervisor is dead", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, draft(shell(family)))
      yield* until("the whole family is known", () => remembered(task))
      killSupervisor(task)
      const { child, descendants } = record(task, "child.json", Child)
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.deepEqual(
        [child, ...descendants].filter(({ pid, startTime }) => processes.find(pid)?.startTime === startTime),
        []
      )
      yield* cleaned(layer, task, resources)
    })
  )
})

describe("A supervisor that is stopped", () => {
  it.live("does not keep a cancel from being carried out", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, draft(shell(stubborn)))
      yield* until("the work runs", () => runs(task.id) === 1)
      process.kill(record(task, "claim.json", Claim).supervisor?.pid ?? assert.fail("void"), "SIGSTOP")
      assert.strictEqual((yield* call(layer, (adapter) => adapter.cancel(task))).state, "stopping")
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.deepEqual(living(task.id), [])
      yield* cleaned(layer, task, resources)
    })
  )
})

describe("A supervisor that is killed", () => {
  it.live("leaves a lost worker with its last sign of life, and nothing running", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, draft(shell(`echo before; ${stubborn}`)))
      yield* until("the work runs", () => runs(task.id) === 1)
      killSupervisor(task)
      const { outcome } = yield* watch(layer, task)
      if (outcome.ok) return assert.fail("nobody knows how it ended")
      assert.strictEqual(outcome.error.code, "worker.lost")
      assert.match(outcome.error.message, /last sign of life was \d{4}-\d\d-\d\dT/)
      assert.deepEqual(living(task.id), [])
      assert.strictEqual(runs(task.id), 1)
      yield* cleaned(layer, task, resources)
    })
  )

  it.live("at any moment of its start: the work runs at most once, and a start that failed may be repeated", () =>
    Effect.gen(function* () {
      const outcomes = yield* Effect.forEach(
        [0, 20, 35, 45, 55, 70, 90, 150],
        Effect.fnUntraced(function* (afterMillis) {
          const task = draft(shell("sleep 1"))
          const first = yield* Effect.either(call(layerThatKills(afterMillis), (adapter) => adapter.start(task)))
          if (Either.isLeft(first)) {
            assert.strictEqual(first.left.delivery, "none")
            assert.strictEqual(runs(task.id), 0)
            yield* call(layer, (adapter) => adapter.start(task))
          } else {
            yield* until(
              "the supervisor is dead",
              () => processes.find(record(task, "claim.json", Claim).supervisor?.pid ?? 0) === undefined
            )
          }
          const { outcome } = yield* watch(layer, task)
          assert.deepEqual(living(task.id), [])
          assert.isAtMost(runs(task.id), 1)
          if (outcome.ok) assert.strictEqual(runs(task.id), 1)
          else assert.strictEqual(outcome.error.code, "worker.lost")
          return Either.isLeft(first) ? "repeated" : "lost"
        }),
        { concurrency: 2 }
      )
      assert.include(outcomes, "repeated")
      assert.include(outcomes, "lost")
    })
  )
})

describe("Identity is more than a number", () => {
  it.scopedLive("a stranger who has the child's or the supervisor's number now is left alone", () =>
    Effect.gen(function* () {
      const other = yield* stranger
      const pid = other.pid ?? assert.fail("no stranger")
      const { task } = yield* begin(layer, draft(shell(stubborn)))
      yield* until("the work runs", () => runs(task.id) === 1)
      yield* until("the child is known", () => existsSync(join(folderOf(task.id), "child.json")))
      const child = record(task, "child.json", Child)
      const claim = record(task, "claim.json", Claim)
      killSupervisor(task)
      const write = (name: string, value: unknown) =>
        writeFileSync(join(folderOf(task.id), name), JSON.stringify(value))
      write("child.json", { child: { ...child.child, pid }, descendants: [{ ...child.child, pid }] })
      write("claim.json", { ...claim, supervisor: { ...claim.supervisor, pid } })
      assert.strictEqual(yield* cancelled(layer, task), "stopped")
      assert.isDefined(processes.find(pid), "the stranger lives")
      assert.deepEqual(living(task.id), [])
    })
  )

  it.scopedLive(
    "a record of an earlier boot or another container names nobody here, and is lost once it is silent",
    () =>
      Effect.gen(function* () {
        const other = yield* stranger
        const now = processes.find(other.pid ?? 0) ?? assert.fail("no stranger")
        const task = draft(shell("true"))
        mkdirSync(folderOf(task.id), { recursive: true })
        const before = { pid: now.pid, startTime: now.startTime, bootId: "an earlier boot" }
        writeFileSync(
          join(folderOf(task.id), "claim.json"),
          JSON.stringify({ token: task.startToken, supervisor: before, claimedAt: 0 })
        )
        writeFileSync(join(folderOf(task.id), "child.json"), JSON.stringify({ child: before, descendants: [] }))
        const early = yield* call(layer, (adapter) => adapter.observe(task))
        assert.isUndefined(early.outcome, "a fresh sign of life from another container counts")
        utimesSync(join(folderOf(task.id), "claim.json"), 0, 0)
        const { outcome } = yield* watch(layer, task)
        assert.strictEqual(outcome.ok ? "" : outcome.error.code, "worker.lost")
        assert.isDefined(processes.find(now.pid))
      })
  )
})

describe("A start", () => {
  it.live("that several make at once runs the work once", () =>
    Effect.gen(function* () {
      const task = draft(node("setTimeout(() => undefined, 300)"))
      const start = call(layer, (adapter) => adapter.start(task))
      yield* Effect.all([start, start, start, start], { concurrency: "unbounded" })
      const { outcome } = yield* watch(layer, task)
      assert.isTrue(outcome.ok)
      assert.strictEqual(runs(task.id), 1)
    })
  )

  it.live(
    "that is repeated because nobody noted the first one finds the work, though that removed its own folder",
    () =>
      Effect.gen(function* () {
        const cwd = join(root, "doomed")
        mkdirSync(cwd)
        const { task, resources } = yield* begin(layer, draft(shell(`rmdir "${cwd}"; sleep 0.5`, { cwd })))
        yield* until("the folder is gone", () => !existsSync(cwd))
        yield* call(layer, (adapter) => adapter.start(task))
        const { outcome } = yield* watch(layer, task)
        assert.isTrue(outcome.ok)
        assert.strictEqual(runs(task.id), 1)
        yield* cleaned(layer, task, resources)
      })
  )

  it.live("by somebody who slept through the task's whole life runs nothing", () =>
    Effect.gen(function* () {
      const { task, resources } = yield* begin(layer, draft(shell("true")))
      yield* watch(layer, task)
      yield* cleaned(layer, task, resources)
      const late = yield* Effect.either(call(layer, (adapter) => adapter.start(task)))
      assert.isTrue(Either.isLeft(late))
      assert.strictEqual(runs(task.id), 1)
    })
  )

  it.live("whose folder is deleted by hand is a lost worker, and its work is ended", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, draft(shell(stubborn)))
      yield* until("the work runs", () => runs(task.id) === 1)
      yield* Effect.promise(() =>
        import("node:fs/promises").then((fs) => fs.rm(folderOf(task.id), { recursive: true }))
      )
      const { outcome } = yield* watch(layer, task)
      assert.strictEqual(outcome.ok ? "" : outcome.error.code, "worker.lost")
      assert.deepEqual(living(task.id), [])
    })
  )
})
