import { Clock, Context, Effect, Layer, Option, Schedule } from "effect"
import type { Account } from "../domain/Config.js"
import { type DispatchError, TaskTerminal } from "../domain/DispatchError.js"
import { isTerminal, step, type TaskStatus } from "../domain/Lifecycle.js"
import { type DispatchCall, routeDispatch, routeSpawn, type SpawnCall } from "../domain/Routing.js"
import type { Task } from "../domain/Task.js"
import { isOpen } from "../domain/TaskQuestion.js"
import * as View from "../domain/TaskView.js"
import { Adapters } from "../services/Adapter.js"
import { Audit } from "../services/Audit.js"
import { Scheduler } from "../services/Scheduler.js"
import { Redactor } from "../services/Redactor.js"
import { Settings } from "../services/Settings.js"
import { type LogPage, Store } from "../services/Store.js"
import { type Accept, makeAccept } from "./Accept.js"
import { isGroup, makeGroups, type Relatives } from "./Groups.js"
import { type LogQuery, readLog } from "./LogSearch.js"
import { eventPages } from "./EventPages.js"
import { makeParts } from "./Parts.js"
import { makeVisible, ownOnly } from "./Visible.js"
import { waitFor } from "./WaitFor.js"

/** How long `cancel` waits for the confirmation that nothing runs any more. */
const cancelWaitSeconds = 20

export interface ListQuery {
  readonly statuses?: ReadonlyArray<TaskStatus> | undefined
  readonly runtime?: string | undefined
  readonly provider?: string | undefined
  readonly group?: string | undefined
  readonly limit: number
  readonly before?: number | undefined
}

export interface SpawnOptions extends Accept {
  readonly relatives?: Relatives | undefined
}

export interface Capability {
  readonly adapter: string
  readonly provider: string
  readonly capability: string
  readonly taskTypes: ReadonlyArray<string>
  readonly targetModes: ReadonlyArray<string>
  readonly protocols?: ReadonlyArray<string>
  readonly configRequirements?: ReadonlyArray<string>
}

/** Everything a caller can ask of an installation; MCP and the command line are two ways to call it. */
export class Dispatch extends Context.Tag("agentdispatch/Dispatch")<
  Dispatch,
  {
    /** Accepts work by its short form. Returns once it is on disk, before anything runs. */
    readonly spawn: (call: SpawnCall, accept: SpawnOptions) => Effect.Effect<View.TaskHandle, DispatchError>
    /** Accepts work by its long form. */
    readonly dispatch: (call: DispatchCall, accept: Accept) => Effect.Effect<View.TaskHandle, DispatchError>
    /**
     * Where a task stands. With `sinceRevision` only what changed; with `waitSeconds` not before something did, the task
     * ended or the time is over.
     */
    readonly status: (
      id: string,
      options: {
        readonly sinceRevision?: number | undefined
        readonly waitSeconds?: number | undefined
        readonly full?: boolean | undefined
      }
    ) => Effect.Effect<View.TaskStatusView, DispatchError>
    readonly logs: (id: string, query: LogQuery) => Effect.Effect<LogPage & { readonly taskId: string }, DispatchError>
    /** The outcome so far; with `waitSeconds` not before the task ended or the time is over. */
    readonly result: (
      id: string,
      options: { readonly waitSeconds?: number | undefined }
    ) => Effect.Effect<View.TaskResultView, DispatchError>
    /** `cancelled` only after it was verified that nothing of the task runs, for which it waits, 20 s unless told. */
    readonly cancel: (id: string, waitSeconds?: number) => Effect.Effect<View.CancelView, DispatchError>
    readonly list: (
      query: ListQuery
    ) => Effect.Effect<{ readonly tasks: ReadonlyArray<View.TaskSummary>; readonly next?: number }, DispatchError>
    readonly providers: ReadonlyArray<string>
    readonly capabilities: (provider?: string) => ReadonlyArray<Capability>
    readonly accounts: ReadonlyArray<Account & { readonly name: string }>
  }
>() {
  static readonly layer = Layer.effect(
    Dispatch,
    Effect.gen(function* () {
      const store = yield* Store
      const adapters = yield* Adapters
      const audit = yield* Audit
      const scheduler = yield* Scheduler
      const { config, environment } = yield* Settings
      const { secretIn } = yield* Redactor
      const world = { config, specs: adapters.specs, environment, secretIn }

      const accept = yield* makeAccept
      const groups = yield* makeGroups
      const parts = yield* makeParts

      const find = yield* makeVisible

      const waited = waitFor(store)

      const { earliest, latest } = eventPages(store)

      const status = Effect.fn("dispatch.status")(function* (
        id: string,
        {
          sinceRevision,
          waitSeconds = 0,
          full = false
        }: { sinceRevision?: number | undefined; waitSeconds?: number | undefined; full?: boolean | undefined }
      ) {
        const now = yield* find(id)
        const known = sinceRevision ?? now.revision
        const at = yield* Clock.currentTimeMillis
        const task = yield* waited(now, waitSeconds, (seen) => seen.revision > known || isTerminal(seen.status))
        if (sinceRevision !== undefined && task.revision <= sinceRevision) return View.unchanged(task)
        const asked = task.status === "input_required" ? yield* store.questions(task.id) : []
        const open = asked.length === 0 ? {} : { questions: asked.filter(isOpen).map(View.question) }
        if (sinceRevision === undefined) {
          const queued = task.status === "queued" ? yield* store.queue(task.id) : Option.none()
          const place = Option.match(queued, {
            onNone: () => ({}),
            onSome: (found) => ({ queue: View.place(found, at) })
          })
          return { ...View.record(task, full), ...place, ...open }
        }
        const page = yield* (full ? earliest : latest)(task, sinceRevision)
        return { ...View.delta(task, page, full), ...open }
      })

      const cancel = Effect.fn("dispatch.cancel")(function* (id: string, waitSeconds: number) {
        const wish = Effect.gen(function* () {
          const task = yield* find(id)
          const wanted = step(task.status, "cancel")
          if ("refused" in wanted) return yield* new TaskTerminal({ id, status: task.status })
          if ("same" in wanted) return task
          const wished = yield* store.commit(task, { transition: "cancel", dueAt: 0 })
          // Only from now on can it get no more parts.
          if (wished.status !== "cancelled" || (yield* parts.has(wished))) return wished
          const settled = store.commit(wished, { settled: true })
          return yield* Effect.catchTag(settled, "TaskChanged", () => Effect.succeed(wished))
        })
        const wished = yield* Effect.retry(wish, {
          while: (error) => error._tag === "TaskChanged",
          schedule: Schedule.recurs(50)
        })
        yield* scheduler.wake(wished.id)
        const ended = yield* waited(wished, waitSeconds, (seen) => isTerminal(seen.status))
        return cancelView(ended)
      })

      const cancelOne = (id: string, waitSeconds: number) =>
        cancel(id, waitSeconds).pipe(
          Effect.catchTags({
            TaskNotFound: () => Effect.succeed<View.CancelView>({ status: "not_found" }),
            TaskTerminal: (error) =>
              Effect.succeed<View.CancelView>({
                status: "failed",
                error: { code: error.code, message: error.message }
              })
          }),
          Effect.tapBoth({
            onSuccess: (view) =>
              audit.append({
                event: "cancel_task",
                taskId: id,
                outcome: view.status,
                ...(view.error === undefined ? {} : { code: view.error.code })
              }),
            onFailure: (error) =>
              audit.append({ event: "cancel_task", taskId: id, outcome: "refused", code: error.code })
          })
        )

      return {
        spawn: Effect.fn("dispatch.spawn")(function* (call: SpawnCall, { relatives = {}, ...options }: SpawnOptions) {
          const lineage = yield* groups.lineage(relatives)
          const task = yield* accept.one("spawn_cloud_agent", routeSpawn(world, call), {
            ...options,
            ...(Object.keys(lineage).length === 0 ? {} : { lineage })
          })
          return View.handle(task)
        }),
        dispatch: (call, options) =>
          Effect.map(accept.one("dispatch_task", routeDispatch(world, call), options), View.handle),
        status,
        logs: Effect.fn("dispatch.logs")(function* (id: string, query: LogQuery) {
          const task = yield* find(id)
          return { taskId: task.id, ...(yield* readLog(store, task, query)) }
        }),
        result: Effect.fn("dispatch.result")(function* (
          id: string,
          { waitSeconds = 0 }: { waitSeconds?: number | undefined }
        ) {
          const task = yield* waited(yield* find(id), waitSeconds, (seen) => isTerminal(seen.status))
          return View.result(task, yield* store.artifacts(task.id))
        }),
        cancel: (id, waitSeconds = cancelWaitSeconds) =>
          isGroup(id)
            ? groups.tasks(id).pipe(
                Effect.flatMap(Effect.forEach((task) => cancelOne(task.id, waitSeconds), { concurrency: "unbounded" })),
                Effect.map(groupCancelView),
                Effect.catchTag("TaskNotFound", () => Effect.succeed<View.CancelView>({ status: "not_found" }))
              )
            : cancelOne(id, waitSeconds),
        list: (query) =>
          Effect.map(
            Effect.flatMap(ownOnly, (own) => store.list({ ...query, ...own })),
            (page) => ({
              tasks: page.tasks.map(View.summary),
              ...(page.next === undefined ? {} : { next: page.next })
            })
          ),
        providers: [...new Set(Object.values(config.accounts).map((account) => account.provider))].sort(),
        capabilities: (provider) =>
          adapters.specs
            .filter((spec) => provider === undefined || spec.provider === provider)
            .map((spec) => ({
              adapter: spec.name,
              provider: spec.provider,
              capability: spec.capability,
              taskTypes: spec.taskTypes,
              targetModes: spec.targetModes,
              ...(spec.protocols.length === 0 ? {} : { protocols: spec.protocols }),
              ...(spec.needs.length === 0 ? {} : { configRequirements: spec.needs.map((need) => need.id) })
            })),
        accounts: Object.entries(config.accounts).map(([name, account]) => ({ name, ...account }))
      }
    })
  )
}

/** Tasks that had ended before need no stopping. */
const groupCancelView = (views: ReadonlyArray<View.CancelView>): View.CancelView => {
  const open = views.filter(({ error }) => error?.code === unconfirmed)
  return open.length === 0
    ? { status: "cancelled" }
    : {
        status: "failed",
        error: {
          code: unconfirmed,
          message: `${open.length} of ${views.length} tasks were told to stop and are not confirmed stopped yet; call cancel_task again.`,
          retryable: true
        }
      }
}

const unconfirmed = "cancel.unconfirmed"

const cancelView = (task: Task): View.CancelView => {
  const { providerRefs } = task
  if (task.status === "cancelled") return { status: "cancelled", providerRefs }
  if (isTerminal(task.status)) {
    const error = task.error ?? new TaskTerminal({ id: task.id, status: task.status })
    return { status: "failed", providerRefs, error: { code: error.code, message: error.message } }
  }
  return {
    status: "failed",
    providerRefs,
    error: {
      code: unconfirmed,
      message:
        "The work was told to stop, but it is not confirmed that nothing runs any more. It is still being stopped; ask get_task_status, or call cancel_task again.",
      retryable: true
    }
  }
}
