import { Effect } from "effect"
import type { StoreFailed, TaskChanged } from "../domain/DispatchError.js"
import type { Resource, Task, TaskError } from "../domain/Task.js"
import type { Adapter, AdapterFailure } from "../services/Adapter.js"
import type { Next } from "../services/Scheduler.js"
import type { Store } from "../services/Store.js"
import { guard, unstoppable } from "./AdapterAnswer.js"
import type { Parts } from "./Parts.js"
import { backoff, cancelPatience, type Patience, stoppingPatience } from "./Patience.js"
import type { Collected } from "./Questions.js"

/** How much output is still collected from work that was stopped, in observations. */
const drainLimit = 256

interface Steps<E> {
  readonly store: typeof Store.Service
  readonly patience: Patience
  readonly parts: Parts
  readonly openResources: (task: Task) => Effect.Effect<ReadonlyArray<Resource>, StoreFailed>
  readonly collect: (adapter: typeof Adapter.Service, task: Task) => Effect.Effect<Collected, E>
  readonly fail: (task: Task, error: TaskError) => Effect.Effect<Next, TaskChanged | StoreFailed>
  readonly again: (task: Task) => Next
  readonly after: (task: Task, millis: number) => Next
}

/** A step of a task that is being stopped, by somebody's wish or because of its terms; its parts are stopped with it. */
export const stopping = <E>({ store, patience, parts, openResources, collect, fail, again, after }: Steps<E>) => {
  /** Not stopped yet; `failure` if the adapter could not even ask. */
  const keepStopping = Effect.fn("drive.keepStopping")(function* (
    task: Task,
    failure: AdapterFailure | undefined,
    pause: number
  ) {
    if (failure === undefined) yield* patience.heard(task.id, "cancel")
    const over = yield* failure === undefined
      ? patience.isOver(task.id, "stop", stoppingPatience)
      : patience.isOver(task.id, "cancel", cancelPatience)
    return over ? yield* fail(task, unstoppable(failure)) : after(task, pause)
  })

  /** What stopped work had still printed; a start that never happened has nothing. */
  const drain = Effect.fn("drive.drain")(function* (adapter: typeof Adapter.Service, task: Task) {
    if ((task.startToken ?? "") === "") return task
    let current = task
    for (let round = 0; round < drainLimit; round++) {
      const seen = yield* Effect.either(guard("observe", () => adapter.observe(current)))
      if (seen._tag === "Left") return current
      const { entries, cursor, outcome, pollAfter } = seen.right
      if (entries.length > 0) current = yield* store.commit(current, { entries, cursor })
      if (outcome !== undefined || pollAfter > 0) return current
    }
    return current
  })

  return Effect.fn("drive.cancelling")(function* (adapter: typeof Adapter.Service, task: Task) {
    yield* parts.cancel(task)
    const cancelled = yield* Effect.either(guard("cancel", () => adapter.cancel(task)))
    if (cancelled._tag === "Left") return yield* keepStopping(task, cancelled.left, backoff(1))
    const { right: answer } = cancelled
    if (answer.state === "stopping") return yield* keepStopping(task, undefined, answer.pollAfter)
    yield* patience.regained(task.id)
    if (answer.state === "finished") {
      const collected = yield* collect(adapter, task)
      return collected.ended || collected.millis === 0 ? again(collected.task) : after(collected.task, collected.millis)
    }
    const drained = answer.drained === true ? task : yield* drain(adapter, task)
    const open = yield* openResources(drained)
    return again(
      yield* store.commit(drained, {
        ...(task.stopping === undefined
          ? { transition: "stopped" as const }
          : { transition: "fail" as const, error: task.stopping }),
        entries: answer.entries ?? [],
        settled: open.length === 0
      })
    )
  })
}
