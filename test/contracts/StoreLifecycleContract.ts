import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { isTerminal, type TaskStatus, table, Transition } from "../../src/domain/Lifecycle.js"
import { type Change, Store } from "../../src/services/Store.js"
import { advanced, current } from "../support/SomeTask.js"

const outcome = { ok: true, result: { answer: 42 } } as const

/** How each status is reached. */
const roads: Record<TaskStatus, ReadonlyArray<Change>> = {
  queued: [],
  provisioning: [{ transition: "provision" }],
  starting: [{ transition: "start" }],
  running: [{ transition: "start" }, { transition: "run" }],
  input_required: [{ transition: "start" }, { transition: "run" }, { transition: "ask" }],
  completing: [{ transition: "start" }, { transition: "finish", outcome }],
  cancelling: [{ transition: "start" }, { transition: "cancel" }],
  succeeded: [{ transition: "start" }, { transition: "finish", outcome }, { transition: "succeed" }],
  failed: [{ transition: "fail", error: { code: "x.y", message: "broke" } }],
  cancelled: [{ transition: "cancel" }]
}
const statuses: ReadonlyArray<TaskStatus> = [
  "queued",
  "provisioning",
  "starting",
  "running",
  "input_required",
  "completing",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled"
]

export const storeLifecycleContract = (name: string, layer: Layer.Layer<Store, unknown>) =>
  describe(`Store lifecycle (${name})`, () => {
    const check = <E>(claim: string, body: () => Effect.Effect<void, E, Store>) =>
      it.effect(claim, () => Effect.provide(body(), layer))

    for (const from of statuses) {
      check(`takes and refuses transitions from ${from} as the lifecycle says`, () =>
        Effect.gen(function* () {
          const store = yield* Store
          for (const transition of Transition.literals) {
            const task = yield* advanced(...roads[from])
            assert.strictEqual(task.status, from)
            const answer = yield* Effect.either(store.commit(task, { transition }))
            const expected = table[from][transition]
            if ("refused" in expected) {
              assert.strictEqual(answer._tag === "Left" ? answer.left._tag : "accepted", "TaskChanged", transition)
              assert.deepStrictEqual(yield* current(task), task)
            } else if ("same" in expected) {
              assert.deepStrictEqual(answer._tag === "Right" ? answer.right : undefined, task, transition)
            } else {
              const moved = answer._tag === "Right" ? answer.right : undefined
              assert.strictEqual(moved?.status, expected.to, transition)
              assert.strictEqual(moved?.revision, task.revision + 1)
              const [event] = yield* store.events(task.id, { afterRevision: task.revision, limit: 10 })
              assert.strictEqual(event?.type, expected.event)
            }
          }
        })
      )
    }

    check("applies the rest of a change whose transition asks for the status it has", () =>
      Effect.gen(function* () {
        const store = yield* Store
        const running = yield* advanced(...roads.running)
        const same = yield* store.commit(running, { transition: "run", entries: [{ log: "more" }] })
        assert.deepStrictEqual(same, { ...running, logLength: 4 })
      })
    )

    for (const status of statuses.filter(isTerminal)) {
      check(`keeps what a ${status} task came to, and lets its cleaning up go on`, () =>
        Effect.gen(function* () {
          const store = yield* Store
          const task = yield* advanced(...roads[status])
          const refused: ReadonlyArray<Change> = [
            { outcome },
            { error: { code: "c", message: "m" } },
            { artifacts: [{ uri: "u", kind: "k" }] },
            { attempt: 9 },
            { startToken: "t" },
            { providerRefs: {} },
            { cloudAgent: {} },
            { cursor: 1 }
          ]
          for (const change of refused) {
            const error = yield* Effect.flip(store.commit(task, { ...change, settled: true, entries: [{ log: "x" }] }))
            assert.strictEqual(error._tag, "TaskChanged")
          }
          assert.deepStrictEqual(yield* current(task), task)
          const cleaned = yield* store.commit(task, {
            entries: [{ type: "task.progress", message: "removed the worktree" }, { log: "bye" }],
            resources: [{ key: "a", kind: "worktree", ref: {}, state: "gone" }],
            dueAt: 5,
            settled: true
          })
          assert.deepStrictEqual(cleaned, { ...task, settled: true, logLength: 3, revision: task.revision + 1 })
        })
      )
    }
  })
