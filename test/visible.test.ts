import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Dispatch } from "../src/dispatch/Dispatch.js"
import { type DispatchError, IdempotencyConflict } from "../src/domain/DispatchError.js"
import { FollowUp } from "../src/dispatch/FollowUp.js"
import { TaskArtifacts } from "../src/dispatch/TaskArtifacts.js"
import { Caller } from "../src/services/Caller.js"
import { core } from "./fakes/CoreFixture.js"

const as = (principal: string) => Effect.provideService(Caller, { principal })
const whole = Layer.mergeAll(FollowUp.layer, TaskArtifacts.layer).pipe(Layer.provideMerge(core()))
const unknown = "task_00000000000000000000009999"
const work = { instruction: "do it", runtime: "once" }

/** Every way to name a task, as the answer or the error it gets. */
const looks = (id: string) =>
  Effect.gen(function* () {
    const dispatch = yield* Dispatch
    const { send } = yield* FollowUp
    const { read } = yield* TaskArtifacts
    const told = (look: Effect.Effect<unknown, DispatchError>) =>
      Effect.match(look, {
        onFailure: ({ _tag, message }) => `${_tag} ${message}`.replaceAll(id, "ID"),
        onSuccess: (answer) => JSON.stringify(answer).replaceAll(id, "ID")
      })
    return yield* Effect.all([
      told(dispatch.status(id, {})),
      told(dispatch.status(id, { sinceRevision: 0, waitSeconds: 0 })),
      told(dispatch.logs(id, { cursor: 0, limit: 10 })),
      told(dispatch.result(id, {})),
      told(dispatch.cancel(id, 0)),
      told(send(id, "hello")),
      told(read(id, "1", { offset: 0, limit: 10 }))
    ])
  })

describe("a task", () => {
  it.effect("does not exist for another principal, whichever way it is looked for", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const { taskId } = yield* dispatch.spawn(work, {}).pipe(as("principal:alice"))
      const nothing = yield* looks(unknown).pipe(as("principal:bob"))
      for (const principal of ["principal:bob", "principal:", "principal:alice2", "", "alice"])
        assert.deepStrictEqual(yield* looks(taskId).pipe(as(principal)), nothing, principal)
      assert.deepStrictEqual((yield* dispatch.list({ limit: 10 }).pipe(as("principal:bob"))).tasks, [])
      assert.strictEqual((yield* dispatch.status(taskId, {}).pipe(as("principal:alice"))).status, "queued")
    }).pipe(Effect.provide(whole))
  )

  it.effect("is seen by the local user whoever dispatched it, and the local user's by nobody else", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const hers = yield* dispatch.spawn(work, {}).pipe(as("principal:alice"))
      const local = yield* dispatch.spawn(work, {}).pipe(as("user:operator"))
      const listed = (principal: string) =>
        Effect.map(dispatch.list({ limit: 10 }), ({ tasks }) => tasks.map((task) => task.taskId)).pipe(as(principal))
      assert.deepStrictEqual(yield* listed("user:somebody"), [local.taskId, hers.taskId])
      assert.deepStrictEqual(yield* listed("principal:alice"), [hers.taskId])
      assert.strictEqual((yield* dispatch.cancel(hers.taskId, 0).pipe(as("user:operator"))).status, "cancelled")
      assert.strictEqual((yield* dispatch.cancel(local.taskId, 0).pipe(as("principal:alice"))).status, "not_found")
    }).pipe(Effect.provide(whole))
  )

  it.effect("is found again by its idempotency key by its own principal alone", () =>
    Effect.gen(function* () {
      const dispatch = yield* Dispatch
      const spawn = (principal: string, instruction = "do it", idempotencyKey = "k") =>
        Effect.map(dispatch.spawn({ ...work, instruction }, { idempotencyKey }), ({ taskId }) => taskId).pipe(
          as(principal)
        )
      const first = yield* spawn("principal:a")
      assert.strictEqual(yield* spawn("principal:a"), first)
      const others = [
        yield* spawn("principal:b", "something else"),
        yield* spawn("user:operator", "something else"),
        yield* spawn("principal:a,k", "something else", ""),
        yield* spawn("principal:", "something else", "a,k")
      ]
      assert.lengthOf(new Set([first, ...others]), 5)
      const conflict = yield* Effect.flip(spawn("principal:b", "do it"))
      assert.strictEqual(conflict.message, new IdempotencyConflict({ key: "k", taskId: others[0] ?? "" }).message)
    }).pipe(Effect.provide(whole))
  )
})
