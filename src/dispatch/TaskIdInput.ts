import { Effect, Schema } from "effect"
import { InvalidInput, type StoreFailed, type TaskNotFound } from "../domain/DispatchError.js"
import { TaskId } from "../domain/Task.js"
import type { Store } from "../services/Store.js"

const decode = Schema.decode(TaskId)

/** The id of a task that a caller named by its id or by its other name. */
export const resolveTaskId =
  (store: Pick<typeof Store.Service, "resolve">) =>
  (name: string): Effect.Effect<TaskId, InvalidInput | TaskNotFound | StoreFailed> =>
    /^dsp-[0-9a-f]{16}$/.test(name.trim()) ? store.resolve(name.trim()) : decodeTaskId(name)

/** A task id as a caller wrote it; another shape is told what shape ids have. */
export const decodeTaskId = (id: string) =>
  Effect.mapError(
    decode(id.trim()),
    () =>
      new InvalidInput({
        path: "task_id",
        problem: `"${id.slice(0, 60)}" is no task id; ids look like task_01h2x… and come from the handle or list_tasks`
      })
  )
