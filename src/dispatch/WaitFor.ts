import { Duration, Effect } from "effect"
import type { Task } from "../domain/Task.js"
import { Leaving } from "../services/Leaving.js"
import type { Store } from "../services/Store.js"

/** The task as soon as `ready`, or as it is when the time is over or the edge is about to go. */
export const waitFor = (store: typeof Store.Service) =>
  Effect.fn("dispatch.wait")(function* (task: Task, seconds: number, ready: (task: Task) => boolean) {
    let current = task
    if (seconds <= 0 || ready(current)) return current
    const changes = Effect.gen(function* () {
      while (!ready(current)) current = yield* store.changed(task.id, current.revision)
    })
    yield* Effect.timeoutOption(Effect.raceFirst(changes, yield* Leaving), Duration.seconds(seconds))
    return current
  })
