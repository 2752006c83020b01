import { type InputRequest, inputRequired } from "@modelcontextprotocol/server"
import { Effect } from "effect"
import { adapterDefect } from "../dispatch/AdapterAnswer.js"
import { Answers } from "../dispatch/Answers.js"
import { Awaiting, type AwaitMode, type AwaitView } from "../dispatch/Awaiting.js"
import type { DispatchError } from "../domain/DispatchError.js"
import { isTerminal } from "../domain/Lifecycle.js"
import type { Task } from "../domain/Task.js"
import { iso } from "../domain/TaskView.js"
import { isOpen } from "../domain/TaskQuestion.js"
import { formOf } from "./Elicit.js"
import { fittedAll } from "./LargeResult.js"
import * as Reply from "./Reply.js"

/**
 * What an MCP task of ours stands for: one of our tasks, under its own id, or a wait for several. A wait's id spells
 * what it waits for, so it needs no memory and is as unguessable as the ids in it.
 */
export interface Handle {
  readonly mode: AwaitMode
  readonly ids: ReadonlyArray<string>
}

export const handleId = ({ ids, mode }: Handle): string =>
  ids.length === 1 ? (ids[0] ?? "") : [mode, ...ids].join(".")

export const handleOf = (id: string): Handle => {
  const [mode, ...ids] = id.split(".")
  return (mode === "any" || mode === "all") && ids.length > 0 ? { mode, ids } : { mode: "all", ids: [id] }
}

/** How often a client should ask; it may as well listen. */
const pollIntervalMs = 2_000

/** The SDK marks what it answers itself; a result inside a task is marked here, for clients decode it as strictly. */
const complete = { resultType: "complete" } as const

/** A task as the Tasks extension tells it, one of its statuses with what belongs to it. */
export type Detailed = { readonly [member: string]: unknown }

/** A handle's state in the words of the Tasks extension (specification/draft/tasks.md, DetailedTask). */
export const detailedTask = (handle: Handle): Effect.Effect<Detailed, DispatchError, Answers | Awaiting> =>
  Effect.gen(function* () {
    const awaiting = yield* Awaiting
    const tasks = yield* awaiting.find(handle.ids)
    return yield* detailed(handle, tasks)
  })

export const detailed = (
  handle: Handle,
  tasks: ReadonlyArray<Task>
): Effect.Effect<Detailed, DispatchError, Answers | Awaiting> =>
  Effect.gen(function* () {
    const awaiting = yield* Awaiting
    const view = yield* awaiting.view(tasks, handle.mode)
    const { keptMillis } = awaiting
    const createdAt = Math.min(...tasks.map((task) => task.createdAt))
    const common = {
      taskId: handleId(handle),
      createdAt: iso(createdAt),
      lastUpdatedAt: iso(Math.max(...tasks.map(({ updatedAt }) => updatedAt))),
      // Counted from its creation, while we count from its end: at least so long, and longer while it goes on.
      ttlMs:
        keptMillis === undefined ? null : Math.min(...tasks.map(({ updatedAt }) => updatedAt)) - createdAt + keptMillis,
      pollIntervalMs
    }
    const [only] = tasks
    if (tasks.length === 1 && only?.status === "cancelled")
      return { ...common, status: "cancelled", statusMessage: "cancelled" }
    if (tasks.length === 1 && only?.error?.code === adapterDefect) {
      // No run that failed, which a model could mend: our own code broke down, as in a call's internal error.
      const { code, message } = only.error
      return { ...common, status: "failed", statusMessage: message, error: { code: -32_603, message, data: { code } } }
    }
    if (view.done) {
      const failed = tasks.every(({ status }) => status !== "succeeded")
      const result = Reply.toResult({ ...valueOf(view), ...(failed ? { isError: true } : {}) })
      return { ...common, status: "completed", statusMessage: inWords(tasks), result: { ...complete, ...result } }
    }
    const inputRequests = yield* openQuestions(handle, tasks)
    return Object.keys(inputRequests).length > 0
      ? { ...common, status: "input_required", statusMessage: inWords(tasks), inputRequests }
      : { ...common, status: "working", statusMessage: inWords(tasks) }
  })

/** What was awaited, each outcome within its share of the reply. */
export const valueOf = (view: AwaitView): Reply.Reply => {
  const { links, views } = fittedAll(view.tasks)
  return { ...Reply.value({ ...view, tasks: views }), links }
}

/** The same for a client that shows no forms: it must not be asked (basic/patterns/mrtr), so its task goes on working. */
export const unasked = (task: Detailed): Detailed => {
  if (task["status"] !== "input_required") return task
  const { inputRequests: _, ...told } = task
  return { ...told, status: "working", statusMessage: "It waits for an answer: get_task_status shows its questions" }
}

const inWords = (tasks: ReadonlyArray<Task>): string => {
  const [only] = tasks
  if (tasks.length === 1 && only !== undefined) return only.error?.message ?? only.status
  const ended = tasks.filter(({ status }) => isTerminal(status)).length
  return `${ended} of ${tasks.length} tasks have ended`
}

/** A key names its task too where there are several. */
export const keyOf = ({ ids }: Handle, task: string, key: string): string => (ids.length === 1 ? key : `${task}/${key}`)

export const taskOfKey = ({ ids }: Handle, key: string): { readonly id: string; readonly key: string } => {
  const [only] = ids
  if (ids.length === 1 && only !== undefined) return { id: only, key }
  const at = key.indexOf("/")
  return { id: key.slice(0, Math.max(0, at)), key: key.slice(at + 1) }
}

const openQuestions = (handle: Handle, tasks: ReadonlyArray<Task>) =>
  Effect.gen(function* () {
    const answers = yield* Answers
    const requests: Record<string, InputRequest> = {}
    for (const task of tasks.filter(({ status }) => status === "input_required")) {
      for (const question of (yield* answers.questions(task.id)).filter(isOpen))
        requests[keyOf(handle, task.id, question.key)] = inputRequired.elicit(formOf(question))
    }
    return requests
  })
