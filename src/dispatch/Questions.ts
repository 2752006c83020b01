import { Clock, Effect } from "effect"
import { stoppedBy } from "../domain/Deadlines.js"
import type { Json } from "../domain/Json.js"
import type { Task } from "../domain/Task.js"
import {
  answered,
  ask,
  asked,
  byDefault,
  isOpen,
  isUndelivered,
  type TaskQuestion,
  unanswerable
} from "../domain/TaskQuestion.js"
import type { Adapter, Observation } from "../services/Adapter.js"
import { type Change, type Entry, Store } from "../services/Store.js"
import type { Next } from "../services/Scheduler.js"
import { guard } from "./AdapterAnswer.js"
import { backoff, observePatience, type Patience } from "./Patience.js"

type Asking = { readonly type: "task.input_required"; readonly message?: string; readonly payload?: Json }

const isAsking = (entry: Entry): entry is Asking => !("log" in entry) && entry.type === "task.input_required"

/**
 * What an observation's questions do to a task: parked if somebody can answer them, else told and gone on. The first
 * one's event is the transition's own. Work that goes on without an answer leaves nothing to be answered.
 */
export const makeAsking = Effect.map(Store, (store) =>
  Effect.fn("questions.ask")(function* (
    adapter: typeof Adapter.Service,
    task: Task,
    { entries, goesOn = false }: Pick<Observation, "entries" | "goesOn">
  ) {
    const asking = entries.filter(isAsking)
    if (asking.length === 0 && !goesOn) return { entries } satisfies Change
    const parkable = task.status === "running" || task.status === "input_required"
    const hears = adapter.answer !== undefined && adapter.takesAnswers?.(task) !== false
    if (!hears || !parkable)
      return {
        entries: entries.map((entry) => (isAsking(entry) ? unanswerable(entry.message) : entry))
      } satisfies Change
    const now = yield* Clock.currentTimeMillis
    const known = yield* store.questions(task.id)
    const closed = goesOn ? known.filter(isOpen).map((question) => withdrawn(question, now)) : []
    if (asking.length === 0)
      return { questions: closed, entries: [...closed.map(answered), ...entries] } satisfies Change
    const questions = asking.reduce<ReadonlyArray<TaskQuestion>>(
      (kept, entry) => [...kept, ask(entry, [...known, ...kept], now)],
      []
    )
    const later = task.status === "running" ? questions.slice(1) : questions
    return {
      transition: "ask",
      questions: [...questions, ...closed],
      entries: [...closed.map(answered), ...entries.filter((entry) => !isAsking(entry)), ...later.map(asked)]
    } satisfies Change
  })
)

/** The agent has got on without us. */
const withdrawn = (question: TaskQuestion, now: number): TaskQuestion => ({
  ...question,
  answer: { action: "cancel" },
  answeredBy: "agent",
  answeredAt: now,
  delivered: true
})

/** What a parked task needs next. */
type Need =
  | { readonly need: "change"; readonly change: Change }
  | { readonly need: "deliver"; readonly question: TaskQuestion; readonly last: boolean }
  | { readonly need: "wait"; readonly until: number }

/** Questions whose time is over are answered by their defaults; answers go to the agent one by one. */
const needOf = (questions: ReadonlyArray<TaskQuestion>, now: number): Need => {
  const open = questions.filter(isOpen)
  const late = open.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= now)
  if (late.length > 0) {
    const settled = late.map((question) => ({
      ...question,
      answer: byDefault(question),
      answeredBy: "default",
      answeredAt: now
    }))
    return { need: "change", change: { questions: settled, entries: settled.map(answered) } }
  }
  const ready = questions.filter(isUndelivered)
  const [question] = ready
  if (question !== undefined) return { need: "deliver", question, last: open.length === 0 && ready.length === 1 }
  return open.length === 0
    ? { need: "change", change: { transition: "resume" } }
    : { need: "wait", until: Math.min(...open.map(({ expiresAt }) => expiresAt ?? Number.MAX_SAFE_INTEGER)) }
}

/** The agent has the answer, or can never get it. */
const delivered = (question: TaskQuestion, last: boolean, note?: string): Change => ({
  questions: [{ ...question, delivered: true }],
  ...(note === undefined ? {} : { entries: [{ type: "task.progress", message: note }] }),
  ...(last ? { transition: "resume" } : {})
})

/** What an observation left: the task, when it is worth looking again, and whether the work has ended. */
export interface Collected {
  readonly task: Task
  readonly millis: number
  readonly ended: boolean
}

/** An answer to ourselves. */
const decided = (question: TaskQuestion, last: boolean): Change => {
  const stopping = stoppedBy(question)
  return stopping === undefined
    ? delivered(question, last)
    : { questions: [{ ...question, delivered: true }], transition: "cancel", stopping, dueAt: 0 }
}

interface Steps<E> {
  readonly store: typeof Store.Service
  readonly patience: Patience
  readonly collect: (adapter: typeof Adapter.Service, task: Task) => Effect.Effect<Collected, E>
  readonly again: (task: Task) => Next
  readonly after: (task: Task, millis: number) => Next
}

/** A step of a task that is parked on a question; the work may still end by itself meanwhile. */
export const parked = <E>({ store, patience, collect, again, after }: Steps<E>) => {
  const deliver = Effect.fn("drive.deliver")(function* (
    adapter: typeof Adapter.Service,
    task: Task,
    question: TaskQuestion,
    last: boolean
  ) {
    const { answer, askedBy, workerKey } = question
    if (askedBy === "dispatch") return again(yield* store.commit(task, decided(question, last)))
    const give = adapter.answer
    const settle = (note?: string) => Effect.map(store.commit(task, delivered(question, last, note)), again)
    if (give === undefined || answer === undefined)
      return yield* settle(`"${question.key}" cannot be answered any more.`)
    const given = yield* Effect.either(guard("answer", () => give(task, { key: workerKey, answer })))
    if (given._tag === "Left" && given.left.retryable) {
      const over = yield* patience.isOver(task.id, "observe", observePatience)
      if (!over) return after(task, backoff(1))
    }
    yield* patience.regained(task.id)
    return yield* given._tag === "Right"
      ? settle()
      : settle(`The answer to "${question.key}" did not reach the agent: ${given.left.message}`)
  })

  return Effect.fn("drive.waiting")(function* (adapter: typeof Adapter.Service, task: Task) {
    const now = yield* Clock.currentTimeMillis
    const next = needOf(yield* store.questions(task.id), now)
    if (next.need === "change") return again(yield* store.commit(task, next.change))
    if (next.need === "deliver") return yield* deliver(adapter, task, next.question, next.last)
    const collected = yield* collect(adapter, task)
    return collected.ended || collected.millis === 0
      ? again(collected.task)
      : after(collected.task, Math.max(1, Math.min(collected.millis, next.until - now)))
  })
}
