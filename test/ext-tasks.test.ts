import { JsonRpcResponseError, type SerializedTaskReference } from "@modelcontextprotocol/ext-tasks/client"
import { taskId } from "@modelcontextprotocol/ext-tasks/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { AwaitView } from "../src/dispatch/Awaiting.js"
import { TaskHandle } from "../src/domain/TaskView.js"
import { labConfig } from "./clients/LabAgent.js"
import { askingConfig } from "./support/AskingAgent.js"
import { eventually, place } from "./support/Server.js"
import { type TasksPeer, tasksPeer, wires } from "./support/TasksPeer.js"
import { allow, workbench } from "./support/Workbench.js"

const structured = <A, I>(content: Schema.Schema<A, I>) =>
  Schema.decodeUnknownSync(
    Schema.Struct({ status: Schema.Literal("completed"), result: Schema.Struct({ structuredContent: content }) })
  )
const handleOf = structured(TaskHandle)
const endOf = structured(AwaitView)

/** Work that the server has accepted, by its id. */
const spawned = ({ session }: TasksPeer, params: { readonly [key: string]: string | { readonly delayMs: number } }) =>
  Effect.promise(async () => {
    const call = await session.callTool("spawn_cloud_agent", params)
    assert.strictEqual(call.kind, "immediate")
    return handleOf((await call.settle()).outcome).result.structuredContent.taskId
  })

/** Waits for a task as the extension does, and writes down what it takes to come back to it. */
const handedOff = ({ session }: TasksPeer, id: string) =>
  Effect.promise(async () => {
    const call = await session.callTool("await_task", { task_ids: [id] })
    if (call.kind !== "task") return assert.fail("await_task did not become a task")
    assert.strictEqual(call.handle.taskId, id)
    const notes: Array<SerializedTaskReference> = []
    await call.handoff((reference) => void notes.push(reference))
    return notes[0] ?? assert.fail("there is nothing to come back by")
  })

const resumed = ({ session }: TasksPeer, reference: SerializedTaskReference) =>
  Effect.promise(async () => (await (await session.resumeTask(reference)).settle()).outcome)

const snapshot = ({ session }: TasksPeer, id: string) => Effect.promise(() => session.task(taskId(id)).snapshot())

const reaches = (peer: TasksPeer, id: string, status: string) =>
  eventually(Effect.map(snapshot(peer, id), (task) => (task.status === status ? task : undefined)))

const echo = (delayMs: number) => ({ runtime: "echo", instruction: "say it", context: { delayMs } })

for (const wire of wires) {
  describe(`the Tasks extension's own client, over ${wire}`, () => {
    it.scopedLive(
      "comes back to its task after the server was killed, asks no more often than told, and has its result",
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const config = labConfig(at, { log: 10, result: 10 })
          const first = yield* tasksPeer(wire, at, config)
          assert.deepStrictEqual(
            [first.session.capabilities.execution, first.session.capabilities.cancellation],
            [true, true]
          )
          const id = yield* spawned(first, { instruction: "go on until told" })
          const reference = yield* handedOff(first, id)
          yield* first.kill

          const next = yield* tasksPeer(wire, at, config)
          const asks = () => next.sent.filter(({ method }) => method === "tasks/get")
          const following = yield* Effect.fork(resumed(next, reference))
          yield* eventually(Effect.sync(() => asks()[2]))
          allow(at)
          const outcome = endOf(yield* Fiber.join(following))
          assert.deepStrictEqual(
            outcome.result.structuredContent.tasks.map(({ status, taskId: ended }) => [ended, status]),
            [[id, "succeeded"]]
          )
          const { raw, suggestedPollIntervalMs } = yield* snapshot(next, id)
          assert.strictEqual(suggestedPollIntervalMs, 2_000, JSON.stringify(raw))
          for (const [index, { at: then }] of asks().slice(0, -1).entries())
            assert.isAtLeast(then - (asks()[index - 1]?.at ?? Number.NEGATIVE_INFINITY), 1_990)
        }),
      60_000
    )

    it.scopedLive(
      "is not asked where it shows no forms, and answers where it does, also after the server was killed",
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const config = askingConfig(true)
          const first = yield* tasksPeer(wire, at, config)
          const id = yield* spawned(first, { instruction: "tidy up" })
          const reference = yield* handedOff(first, id)
          yield* eventually(
            Effect.map(
              snapshot(first, id),
              ({ statusMessage }) => statusMessage?.includes("waits for an answer") || undefined
            )
          )
          const { raw, status } = yield* snapshot(first, id)
          assert.deepStrictEqual([status, raw["inputRequests"]], ["working", undefined])
          yield* first.kill

          const shown: Array<string> = []
          const next = yield* tasksPeer(wire, at, config, ({ params }) => {
            shown.push(String(params["message"]))
            return { action: "accept", content: { answer: "yes" } }
          })
          const ended = endOf(yield* resumed(next, reference)).result.structuredContent.tasks[0]
          assert.deepStrictEqual(shown, ["May I delete it?"])
          assert.deepStrictEqual(ended?.result, { key: "delete", action: "accept", answer: "yes" })
          assert.lengthOf(
            next.sent.filter(({ method }) => method === "tasks/update"),
            1
          )
        }),
      60_000
    )

    it.scopedLive(
      "cancels a task that another server had accepted, and is told what is not there",
      () =>
        Effect.gen(function* () {
          const at = yield* place
          const first = yield* tasksPeer(wire, at, workbench())
          const id = yield* spawned(first, echo(60_000))
          yield* first.kill

          const next = yield* tasksPeer(wire, at, workbench())
          for (const _ of [1, 2]) yield* Effect.promise(() => next.session.cancelTask(taskId(id)))
          yield* reaches(next, id, "cancelled")
          const { status } = yield* Effect.promise(() => next.session.task(taskId(id)).result())
          assert.strictEqual(status, "cancelled")

          const nobody = next.session.task(taskId("task_zzzzzzzzzzzzzzzzzzzzzzzzzz"))
          const looks: ReadonlyArray<() => Promise<unknown>> = [
            () => nobody.snapshot(),
            () => nobody.cancel(),
            () => nobody.update({})
          ]
          for (const look of looks) {
            const code = yield* Effect.promise(() =>
              look().then(
                () => 0,
                (error: unknown) => (error instanceof JsonRpcResponseError ? error.code : error)
              )
            )
            assert.strictEqual(code, -32_602)
          }
        }),
      60_000
    )
  })
}
