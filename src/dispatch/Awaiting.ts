import { Context, Duration, Effect, Layer, Option, Schema, Stream } from "effect"
import { type DispatchError, InvalidInput } from "../domain/DispatchError.js"
import { isTerminal, TaskStatus } from "../domain/Lifecycle.js"
import { keptMillis } from "../domain/RetentionConfig.js"
import type { Task, TaskId } from "../domain/Task.js"
import { isOpen, type TaskQuestion } from "../domain/TaskQuestion.js"
import * as View from "../domain/TaskView.js"
import { Leaving } from "../services/Leaving.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { makeGroups } from "./Groups.js"
import { Watch } from "./Watch.js"

export const AwaitMode = Schema.Literal("any", "all")
export type AwaitMode = typeof AwaitMode.Type

/** Where awaited tasks stand; what ended brings its outcome. */
export const AwaitView = Schema.Struct({
  /** False: the time was over first, or a task waits for an answer; call again. */
  done: Schema.Boolean,
  /** How many of several tasks go on; of one, `done` tells it. */
  unfinished: Schema.optional(Schema.Int),
  /** Those that ended or ask; while not done, only those with news since the call began. */
  tasks: Schema.Array(
    Schema.Struct({
      ...View.TaskResultView.fields,
      artifacts: Schema.optional(View.TaskResultView.fields.artifacts),
      status: TaskStatus,
      revision: Schema.Int,
      /** Its name within its group. */
      key: Schema.optional(Schema.String),
      questions: Schema.optional(Schema.Array(View.QuestionView))
    })
  )
})
export type AwaitView = typeof AwaitView.Type

/** A question that waits for its answer, and whose it is. */
export interface Asked {
  readonly task: TaskId
  readonly question: TaskQuestion
}

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
    /** What the tasks' agents ask and nobody has answered. */
    readonly open: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Asked>, DispatchError>
    /** The same as soon as it is as wanted, or the edge is about to go; else never. */
    readonly openWhen: (
      ids: ReadonlyArray<string>,
      wanted: (open: ReadonlyArray<Asked>) => boolean
    ) => Effect.Effect<ReadonlyArray<Asked>, DispatchError>
  }
>() {
  static readonly layer = Layer.effect(
    Awaiting,
    Effect.gen(function* () {
      const store = yield* Store
      const watch = yield* Watch
      const groups = yield* makeGroups
      const { config } = yield* Settings

      const named = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
        if (ids.length === 0 || ids.length > mostAwaited)
          return yield* new InvalidInput({ path: "task_ids", problem: `must name 1 to ${mostAwaited} tasks` })
        const tasks = yield* groups.named(ids)
        return tasks.length > mostAwaited
          ? yield* new InvalidInput({
              path: "task_ids",
              problem: `name ${tasks.length} tasks, more than ${mostAwaited}`
            })
          : tasks
      })

      const viewOf = Effect.fnUntraced(function* (task: Task) {
        const artifacts = isTerminal(task.status) ? yield* store.artifacts(task.id) : []
        const asked = task.status === "input_required" ? yield* store.questions(task.id) : []
        const { artifacts: left, ...result } = View.result(task, artifacts)
        return {
          ...result,
          ...(left.length === 0 ? {} : { artifacts: left }),
          revision: task.revision,
          ...(task.lineage?.key === undefined ? {} : { key: task.lineage.key }),
          ...(asked.length === 0 ? {} : { questions: asked.filter(isOpen).map(View.question) })
        }
      })

      const viewed = (tasks: ReadonlyArray<Task>, mode: AwaitMode) =>
        Effect.map(Effect.forEach(tasks, viewOf), (views): AwaitView => ({
          done: isDone(tasks, mode),
          ...(tasks.length === 1 ? {} : { unfinished: tasks.filter(isUnfinished).length }),
          tasks: views
        }))

      const asks = Effect.fnUntraced(function* (task: Task) {
        if (task.status !== "input_required") return []
        const questions = yield* store.questions(task.id)
        return questions.filter(isOpen).map((question): Asked => ({ task: task.id, question }))
      })

      const open = (ids: ReadonlyArray<string>) =>
        Effect.flatMap(named(ids), (tasks) => Effect.map(Effect.forEach(tasks, asks), (found) => found.flat()))

      return {
        keptMillis: keptMillis(config.retention ?? {}),
        find: named,
        view: viewed,
        open,
        openWhen: Effect.fn("await.openWhen")(function* (ids, wanted) {
          const tasks = yield* named(ids)
          const changes = watch.tasks(tasks.map(({ id }) => id)).pipe(
            Stream.mapEffect(() => open(ids)),
            Stream.filter(wanted),
            Stream.runHead,
            Effect.map(Option.getOrElse((): ReadonlyArray<Asked> => []))
          )
          return yield* Effect.raceFirst(changes, Effect.as(yield* Leaving, []))
        }),
        wait: Effect.fn("await.wait")(function* (ids, mode, seconds, onChange) {
          const first = yield* named(ids)
          const latest = new Map(first.map((task) => [task.id, task]))
          // A task whose last answer is on its way to the agent waits for nobody.
          const enough = Effect.suspend(() => {
            const tasks = [...latest.values()]
            return isDone(tasks, mode)
              ? Effect.succeed(true)
              : Effect.map(Effect.forEach(tasks, asks), (found) => found.flat().length > 0)
          })
          if (!(yield* enough)) {
            const changes = watch.tasks([...latest.keys()]).pipe(
              Stream.tap((task) => {
                const before = latest.get(task.id)
                latest.set(task.id, task)
                const ended = [...latest.values()].filter(({ status }) => isTerminal(status)).length
                return before?.revision === task.revision ? Effect.void : onChange(ended, task)
              }),
              Stream.takeUntilEffect(() => enough),
              Stream.runDrain
            )
            yield* Effect.timeoutOption(Effect.raceFirst(changes, yield* Leaving), Duration.seconds(seconds))
          }
          const view = yield* viewed([...latest.values()], mode)
          const known = new Map<string, TaskStatus>(first.map(({ id, status }) => [id, status]))
          const isNews = ({ questions, status, taskId }: AwaitView["tasks"][number]) =>
            questions !== undefined || known.get(taskId) !== status || (view.done && isTerminal(status))
          return { ...view, tasks: view.tasks.filter(isNews) }
        })
      }
    })
  )
}

const isUnfinished = ({ status }: Task): boolean => !isTerminal(status)

const isDone = (tasks: ReadonlyArray<Task>, mode: AwaitMode): boolean =>
  mode === "any" ? tasks.some(({ status }) => isTerminal(status)) : tasks.every(({ status }) => isTerminal(status))
