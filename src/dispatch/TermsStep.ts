import { Clock, Effect, Option, Schema } from "effect"
import { judge } from "../domain/Deadlines.js"
import type { StoreFailed, TaskChanged } from "../domain/DispatchError.js"
import type { Task, TaskError } from "../domain/Task.js"
import { ask } from "../domain/TaskQuestion.js"
import { Usage } from "../domain/Terms.js"
import type { Next } from "../services/Scheduler.js"
import { type Entry, Store } from "../services/Store.js"

type Stepping = Effect.Effect<Next, TaskChanged | StoreFailed>

/** A step within what the task's terms allow: its deadlines end it, and its budget asks before it ends it. */
export const makeTerms = Effect.map(Store, (store) => {
  /** Ends as a wish does: the work is stopped and verified to be, then the error is the task's own. */
  const stop = (task: Task, stopping: TaskError) =>
    store.commit(task, {
      transition: "cancel",
      stopping,
      dueAt: 0,
      entries: [{ type: "task.progress", message: stopping.message }]
    })

  /** A start must not be broken off, because nobody would know what it did; the wish meets it when it is over. */
  const wishLater = (task: Task, millis: number) =>
    Effect.gen(function* () {
      yield* Effect.sleep(millis)
      const now = yield* Clock.currentTimeMillis
      const current = yield* store.find(task.id)
      const verdict = judge(current, [], now)
      if (current.epoch === task.epoch && verdict.stop !== undefined) yield* stop(current, verdict.stop)
    }).pipe(
      Effect.retry({ while: (error) => error._tag === "TaskChanged", times: 50 }),
      Effect.catchAll((error) => Effect.logWarning(`${task.id}: its deadline will be seen later: ${error.message}`))
    )

  return Effect.fnUntraced(function* (
    task: Task,
    stepping: Stepping,
    fail: (task: Task, error: TaskError) => Stepping
  ) {
    if (task.request.terms === undefined) return yield* stepping
    const now = yield* Clock.currentTimeMillis
    const questions = task.request.terms.budget === undefined ? [] : yield* store.questions(task.id)
    const verdict = judge(task, questions, now)
    if (verdict.stop !== undefined) {
      return task.status === "queued"
        ? yield* fail(task, verdict.stop)
        : ({ next: "again", task: yield* stop(task, verdict.stop) } satisfies Next)
    }
    if (verdict.ask !== undefined) {
      const question = { ...ask(verdict.ask, questions, now), askedBy: "dispatch" as const }
      return {
        next: "again",
        task: yield* store.commit(task, { transition: "ask", questions: [question] })
      } satisfies Next
    }
    if (verdict.next === undefined) return yield* stepping
    const left = Math.max(0, verdict.next - now)
    return task.status === "running" || task.status === "input_required"
      ? within(yield* Effect.raceFirst(stepping, Effect.as(Effect.sleep(left), look(task))), left)
      : yield* Effect.scoped(Effect.zipRight(Effect.forkScoped(wishLater(task, left)), stepping))
  })
})

const look = (task: Task): Next => ({ next: "after", task, millis: 0 })

const within = (next: Next, left: number): Next =>
  next.next === "after" ? { ...next, millis: Math.min(next.millis, left) } : next

const decodeUsage = Schema.decodeUnknownOption(Usage)

/** What the work says it has used up, all together; a report that is none changes nothing. */
export const usageOf = (task: Task, entries: ReadonlyArray<Entry>): Usage | undefined =>
  entries.reduce<Usage | undefined>((usage, entry) => {
    if ("log" in entry || entry.type !== "task.usage") return usage
    return Option.match(decodeUsage(entry.payload), {
      onNone: () => usage,
      onSome: (told) => ({ ...task.usage, ...usage, ...told })
    })
  }, undefined)
