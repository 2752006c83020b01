import { Effect, Schema } from "effect"
import { InvalidInput } from "../domain/DispatchError.js"
import { TaskId } from "../domain/Task.js"

const decode = Schema.decode(TaskId)

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
