import { Context, type Effect } from "effect"
import type { StoreFailed, TaskChanged } from "../domain/DispatchError.js"
import type { Task, TaskId } from "../domain/Task.js"

/** What one step of a task left: more to do at once, something to wait for (milliseconds), or nothing for this owner. */
export type Next =
  | { readonly next: "again"; readonly task: Task }
  | { readonly next: "after"; readonly task: Task; readonly millis: number }
  | { readonly next: "later"; readonly task: Task }
  | { readonly next: "settled"; readonly task: Task }

/** Moves a task one step on; every step may be repeated by another owner. */
export type Step = (task: Task) => Effect.Effect<Next, TaskChanged | StoreFailed>

/** Decides who drives which task. At most one owner at a time can write to a task, however many believe to own it. */
export class Scheduler extends Context.Tag("agentdispatch/Scheduler")<
  Scheduler,
  {
    /** Claims and drives tasks until interrupted; then hands them back. */
    readonly run: (step: Step) => Effect.Effect<never>
    /** This task has something to do now. */
    readonly wake: (id: TaskId) => Effect.Effect<void>
    /** Drives one task here, if nobody else does, until it has nothing new to say. */
    readonly refresh: (id: TaskId, step: Step) => Effect.Effect<void, StoreFailed>
  }
>() {}
