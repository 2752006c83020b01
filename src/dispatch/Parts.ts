import { Effect, Schedule } from "effect"
import { isTerminal, step, type TaskStatus } from "../domain/Lifecycle.js"
import type { Task, TaskError, TaskId } from "../domain/Task.js"
import { Store } from "../services/Store.js"

const page = 100

/** The statuses in which a part can still be told to stop. */
const stoppable: ReadonlyArray<TaskStatus> = ["queued", "provisioning", "starting", "running", "input_required"]

/** What tasks have to do with each other while they are driven. */
export const makeParts = Effect.gen(function* () {
  const store = yield* Store

  const cancelOne = (id: TaskId) =>
    Effect.retry(
      Effect.gen(function* () {
        const part = yield* store.find(id)
        const wanted = step(part.status, "cancel")
        if ("refused" in wanted || "same" in wanted) return
        // A cancelled task that may have parts of its own is not settled before those are told.
        yield* store.commit(part, {
          transition: "cancel",
          dueAt: 0,
          entries: [{ type: "task.progress", message: `Cancelled with ${part.lineage?.parent ?? "its parent"}.` }]
        })
      }),
      { while: (error) => error._tag === "TaskChanged", schedule: Schedule.recurs(50) }
    ).pipe(Effect.catchTag("TaskNotFound", () => Effect.void))

  /** Wishes that everything stops that is a part of a task; each part's own driver tells that part's parts. */
  const cancel = Effect.fn("parts.cancel")(function* (task: Pick<Task, "id">) {
    let before: number | undefined
    do {
      const { next, tasks } = yield* store.list({ parent: task.id, statuses: stoppable, limit: page, before })
      yield* Effect.forEach(tasks, ({ id }) => cancelOne(id), { discard: true })
      before = next
    } while (before !== undefined)
  })

  /** Why a queued task cannot start: it never will, or not yet. */
  const unmet = Effect.fn("parts.unmet")(function* (task: Task) {
    if ((task.lineage?.dependsOn ?? []).length === 0) return undefined
    const open = (yield* store.dependencies(task.id)).filter(({ status }) => status !== "succeeded")
    const lost = open.filter(({ status }) => isTerminal(status))
    if (lost.length === 0) return open.length === 0 ? undefined : ("not yet" as const)
    return {
      code: "dependency.failed",
      message: `It was never started, because it needs ${lost.map(({ id, status }) => `${id}, which ${told(status)}`).join(" and ")}.`,
      retryable: false,
      details: lost.map(({ id, status }) => ({ taskId: id, status }))
    } satisfies TaskError
  })

  /** Something is a part of it. */
  const has = (task: Pick<Task, "id">) =>
    Effect.map(store.list({ parent: task.id, limit: 1 }), ({ tasks }) => tasks.length > 0)

  return { cancel, has, unmet }
})

export type Parts = Effect.Effect.Success<typeof makeParts>

const told = (status: TaskStatus): string => (status === "cancelled" ? "was cancelled" : "failed")
