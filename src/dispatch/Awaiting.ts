import { Context, Duration, Effect, Layer, Schema, Stream } from "effect"
import { type DispatchError, InvalidInput } from "../domain/DispatchError.js"
import { isTerminal, TaskStatus } from "../domain/Lifecycle.js"
import { keptMillis } from "../domain/RetentionConfig.js"
import type { Task, TaskId } from "../domain/Task.js"
import { isOpen } from "../domain/TaskQuestion.js"
import * as View from "../domain/TaskView.js"
import { Leaving } from "../services/Leaving.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { makeVisible } from "./Visible.js"
import { Watch } from "./Watch.js"

export const AwaitMode = Schema.Literal("any", "all")
export type AwaitMode = typeof AwaitMode.Type

/** Where awaited tasks stand; what ended brings its outcome. */
export const AwaitView = Schema.Struct({
  /** False: the time was over first, or a task waits for an answer; call again. */
  done: Schema.Boolean,
  tasks: Schema.Array(
    Schema.Struct({
      ...View.TaskResultView.fields,
      artifacts: Schema.optional(View.TaskResultView.fields.artifacts),
      status: TaskStatus,
      revision: Schema.Int,
      questions: Schema.optional(Schema.Array(View.QuestionView))
    })
  )
})
export type AwaitView = typeof AwaitView.Type

/** How many tasks one call may wait for. */
export const mostAwaited = 50

/** Waits for the end of tasks. */
export class Awaiting extends Context.Tag("agentdispatch/Awaiting")<
  Awaiting,
  {
    /** For how long a task is kept after its end at the least, in milliseconds; nothing if for ever. */
    readonly keptMillis: number | undefined
    /** The tasks as they are now, each once; at most `mostAwaited`. */
    readonly find: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Task>, DispatchError>
    readonly view: (tasks: ReadonlyArray<Task>, mode: AwaitMode) => Effect.Effect<AwaitView, DispatchError>
    /**
     * Ends when one of the tasks, or all of them, have ended, when one waits for an answer, or when the time is over;
     * that is no error. `onChange` hears of every change meanwhile.
     */
    readonly wait: (
      ids: ReadonlyArray<string>,
      mode: AwaitMode,
      seconds: number,
      onChange: (ended: number, task: Task) => Effect.Effect<void>
    ) => Effect.Effect<AwaitView, DispatchError>
  }
>() {
  static readonly layer = Layer.effect(
    Awaiting,
    Effect.gen(function* () {
      const store = yield* Store
      const watch = yield* Watch
      const find = yield* makeVisible
      const { config } = yield* Settings

      const named = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
        if (ids.length === 0 || ids.length > mostAwaited)
          return yield* new InvalidInput({ path: "task_ids", problem: `must name 1 to ${mostAwaited} tasks` })
        return yield* Effect.forEach(new Set(ids), find)
      })

      const viewOf = Effect.fnUntraced(function* (task: Task) {
        const artifacts = isTerminal(task.status) ? yield* store.artifacts(task.id) : []
        const asked = task.status === "input_required" ? yield* store.questions(task.id) : []
        const { artifacts: left, ...result } = View.result(task, artifacts)
        return {
          ...result,
          ...(left.length === 0 ? {} : { artifacts: left }),
          revision: task.revision,
          ...(asked.length === 0 ? {} : { questions: asked.filter(isOpen).map(View.question) })
        }
      })

      const viewed = (tasks: ReadonlyArray<Task>, mode: AwaitMode) =>
        Effect.map(Effect.forEach(tasks, viewOf), (views): AwaitView => ({ done: isDone(tasks, mode), tasks: views }))

      return {
        keptMillis: keptMillis(config.retention ?? {}),
        find: named,
        view: viewed,
        wait: Effect.fn("await.wait")(function* (ids, mode, seconds, onChange) {
          const latest = new Map<TaskId, Task>()
          for (const task of yield* named(ids)) latest.set(task.id, task)
          const enough = () => {
            const tasks = [...latest.values()]
            return isDone(tasks, mode) || tasks.some(({ status }) => status === "input_required")
          }
          if (!enough()) {
            const changes = watch.tasks([...latest.keys()]).pipe(
              Stream.tap((task) => {
                const before = latest.get(task.id)
                latest.set(task.id, task)
                const ended = [...latest.values()].filter(({ status }) => isTerminal(status)).length
                return before?.revision === task.revision ? Effect.void : onChange(ended, task)
              }),
              Stream.takeUntil(enough),
              Stream.runDrain
            )
            yield* Effect.timeoutOption(Effect.raceFirst(changes, yield* Leaving), Duration.seconds(seconds))
          }
          return yield* viewed([...latest.values()], mode)
        })
      }
    })
  )
}

const isDone = (tasks: ReadonlyArray<Task>, mode: AwaitMode): boolean =>
  mode === "any" ? tasks.some(({ status }) => isTerminal(status)) : tasks.every(({ status }) => isTerminal(status))
