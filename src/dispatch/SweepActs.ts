import { Effect } from "effect"
import { TaskChanged, TaskNotFound } from "../domain/DispatchError.js"
import type { Action, Finding } from "../domain/Sweep.js"
import { isTerminal } from "../domain/Lifecycle.js"
import { TaskId } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { Audit } from "../services/Audit.js"
import { Scheduler } from "../services/Scheduler.js"
import { Settings } from "../services/Settings.js"
import { Store } from "../services/Store.js"
import { guard } from "./AdapterAnswer.js"
import { ledgerOf } from "./SweepLook.js"
import { makeExport } from "./TaskExport.js"

/** What came of an action: done, not now and perhaps later, left as it is for a reason, or failed. */
export interface Act {
  readonly outcome: "done" | "later" | "kept" | "failed"
  readonly detail?: string
}

const done: Act = { outcome: "done" }

/** Does what a finding asks for, writes it to the audit and tells it in the task's journal. */
export const makeActs = Effect.gen(function* () {
  const store = yield* Store
  const adapters = yield* Adapters
  const audit = yield* Audit
  const scheduler = yield* Scheduler
  const { config } = yield* Settings
  const exported = yield* makeExport

  /** A visible change after its end would be told as a second end, so an ended task has it in its log. */
  const tell = (taskId: TaskId, message: string) =>
    Effect.gen(function* () {
      const task = yield* store.find(taskId)
      const type = isTerminal(task.status) ? "task.log" : "task.progress"
      yield* store.commit(task, { entries: [{ type, message }] })
    })

  const wake = Effect.fnUntraced(function* (id: TaskId) {
    const task = yield* store.find(id)
    yield* store.commit(task, { dueAt: 0 })
    yield* scheduler.wake(id)
    return done
  }, faster)

  const remove = Effect.fnUntraced(function* ({ adapter: name, remnant }: Extract<Action, { do: "remove" }>) {
    const adapter = yield* adapters.find(name)
    const { reap } = adapter
    // Settled is final, so this cannot become wrong between the look and the act; a second look costs nothing.
    const standing = (yield* store.upkeep.standings([remnant.taskId])).get(remnant.taskId)
    if (reap === undefined || standing?.is === "living")
      return { outcome: "kept", detail: "its task lives" } satisfies Act
    const reaped = yield* guard("reap", () => reap(remnant, ledgerOf(store, adapter.spec)))
    if (reaped.state === "stays") return { outcome: "kept", detail: reaped.because } satisfies Act
    return reaped.state === "gone" ? done : ({ outcome: "later" } satisfies Act)
  })

  /** The copy is on disk to stay before anything is deleted, and what changed since the copy keeps its task. */
  const forget = Effect.fnUntraced(function* (id: TaskId) {
    const task = yield* store.find(id)
    const folder = config.retention?.export
    if (!task.settled || folder === undefined) return { outcome: "kept", detail: "it is not settled" } satisfies Act
    const path = folder === false ? undefined : yield* exported(task, folder)
    const forgotten = yield* store.upkeep.forget(task, path)
    return forgotten ? { ...done, ...(path === undefined ? {} : { detail: `exported to ${path}` }) } : later
  }, faster)

  const act = ({ action, taskId }: Finding): Effect.Effect<Act, { readonly message: string }> => {
    switch (action.do) {
      case "report":
        return Effect.succeed(later)
      case "wake":
        return wake(TaskId.make(taskId))
      case "release":
        return Effect.as(store.release(action.owner, [TaskId.make(taskId)]), done)
      case "remove":
        return remove(action)
      case "shorten":
        return Effect.map(store.upkeep.cutLog(TaskId.make(taskId), action.bytes), (bytes): Act => ({
          ...done,
          detail: `${bytes} bytes`
        }))
      case "forget":
        return forget(TaskId.make(taskId))
    }
  }

  /** Never fails: what could not be done is found again by the next look. */
  const perform = (finding: Finding): Effect.Effect<Act> =>
    Effect.gen(function* () {
      const { action, kind, taskId, what } = finding
      const came = yield* Effect.catchAll(act(finding), (failure) =>
        Effect.succeed<Act>({ outcome: "failed", detail: failure.message })
      )
      const detail = { kind, what, action: action.do, ...(came.detail === undefined ? {} : { detail: came.detail }) }
      yield* audit.append({ event: "sweep", taskId, outcome: came.outcome, detail })
      if (came.outcome === "done" && told.has(action.do)) {
        yield* tell(TaskId.make(taskId), `Swept: ${what}; ${inWords[action.do]}.`).pipe(
          Effect.catchTag("TaskNotFound", () => Effect.void),
          Effect.catchAll((error) => Effect.logWarning(`${taskId} could not be told of the sweep: ${error.message}`))
        )
      }
      return came
    })

  return perform
})

const later: Act = { outcome: "later" }

/** What another process does meanwhile is no failure of this one. */
const faster = <E>(acting: Effect.Effect<Act, E | TaskChanged | TaskNotFound>) =>
  acting.pipe(
    Effect.catchIf(
      (error): error is TaskChanged => error instanceof TaskChanged,
      () => Effect.succeed(later)
    ),
    Effect.catchIf(
      (error): error is TaskNotFound => error instanceof TaskNotFound,
      () => Effect.succeed<Act>({ ...done, detail: "another process was faster" })
    )
  )

const told = new Set<Action["do"]>(["wake", "release", "remove"])

export const inWords: Readonly<Record<Action["do"], string>> = {
  report: "nothing is done about it",
  wake: "it is due now",
  release: "it is given to whoever asks",
  remove: "it is removed",
  shorten: "its middle is cut out",
  forget: "its record is deleted"
}
