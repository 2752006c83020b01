import { Context, Effect, Layer, Queue, Schedule, type Scope, Stream } from "effect"
import type { StoreFailed } from "../domain/DispatchError.js"
import type { Task, TaskId } from "../domain/Task.js"
import { Store } from "../services/Store.js"

/** How soon a change is told, by whichever process it was made. */
const look = "250 millis"

/** Tells of changes of many tasks; however many watch, the store is asked once in a while. */
export class Watch extends Context.Tag("agentdispatch/Watch")<
  Watch,
  {
    /** Each task as it is now, and again after each change; ends for a task never, for all with the scope. */
    readonly tasks: (ids: ReadonlyArray<TaskId>) => Stream.Stream<Task, StoreFailed>
  }
>() {
  static readonly layer = Layer.scoped(
    Watch,
    Effect.gen(function* () {
      const store = yield* Store
      const scope = yield* Effect.scope
      const watchers = new Set<Watcher>()
      let looking = false

      /** One look for all watchers; a look that failed is made again. */
      const round = Effect.gen(function* () {
        const ids = new Set([...watchers].flatMap((watcher) => [...watcher.known.keys()]))
        const revisions = yield* store.revisions([...ids])
        for (const watcher of watchers) {
          for (const [id, known] of watcher.known) {
            const revision = revisions.get(id)
            if (revision !== undefined && revision !== known) {
              watcher.known.set(id, revision)
              yield* Queue.offer(watcher.changed, id)
            }
          }
        }
      }).pipe(Effect.catchAll((error) => Effect.logWarning(`watched tasks could not be looked at: ${error.message}`)))

      const whileWatched = Effect.suspend(() => {
        if (watchers.size > 0) return Effect.as(round, true)
        looking = false
        return Effect.succeed(false)
      }).pipe(Effect.repeat({ while: (watched) => watched, schedule: Schedule.spaced(look) }))

      const enter = (ids: ReadonlyArray<TaskId>): Effect.Effect<Watcher, never, Scope.Scope> =>
        Effect.acquireRelease(
          Effect.gen(function* () {
            const watcher: Watcher = {
              known: new Map(ids.map((id) => [id, -1])),
              changed: yield* Queue.unbounded<TaskId>()
            }
            watchers.add(watcher)
            if (!looking) {
              looking = true
              // What is forked while a resource is acquired would not be interruptible, and the scope could not end.
              yield* Effect.forkIn(Effect.interruptible(whileWatched), scope)
            }
            return watcher
          }),
          (watcher) => Effect.sync(() => void watchers.delete(watcher))
        )

      return {
        tasks: (ids) =>
          Stream.unwrapScoped(Effect.map(enter(ids), ({ changed }) => Stream.fromQueue(changed))).pipe(
            Stream.mapEffect((id) =>
              Effect.catchTag(Effect.asSome(store.find(id)), "TaskNotFound", () => Effect.succeedNone)
            ),
            Stream.filterMap((found) => found)
          )
      }
    })
  )
}

interface Watcher {
  /** The revision last told of each task. */
  readonly known: Map<TaskId, number>
  readonly changed: Queue.Queue<TaskId>
}
