import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import type { Outcome, Task } from "../src/domain/Task.js"
import { begin, call, cleaned, draft, watch } from "./support/AdapterDrive.js"
import {
  alive,
  emulator,
  image,
  layer,
  runs,
  script,
  sessionIdOf,
  signature,
  stranger
} from "./support/AgentCoreWork.js"

const minute = 60_000
const hour = 60 * minute
const { clock } = emulator.control

/** A runtime with the service's own lifecycle: fifteen idle minutes, eight hours in all. */
const runtimeArn = emulator.control.createRuntime({
  agentRuntimeName: "hours",
  containerUri: image,
  idleRuntimeSessionTimeout: 900,
  maxLifetime: 28_800
}).arn

const billsOf = ({ id }: Task) => emulator.ledgers.billing().filter(({ sessionId }) => sessionId === sessionIdOf(id))

const deliveries = ({ id }: Task) =>
  emulator.ledgers.deliveries({ sessionId: sessionIdOf(id), op: "InvokeAgentRuntime" }).length

const codeOf = (outcome: Outcome) => (outcome.ok ? "ok" : outcome.error.code)

/** As Drive does: a look that the service cut off is repeated. */
const followed = (task: Task) =>
  Effect.retry(watch(layer, task), { while: ({ retryable }) => retryable, schedule: Schedule.spaced("50 millis") })

const ended = Effect.fnUntraced(function* (task: Task) {
  const { resources = [] } = yield* call(layer, (adapter) => adapter.prepare(task))
  yield* cleaned(layer, task, resources)
  assert.isFalse(alive(task.id))
})

/** Lets the service's time run much faster while something lasts. */
const fast = Effect.acquireRelease(
  Effect.sync(() => emulator.control.setSpeed(2_400)),
  () => Effect.sync(() => emulator.control.setSpeed(20))
)

describe("work of nearly eight hours", () => {
  it.live(
    "keeps its one machine, outlives every idle timeout and cut look, and brings its result",
    () =>
      Effect.gen(function* () {
        const go = signature("go")
        const { task } = yield* begin(
          layer,
          draft(script(`while ! [ -e '${go}' ]; do echo on; sleep 0.1; done; echo done`, { runtimeArn }))
        )
        const until = clock.now() + 7.5 * hour
        const [{ outcome }] = yield* Effect.all(
          [
            followed(task),
            Effect.scoped(
              Effect.zipRight(
                fast,
                Effect.sleep("20 millis").pipe(Effect.repeat({ until: () => clock.now() > until, times: 2_000 }))
              )
            ).pipe(Effect.zipRight(Effect.sync(() => writeFileSync(go, ""))))
          ],
          { concurrency: 2 }
        )
        assert.strictEqual(codeOf(outcome), "ok")
        assert.strictEqual(runs(task.id), 1)
        const [bill, ...others] = billsOf(task)
        assert.isEmpty(others)
        assert.isTrue(bill?.live)
        assert.isAbove(bill?.seconds ?? 0, (7.5 * hour) / 1000)
        assert.isBelow(bill?.seconds ?? 0, (8 * hour) / 1000)
        yield* ended(task)
      }),
    60_000
  )

  it.live("is lost at the end of the eighth, and no other machine is left for it", () =>
    Effect.gen(function* () {
      const { task } = yield* begin(layer, draft(script("while :; do echo on; sleep 0.1; done", { runtimeArn })))
      yield* Effect.sleep("20 millis").pipe(Effect.repeat({ until: () => runs(task.id) === 1, times: 300 }))
      emulator.control.advance(8 * hour)
      const { outcome } = yield* followed(task)
      assert.strictEqual(codeOf(outcome), "worker.lost")
      assert.strictEqual(billsOf(task)[0]?.reason, "maxLifetime")
      assert.isFalse(alive(task.id))
      assert.strictEqual(runs(task.id), 1)
      yield* ended(task)
    })
  )
})

describe("an app that is not ours and takes too long", () => {
  it.live("without a byte is cut off by the service after 15 minutes, and never sent again", () =>
    Effect.gen(function* () {
      const task = draft(stranger({ sign: signature("quiet"), wait: 60_000 }))
      const starting = yield* Effect.fork(Effect.flip(begin(layer, task)))
      yield* Effect.sleep("20 millis").pipe(Effect.repeat({ until: () => runs("quiet") === 1, times: 300 }))
      emulator.control.advance(15 * minute)
      const failure = yield* starting
      assert.deepEqual([failure.code, failure.delivery], ["aws_agentcore.unanswered", "unknown"])
      assert.strictEqual(yield* call(layer, (adapter) => adapter.probe(task)), "cannot say")
      assert.deepEqual([runs("quiet"), deliveries(task)], [1, 1])
      yield* ended(task)
    })
  )

  it.live("streaming is cut off by the service after 60 minutes, with what it said", () =>
    Effect.gen(function* () {
      const raw = ['data: "one"\n\n']
      const task = draft(stranger({ sign: signature("loud"), type: "text/event-stream", raw, hold: true }))
      const { task: begun } = yield* begin(layer, task)
      emulator.control.advance(16 * minute)
      const early = yield* call(layer, (adapter) => adapter.observe(begun))
      assert.isUndefined(early.outcome)
      emulator.control.advance(45 * minute)
      const { outcome } = yield* watch(layer, begun)
      if (outcome.ok) return assert.fail("it was cut off")
      assert.strictEqual(outcome.error.code, "aws_agentcore.stream_broken")
      assert.strictEqual(outcome.result, "one")
      assert.deepEqual([runs("loud"), deliveries(task)], [1, 1])
      yield* ended(begun)
    })
  )
})
