import { Effect, Option, Schema } from "effect"
import { type DispatchError, InvalidInput } from "../domain/DispatchError.js"
import { TaskStatus } from "../domain/Lifecycle.js"
import { CancelView, LogView, TaskResultView, TaskStatusView, TaskSummary } from "../domain/TaskView.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import { asking } from "./AskUser.js"
import * as Fields from "./Fields.js"
import * as LargeResult from "./LargeResult.js"
import * as Reply from "./Reply.js"
import { type CallContext, type Core, tool } from "./Tool.js"

const reads = { readOnly: true, idempotent: true } as const

/** Waits never longer than the client's own patience, and asks its user what the task's agent asks meanwhile. */
const waiting = (
  { task_id, wait_seconds }: { readonly task_id: string; readonly wait_seconds?: number | undefined },
  context: CallContext,
  look: (waitSeconds: number | undefined) => Effect.Effect<Reply.Reply, DispatchError, Core>
) =>
  wait_seconds === undefined
    ? look(undefined)
    : asking([task_id], Math.min(wait_seconds, context.waitBudget()), context, look)

const defaultLogPage = 8_000
/** An end is asked for to see how it goes, again and again. */
const defaultLogEnd = 2_000
const defaultListPage = 20

export const getTaskStatus = tool(
  {
    title: "Task status",
    description:
      "Where a task stands. Give since_revision (the revision of your last answer) to get only what changed, and wait_seconds to wait for a change instead of asking again and again.",
    ...reads
  },
  Schema.Struct({
    task_id: Fields.taskId,
    since_revision: Fields.optional(Schema.Int.pipe(Schema.nonNegative())),
    wait_seconds: Fields.waitSeconds,
    full: Fields.optional(Schema.Boolean, "Large fields uncut")
  }),
  TaskStatusView,
  (args, context) =>
    Effect.flatMap(Dispatch, (dispatch) =>
      waiting(args, context, (waitSeconds) =>
        Effect.map(
          dispatch.status(args.task_id, { sinceRevision: args.since_revision, waitSeconds, full: args.full }),
          Reply.value
        )
      )
    )
)

export const getTaskLogs = tool(
  {
    title: "Task log",
    description:
      "One page of a task's log, or with contains only its matching lines. Go on with nextCursor; a page that ends where it began means there is no more yet.",
    ...reads
  },
  Schema.Struct({
    task_id: Fields.taskId,
    cursor: Fields.optional(Schema.Int.pipe(Schema.nonNegative()), "Characters to skip (default 0)"),
    limit: Fields.optional(
      Schema.Int.pipe(Schema.between(1, 64_000)),
      `Characters to return (default ${defaultLogPage})`
    ),
    tail: Fields.optional(Schema.Boolean, `The end of the log instead (default ${defaultLogEnd})`),
    contains: Fields.optional(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200)))
  }),
  LogView,
  (args) =>
    Effect.flatMap(Dispatch, (dispatch) =>
      dispatch.logs(args.task_id, {
        cursor: args.cursor,
        limit: args.limit ?? (args.tail === true ? defaultLogEnd : defaultLogPage),
        tail: args.tail,
        contains: args.contains
      })
    ).pipe(Effect.map(Reply.value))
)

export const getTaskResult = tool(
  {
    title: "Task result",
    description:
      "A task's outcome: its result and artifacts once it succeeded, its error if it failed. wait_seconds waits for the end. A large one is cut and says so; cursor reads its whole text.",
    ...reads
  },
  Schema.Struct({
    task_id: Fields.taskId,
    wait_seconds: Fields.waitSeconds,
    cursor: Fields.optional(Schema.Int.pipe(Schema.nonNegative()), "Read from this character of its JSON on")
  }),
  Schema.Struct({
    ...LargeResult.pageFields,
    ...TaskResultView.fields,
    artifacts: Schema.optional(TaskResultView.fields.artifacts),
    cut: Schema.optional(LargeResult.Cut)
  }),
  (args, context) =>
    Effect.flatMap(Dispatch, (dispatch) =>
      waiting(args, context, (waitSeconds) =>
        Effect.gen(function* () {
          const view = yield* dispatch.result(args.task_id, { waitSeconds })
          if (args.cursor !== undefined)
            return Reply.value(LargeResult.pageOf(view, yield* LargeResult.wholeText(view), args.cursor))
          const { links, view: shown } = LargeResult.fitted(view)
          return { ...Reply.value(shown), links }
        })
      )
    )
)

export const cancelTask = tool(
  {
    title: "Cancel a task",
    description:
      "Stops a task. Answers cancelled only after nothing of it runs any more; work that finished first is kept.",
    readOnly: false,
    destructive: true,
    idempotent: true
  },
  Schema.Struct({ task_id: Fields.taskId }),
  CancelView,
  (args) => Effect.flatMap(Dispatch, (dispatch) => dispatch.cancel(args.task_id)).pipe(Effect.map(Reply.value))
)

/** A list's cursor is opaque to callers; it spells the store's. */
const ListCursor = Schema.NumberFromString.pipe(Schema.int(), Schema.positive())

export const listTasks = tool(
  {
    title: "List tasks",
    description:
      "The tasks of this installation, newest first; also those another window or an earlier session dispatched.",
    ...reads
  },
  Schema.Struct({
    status: Fields.optional(Schema.Union(TaskStatus, Schema.Array(TaskStatus))),
    runtime: Fields.optional(Schema.String),
    provider: Fields.optional(Schema.String),
    group: Fields.optional(Schema.String),
    limit: Fields.optional(Schema.Int.pipe(Schema.between(1, 100)), `default ${defaultListPage}`),
    cursor: Fields.optional(Schema.String, "nextCursor of the page before")
  }),
  Schema.Struct({ tasks: Schema.Array(TaskSummary), nextCursor: Schema.optional(Schema.String) }),
  (args) =>
    Effect.gen(function* () {
      const before = yield* Effect.transposeOption(
        Option.map(Option.fromNullable(args.cursor), (cursor) =>
          Effect.mapError(
            Schema.decode(ListCursor)(cursor),
            () =>
              new InvalidInput({
                path: "cursor",
                problem: `"${cursor.slice(0, 40)}" is no cursor; use the nextCursor of the page before`
              })
          )
        )
      )
      const dispatch = yield* Dispatch
      const page = yield* dispatch.list({
        statuses: args.status === undefined || typeof args.status !== "string" ? args.status : [args.status],
        runtime: args.runtime,
        provider: args.provider,
        group: args.group,
        limit: args.limit ?? defaultListPage,
        before: Option.getOrUndefined(before)
      })
      return Reply.value({ tasks: page.tasks, ...(page.next === undefined ? {} : { nextCursor: String(page.next) }) })
    })
)
