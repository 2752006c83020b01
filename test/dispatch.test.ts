import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref, TestClock } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import { StoreFailed } from "../src/domain/DispatchError.js"
import { Store } from "../src/services/Store.js"
import { Audited, core, idOf, settled, spawned, startProcess, until } from "./fakes/CoreFixture.js"
import { Fake } from "./fakes/FakeAdapter.js"
import { shortWork } from "./fakes/FarSide.js"
import { type Around, failingAt } from "./fakes/StoreProxy.js"

const work = { instruction: "do it", runtime: "once" } as const
const longForm = {
  provider: "fake",
  accountProfile: "lab",
  capability: "agent-runtime",
  backend: "once",
  taskType: "agent.run",
  target: { mode: "session" },
  input: { instruction: "do it" }
} as const

describe("Dispatch", () => {
  it.effect("answers a spawn with the contract's handle, exactly, once the task is on disk", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const store = yield* Store
      const handle = yield* dispatch.spawn(work, {})
      assert.deepStrictEqual(handle, {
        taskId: "task_00000000000000000000000002",
        status: "queued",
        provider: "fake",
        accountProfile: "lab",
        capability: "agent-runtime",
        backend: "fake-once",
        poll: { statusTool: "get_task_status", logsTool: "get_task_logs", resultTool: "get_task_result" },
        cloudAgent: { sessionId: "session-of-task_00000000000000000000000002" }
      })
      assert.strictEqual((yield* store.find(idOf(handle.taskId))).status, "queued")
      assert.deepStrictEqual(Object.keys(yield* dispatch.dispatch(longForm, {})), Object.keys(handle))
      const seen = yield* Ref.get(yield* Audited)
      assert.deepStrictEqual(
        seen.map(({ event, outcome }) => [event, outcome]),
        [
          ["spawn_cloud_agent", "accepted"],
          ["dispatch_task", "accepted"]
        ]
      )
    }).pipe(Effect.provide(core()))
  )

  it.effect("names the task that may be there when a call without a key lost the answer of the database", () => {
    const lost = new StoreFailed({ fault: "unreachable", detail: "told to fail" })
    const losing: Around = (call, method) => (method === "createAll" ? Effect.zipRight(call, Effect.fail(lost)) : call)
    return Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const store = yield* Store
      const keyed = yield* Effect.flip(dispatch.spawn(work, { idempotencyKey: "k" }))
      assert.notInclude(keyed.message, "task_")
      const bare = yield* Effect.flip(dispatch.spawn(work, {}))
      const [last] = (yield* store.list({ limit: 1 })).tasks
      assert.include(bare.message, `accepted as ${last?.id} all the same: ask get_task_status for that`)
    }).pipe(Effect.provide(core({ store: losing })))
  })

  it.effect("shows the record of the contract, metadata and all", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const { taskId } = yield* dispatch.spawn({ ...work, metadata: { ticket: 7 }, context: { repo: "here" } }, {})
      assert.deepStrictEqual(yield* dispatch.status(taskId, {}), {
        id: taskId,
        status: "queued",
        revision: 1,
        provider: "fake",
        accountProfile: "lab",
        capability: "agent-runtime",
        taskType: "agent.run",
        runtime: "once",
        target: { mode: "session" },
        input: { instruction: "do it", context: { repo: "here" } },
        metadata: { ticket: 7 },
        backend: "fake-once",
        backendName: "once",
        providerRefs: {},
        cloudAgent: { sessionId: `session-of-${taskId}` },
        queue: { ahead: 0 },
        createdAt: "1970-01-01T00:00:00.000Z",
        updatedAt: "1970-01-01T00:00:00.000Z"
      })
    }).pipe(Effect.provide(core()))
  )

  it.effect("summarises a large context in the record unless all of it is asked for", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const context = { material: "x".repeat(100_000) }
      const { taskId } = yield* dispatch.spawn({ ...work, context }, {})
      assert.isBelow(JSON.stringify(yield* dispatch.status(taskId, {})).length, 2_000)
      const whole = yield* dispatch.status(taskId, { full: true })
      assert.deepStrictEqual(whole.input, { instruction: "do it", context })
    }).pipe(Effect.provide(core()))
  )

  it.effect("gives the same task for the same call under the same key, and refuses another call under it", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const key = { idempotencyKey: "ticket-7" }
      const first = yield* dispatch.spawn({ ...work, context: { a: 1, b: 2 } }, key)
      assert.deepStrictEqual(yield* dispatch.spawn({ ...work, context: { b: 2, a: 1 } }, key), first)
      const other = yield* Effect.flip(dispatch.spawn({ ...work, instruction: "do something else" }, key))
      assert.deepStrictEqual([other._tag, other.code], ["IdempotencyConflict", "idempotency.conflict"])
      assert.include(other.message, first.taskId)
      assert.strictEqual((yield* Effect.flip(dispatch.dispatch(longForm, key)))._tag, "IdempotencyConflict")
      assert.notStrictEqual((yield* dispatch.spawn(work, {})).taskId, (yield* dispatch.spawn(work, {})).taskId)
      assert.lengthOf((yield* dispatch.list({ limit: 10 })).tasks, 3)
    }).pipe(Effect.provide(core()))
  )

  it.effect("makes one task when the answer to a spawn was lost and it is sent again", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const lost = yield* Effect.flip(dispatch.spawn(work, { idempotencyKey: "k" }))
      assert.strictEqual(lost.code, "store.full")
      const handle = yield* dispatch.spawn(work, { idempotencyKey: "k" })
      const { tasks } = yield* dispatch.list({ limit: 10 })
      assert.deepStrictEqual(
        tasks.map((task) => task.taskId),
        [handle.taskId]
      )
    }).pipe(Effect.provide(core({ store: failingAt(1, "after").wrap })))
  )

  it.scoped("tells a caller that knows a revision only what changed since", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const fake = yield* Fake
      fake.far.plan = { ...shortWork, ends: false }
      const id = yield* spawned("once")
      const unchanged = yield* dispatch.status(id, { sinceRevision: 1 })
      assert.deepStrictEqual(unchanged, { id, status: "queued", revision: 1, unchanged: true })
      assert.isBelow(JSON.stringify(unchanged).length, 200)
      yield* startProcess()
      const task = yield* until(id, ({ logLength }) => logLength > 12)
      const delta = yield* dispatch.status(id, { sinceRevision: 1 })
      assert.deepStrictEqual(
        delta.events?.map(({ number, type }) => [number, type]),
        [
          [2, "task.starting"],
          [3, "task.started"],
          [4, "task.progress"]
        ]
      )
      assert.deepStrictEqual([delta.revision, delta.input], [task.revision, undefined])
      const rest = yield* dispatch.status(id, { sinceRevision: 3 })
      assert.deepStrictEqual(
        rest.events?.map(({ message, type }) => [type, message]),
        [["task.progress", "half way"]]
      )
      assert.isTrue((yield* dispatch.status(id, { sinceRevision: task.revision })).unchanged)
    }).pipe(Effect.provide(core()))
  )

  it.scoped("waits for the next change, and no longer than told", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const fake = yield* Fake
      fake.far.plan = { ...shortWork, ends: false, pollAfter: 1_000 }
      yield* startProcess()
      const id = yield* spawned("once")
      const { revision } = yield* until(id, ({ logLength }) => logLength > 12)
      const idle = yield* Effect.fork(dispatch.status(id, { sinceRevision: revision, waitSeconds: 30 }))
      yield* TestClock.adjust("29 seconds")
      assert.isNull(idle.unsafePoll())
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.join(idle)).unchanged)
      const waiting = yield* Effect.fork(dispatch.status(id, { sinceRevision: revision, waitSeconds: 30 }))
      const forResult = yield* Effect.fork(dispatch.result(id, { waitSeconds: 30 }))
      yield* TestClock.adjust("3 seconds")
      fake.far.end(id)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(waiting)).events?.[0]?.type, "task.completing")
      assert.strictEqual((yield* Fiber.join(forResult)).status, "succeeded")
    }).pipe(Effect.provide(core()))
  )

  it.scoped("gives the result with its artifacts, and before the end only the status", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const id = yield* spawned("once")
      assert.deepStrictEqual(yield* dispatch.result(id, {}), { taskId: id, status: "queued", artifacts: [] })
      yield* startProcess()
      const createdAt = new Date((yield* settled(id)).updatedAt).toISOString()
      const artifact = { id: "art_1", taskId: id, kind: "report", uri: "file:///report.md", createdAt }
      assert.deepStrictEqual(yield* dispatch.result(id, { waitSeconds: 30 }), {
        taskId: id,
        status: "succeeded",
        result: { answer: 42 },
        artifacts: [artifact]
      })
      assert.deepStrictEqual(yield* dispatch.logs(id, { cursor: 6, limit: 4 }), {
        taskId: id,
        cursor: 6,
        nextCursor: 10,
        data: "line"
      })
    }).pipe(Effect.provide(core()))
  )

  it.scoped("lists the newest first, page by page, and only what was asked for", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const ids: Array<string> = []
      for (const runtime of ["once", "probe", "once", "probe", "once"] as const) ids.unshift(yield* spawned(runtime))
      const first = yield* dispatch.list({ limit: 2 })
      const second = yield* dispatch.list({ limit: 2, before: first.next })
      const third = yield* dispatch.list({ limit: 2, before: second.next })
      const pages = [first, second, third]
      assert.deepStrictEqual(
        pages.flatMap(({ tasks }) => tasks.map((task) => task.taskId)),
        ids
      )
      assert.isUndefined(third.next)
      assert.lengthOf((yield* dispatch.list({ limit: 9, runtime: "probe" })).tasks, 2)
      assert.lengthOf((yield* dispatch.list({ limit: 9, provider: "aws" })).tasks, 0)
      yield* dispatch.cancel(ids[0] ?? "")
      const { tasks } = yield* dispatch.list({ limit: 9, statuses: ["cancelled"] })
      assert.deepStrictEqual(
        tasks.map(({ instruction, taskId }) => [taskId, instruction]),
        [[ids[0], "do it"]]
      )
    }).pipe(Effect.provide(core()))
  )

  it.effect("names what is configured and what is built in", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      assert.deepStrictEqual(dispatch.providers, ["fake"])
      assert.deepStrictEqual(dispatch.accounts, [{ name: "lab", provider: "fake", credentialSource: "none" }])
      assert.deepStrictEqual(dispatch.capabilities("aws"), [])
      assert.deepStrictEqual(dispatch.capabilities("fake")[0], {
        adapter: "fake-idempotent",
        provider: "fake",
        capability: "agent-runtime",
        taskTypes: ["agent.run", "command.run"],
        targetModes: ["session", "runtime"]
      })
    }).pipe(Effect.provide(core()))
  )

  it.effect("tells an id of another shape from one that is not here, wherever an id is taken", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const uses = [
        (id: string) => Effect.asVoid(dispatch.status(id, {})),
        (id: string) => Effect.asVoid(dispatch.logs(id, { cursor: 0, limit: 10 })),
        (id: string) => Effect.asVoid(dispatch.result(id, {}))
      ]
      for (const use of uses) {
        for (const id of ["", "7", "task_", "../../etc/passwd", "task_0000000000000000000000000U", "task_\u0000"]) {
          const error = yield* Effect.flip(use(id))
          assert.deepStrictEqual([error.code, error.message.split(":")[0]], ["input.invalid", "task_id"], id)
        }
        const absent = yield* Effect.flip(use("task_zzzzzzzzzzzzzzzzzzzzzzzzzz"))
        assert.deepStrictEqual([absent._tag, absent.code], ["TaskNotFound", "task.not_found"])
      }
      assert.strictEqual((yield* Effect.flip(dispatch.cancel("nonsense"))).code, "input.invalid")
    }).pipe(Effect.provide(core()))
  )
})
