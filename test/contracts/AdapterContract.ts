import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import type { RoutedRequest } from "../../src/domain/Task.js"
import { begin, call, cancelled, cleaned, draft, eventsOf, linesOf, watch } from "../support/AdapterDrive.js"
import type { AdapterFixture } from "./AdapterFixture.js"

/**
 * What every adapter promises, tried against its far side. Each call is made on an adapter that was built for it
 * alone, so nothing can be kept between two calls.
 */
export const adapterContract = (name: string, fixture: AdapterFixture): void => {
  const { layer, requests, runs, alive } = fixture
  const begun = (request: Effect.Effect<RoutedRequest>) =>
    Effect.flatMap(request, (routed) => begin(layer, draft(routed)))

  describe(`Adapter (${name})`, () => {
    it.live("describes what it is and finds nothing wrong with work it can do", () =>
      Effect.gen(function* () {
        const request = yield* requests.succeeds
        const spec = yield* call(layer, (adapter) => Effect.succeed(adapter.spec))
        assert.strictEqual(spec.name, request.adapter)
        assert.include(spec.taskTypes, request.taskType)
        assert.include(spec.targetModes, request.target.mode)
        const checks = yield* call(layer, (adapter) => adapter.check(request, false))
        assert.isNotEmpty(checks)
        assert.deepEqual(
          checks.filter(({ status }) => status === "fail"),
          []
        )
      })
    )

    it.live("names its resources before it makes them", () =>
      Effect.gen(function* () {
        const task = draft(yield* requests.succeeds)
        const { resources: intended = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
        assert.strictEqual(yield* runs(task.id), 0)
        const { task: started, resources } = yield* begin(layer, task)
        assert.sameMembers(
          resources.map(({ key }) => key),
          intended.map(({ key }) => key)
        )
        assert.isTrue(intended.every(({ state }) => state === "intended"))
        yield* watch(layer, started)
        yield* cleaned(layer, started, resources)
      })
    )

    it.live("does the work once and tells its log, its progress and its result", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begun(requests.succeeds)
        const seen = yield* watch(layer, task)
        assert.isTrue(seen.outcome.ok, JSON.stringify(seen.outcome))
        assert.isDefined(seen.outcome.result)
        assert.isNotEmpty(linesOf(seen.entries))
        assert.include(eventsOf(seen.entries), "task.progress")
        assert.strictEqual(yield* runs(task.id), 1)
        yield* call(layer, (adapter) => adapter.finish(task))
        yield* cleaned(layer, task, resources)
        assert.isFalse(yield* alive(task.id))
      })
    )

    it.live("goes on from a stored cursor: an answer that was never stored is given again, none is given twice", () =>
      Effect.gen(function* () {
        const one = yield* begun(requests.succeeds)
        const other = yield* begun(requests.succeeds)
        const [plain, forgetful] = yield* Effect.all(
          [watch(layer, one.task), watch(layer, other.task, { forgetful: true })],
          { concurrency: 2 }
        )
        const neutral = (lines: ReadonlyArray<string>, id: string) =>
          lines.map((line) => line.replaceAll(id, "")).sort()
        assert.deepEqual(
          neutral(linesOf(forgetful.entries), other.task.id),
          neutral(linesOf(plain.entries), one.task.id)
        )
        assert.deepEqual(eventsOf(forgetful.entries), eventsOf(plain.entries))
        assert.strictEqual(forgetful.outcome.ok, plain.outcome.ok)
        yield* Effect.all([cleaned(layer, one.task, one.resources), cleaned(layer, other.task, other.resources)])
      })
    )

    it.live("says what went wrong when the work fails", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begun(requests.fails)
        const { outcome } = yield* watch(layer, task)
        if (outcome.ok) return assert.fail("the work was to fail")
        assert.match(outcome.error.code, /^[a-z0-9_]+\.[a-z0-9_]+$/)
        assert.isAbove(outcome.error.message.length, 10)
        yield* cleaned(layer, task, resources)
        assert.isFalse(yield* alive(task.id))
      })
    )

    it.live("never begins the work a second time when its start is repeated as its spec allows", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begun(requests.succeeds)
        const { spec } = yield* call(layer, Effect.succeed)
        if (spec.start === "idempotent") yield* call(layer, (adapter) => adapter.start(task))
        if (spec.start === "probe") assert.strictEqual(yield* call(layer, (adapter) => adapter.probe(task)), "has it")
        yield* watch(layer, task)
        if (spec.start === "idempotent") yield* call(layer, (adapter) => adapter.start(task))
        assert.strictEqual(yield* runs(task.id), 1)
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("says stopped only when nothing runs any more, as often as it is asked", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begun(requests.endless)
        const state = yield* Effect.gen(function* () {
          yield* Effect.sleep("50 millis").pipe(Effect.repeat({ until: () => alive(task.id), times: 200 }))
          assert.isTrue(yield* alive(task.id))
        }).pipe(
          Effect.zipRight(cancelled(layer, task)),
          Effect.onError(() => Effect.orDie(cancelled(layer, task)))
        )
        assert.strictEqual(state, "stopped")
        assert.isFalse(yield* alive(task.id))
        assert.strictEqual(yield* cancelled(layer, task), "stopped")
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("keeps work that had finished before somebody cancelled it", () =>
      Effect.gen(function* () {
        const { task, resources } = yield* begun(requests.succeeds)
        yield* watch(layer, task)
        assert.strictEqual(yield* cancelled(layer, task), "finished")
        const { outcome } = yield* watch(layer, task)
        assert.isTrue(outcome.ok, "the outcome is still there")
        yield* cleaned(layer, task, resources)
      })
    )

    it.live("runs nothing for a task that was cancelled before its start", () =>
      Effect.gen(function* () {
        const task = draft(yield* requests.succeeds)
        const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
        assert.strictEqual(yield* cancelled(layer, task), "stopped")
        const { spec } = yield* call(layer, Effect.succeed)
        if (spec.start === "idempotent") {
          const late = yield* Effect.either(call(layer, (adapter) => adapter.start(task)))
          assert.isTrue(Either.isLeft(late))
        }
        yield* cleaned(layer, task, resources)
        assert.strictEqual(yield* runs(task.id), 0)
        assert.isFalse(yield* alive(task.id))
      })
    )
  })
}
