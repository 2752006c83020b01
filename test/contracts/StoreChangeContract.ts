import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, type Layer, TestClock } from "effect"
import { Transition } from "../../src/domain/Lifecycle.js"
import { type Change, Store } from "../../src/services/Store.js"
import { accepted, advanced, apply, current } from "../support/SomeTask.js"

const outcome = { ok: true, result: { answer: 42 } } as const

/** Changes nobody sees, and changes everybody sees. */
const quiet: ReadonlyArray<Change> = [
  {},
  { cursor: { offset: 1 } },
  { dueAt: 9 },
  { attempt: 2, startToken: "token" },
  { settled: false },
  { resources: [{ key: "a", kind: "process", ref: {}, state: "created" }] },
  { entries: [{ log: "text" }, { type: "task.log", message: "line" }, { type: "task.heartbeat" }] },
  { artifacts: [], entries: [] }
]
const visible: ReadonlyArray<Change> = [
  { entries: [{ type: "task.progress", message: "half" }] },
  { providerRefs: { pid: 1 } },
  { cloudAgent: { url: "u" } },
  { outcome },
  { error: { code: "c", message: "m" } },
  { artifacts: [{ uri: "file:///a", kind: "report" }] },
  { transition: "start" }
]

const anyChange = FastCheck.oneof(
  ...[...quiet, ...visible].map((change) => FastCheck.constant(change)),
  FastCheck.constantFrom(...Transition.literals).map((transition): Change => ({ transition }))
)

export const storeChangeContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store changes (${name})`, () => {
    const check = <E>(claim: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claim, () => Effect.provide(body(), layer))

    check("applies every member of a change in one step and remembers it", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* TestClock.setTime(1_000)
        const task = yield* accepted()
        yield* TestClock.setTime(2_000)
        const changed = yield* store.commit(task, {
          transition: "start",
          attempt: 1,
          startToken: "token",
          providerRefs: { pid: 7, nested: { list: [1, null] } },
          cloudAgent: { url: "u" },
          cursor: null,
          outcome,
          error: { code: "c", message: "m", details: [1] },
          entries: [{ log: "abc" }]
        })
        assert.deepStrictEqual(changed, {
          ...task,
          admittedAt: 2_000,
          status: "starting",
          revision: 2,
          attempt: 1,
          startToken: "token",
          providerRefs: { pid: 7, nested: { list: [1, null] } },
          cloudAgent: { url: "u" },
          cursor: null,
          outcome,
          error: { code: "c", message: "m", details: [1] },
          logLength: 3,
          updatedAt: 2_000
        })
        assert.deepStrictEqual(yield* store.find(task.id), changed)
        const untouched = yield* store.commit(changed, {})
        assert.deepStrictEqual(untouched, changed)
      })
    )

    check("refuses a change decided on another revision or epoch and writes nothing of it", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* advanced({ transition: "start" })
        const change: Change = {
          entries: [{ type: "task.progress" }, { log: "x" }],
          resources: [{ key: "a", kind: "k", ref: {}, state: "intended" }]
        }
        for (const basis of [{ revision: 1 }, { revision: 3 }, { epoch: 1 }]) {
          const error = yield* Effect.flip(store.commit({ ...task, ...basis }, change))
          assert.strictEqual(error._tag, "TaskChanged")
        }
        assert.deepStrictEqual(yield* current(task), task)
        assert.lengthOf(yield* store.events(task.id, { afterRevision: 0, limit: 10 }), 2)
        assert.deepStrictEqual(yield* store.resources(task.id), [])
      })
    )

    check("takes the same stretch of a log in once, though text alone is no revision", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* accepted()
        const change: Change = { entries: [{ log: "x" }], cursor: 1 }
        yield* store.commit(task, change)
        const error = yield* Effect.flip(store.commit(task, change))
        assert.strictEqual(error._tag, "TaskChanged")
        assert.deepStrictEqual([(yield* current(task)).logLength, (yield* current(task)).cursor], [1, 1])
      })
    )

    check("lets exactly one of many writers with the same basis win", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* accepted()
        const results = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, writer) => writer),
          (writer) => Effect.either(store.commit(task, { providerRefs: { writer } })),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          results.filter(({ _tag }) => _tag === "Right"),
          1
        )
        assert.strictEqual((yield* current(task)).revision, 2)
      })
    )

    check("bumps the revision by one for what a caller can see, and for nothing else", () =>
      Effect.gen(function* () {
        const store = yield* Store
        for (const change of quiet) {
          const task = yield* accepted()
          yield* TestClock.adjust("1 second")
          const after = yield* store.commit(task, change)
          assert.deepStrictEqual(
            [after.revision, after.updatedAt],
            [task.revision, task.updatedAt],
            JSON.stringify(change)
          )
        }
        for (const change of visible) {
          const task = yield* accepted()
          yield* TestClock.adjust("1 second")
          const after = yield* store.commit(task, change)
          assert.deepStrictEqual(
            [after.revision, after.updatedAt],
            [task.revision + 1, task.updatedAt + 1_000],
            JSON.stringify(change)
          )
        }
      })
    )

    check("writes the event of the transition after what led to it, and the error into that of a failure", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* advanced({ transition: "start" }, { transition: "run" })
        yield* store.commit(task, {
          transition: "fail",
          error: { code: "worker.lost", message: "gone", details: { secret: 1 } },
          entries: [{ type: "task.progress", message: "last words", payload: { part: 1 } }, { type: "task.result" }]
        })
        const events = yield* store.events(task.id, { afterRevision: task.revision, limit: 10 })
        assert.deepStrictEqual(events, [
          { type: "task.progress", message: "last words", payload: { part: 1 }, number: 4, revision: 4, at: 0 },
          { type: "task.result", number: 5, revision: 4, at: 0 },
          { type: "task.failed", payload: { code: "worker.lost", message: "gone" }, number: 6, revision: 4, at: 0 }
        ])
      })
    )

    check("numbers artifacts within the task and keeps them in order", () =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* TestClock.setTime(77)
        const task = yield* advanced(
          { artifacts: [{ uri: "file:///b", kind: "report", contentType: "text/markdown", sizeBytes: 3 }] },
          { artifacts: [{ uri: "file:///a", kind: "log" }] }
        )
        assert.deepStrictEqual(yield* store.artifacts(task.id), [
          { id: "art_1", uri: "file:///b", kind: "report", contentType: "text/markdown", sizeBytes: 3, createdAt: 77 },
          { id: "art_2", uri: "file:///a", kind: "log", createdAt: 77 }
        ])
      })
    )

    check("keeps one resource per key, the latest, and per task", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* advanced(
          {
            resources: [
              { key: "b", kind: "session", ref: {}, state: "intended" },
              { key: "a", kind: "process", ref: { pid: 1 }, state: "intended" }
            ]
          },
          { resources: [{ key: "a", kind: "process", ref: { pid: 2 }, state: "created" }] }
        )
        yield* apply(yield* accepted(), { resources: [{ key: "a", kind: "other", ref: {}, state: "gone" }] })
        assert.deepStrictEqual(yield* store.resources(task.id), [
          { key: "a", kind: "process", ref: { pid: 2 }, state: "created" },
          { key: "b", kind: "session", ref: {}, state: "intended" }
        ])
      })
    )

    check("returns events after a revision, oldest first, at most as many as asked for", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const task = yield* advanced(
          { transition: "start" },
          { transition: "finish", outcome },
          { transition: "succeed" }
        )
        const events = yield* store.events(task.id, { afterRevision: 1, limit: 2 })
        assert.deepStrictEqual(
          events.map(({ type }) => type),
          ["task.starting", "task.completing"]
        )
        const newest = yield* store.events(task.id, { afterRevision: 1, limit: 2, newest: true })
        const all = yield* store.events(task.id, { afterRevision: 1, limit: 100 })
        assert.deepStrictEqual(newest, all.slice(-2))
        assert.deepStrictEqual(yield* store.events(task.id, { afterRevision: task.revision, limit: 2 }), [])
      })
    )

    it.effect(
      "numbers events without a gap and never lowers a revision, whatever the changes and however they meet",
      () =>
        Effect.promise(() =>
          FastCheck.assert(
            FastCheck.asyncProperty(
              FastCheck.array(FastCheck.array(anyChange, { maxLength: 6 }), { maxLength: 4 }),
              (writers) =>
                Effect.gen(function* () {
                  const store = yield* Store
                  const task = yield* accepted()
                  const seen = yield* Effect.forEach(
                    writers,
                    (changes) =>
                      Effect.forEach(changes, (change) =>
                        Effect.zipLeft(Effect.option(apply(task, change)), Effect.yieldNow())
                      ),
                    { concurrency: "unbounded" }
                  )
                  for (const own of seen) {
                    const revisions = own.flatMap((answer) => (answer._tag === "Some" ? [answer.value.revision] : []))
                    assert.deepStrictEqual(
                      revisions,
                      [...revisions].sort((a, b) => a - b)
                    )
                  }
                  const events = yield* store.events(task.id, { afterRevision: 0, limit: 1_000 })
                  assert.deepStrictEqual(
                    events.map(({ number }) => number),
                    events.map((_, index) => index + 1)
                  )
                  const revisions = events.map(({ revision }) => revision)
                  assert.deepStrictEqual(
                    revisions,
                    [...revisions].sort((a, b) => a - b)
                  )
                  const kept = yield* current(task)
                  assert.isAtLeast(kept.revision, revisions.at(-1) ?? 0)
                }).pipe(Effect.provide(layer), Effect.runPromise)
            ),
            { numRuns: 30 }
          )
        )
    )
  })
