import { queueEnd } from "./Admission.js"
import type { Task, TaskError } from "./Task.js"
import { type NewQuestion, type TaskQuestion } from "./TaskQuestion.js"

/** What a task's terms and what it has used up so far come to at some moment. */
export interface Verdict {
  /** It has had its time or its budget. */
  readonly stop?: TaskError
  /** It comes near the end of its budget, and its caller has not been asked yet. */
  readonly ask?: NewQuestion
  /** When to look again, in milliseconds since 1970, whatever happens until then. */
  readonly next?: number
}

/** The part of a budget that is used before its caller is asked. */
const soft = 0.8

const choices = ["go on", "double the budget", "stop"] as const

/** Deadlines count in every status they belong to; a task that is being stopped, or has ended, has none. */
export const judge = (task: Task, questions: ReadonlyArray<TaskQuestion>, now: number): Verdict => {
  switch (task.status) {
    case "queued":
      return ended(queueEnd(task), now, () => ({
        code: "queue.expired",
        message: `It waited ${task.request.terms?.queueSeconds ?? 0} s in the queue, as long as its terms allow, and was never started. Raise terms.queueSeconds, or the limit that held it back.`,
        retryable: true
      }))
    case "provisioning":
    case "starting":
      return ended(after(task.admittedAt, task.request.terms?.startSeconds), now, () => ({
        code: "start.expired",
        message: `It did not run ${task.request.terms?.startSeconds ?? 0} s after it had left the queue, as long as its terms allow; it was stopped.`,
        retryable: true
      }))
    case "running":
    case "input_required":
      return earliest(
        ended(after(task.startedAt, task.request.terms?.runSeconds), now, () => ({
          code: "run.expired",
          message: `It ran ${task.request.terms?.runSeconds ?? 0} s, as long as its terms allow, and was stopped.`,
          retryable: false
        })),
        spent(task, questions, now)
      )
    default:
      return {}
  }
}

const after = (begin: number | undefined, seconds: number | undefined): number | undefined =>
  begin === undefined || seconds === undefined ? undefined : begin + seconds * 1_000

const ended = (end: number | undefined, now: number, error: () => TaskError): Verdict => {
  if (end === undefined) return {}
  return end <= now ? { stop: error() } : { next: end }
}

const earliest = (one: Verdict, other: Verdict): Verdict => ({
  ...other,
  ...one,
  ...(one.next === undefined || other.next === undefined ? {} : { next: Math.min(one.next, other.next) })
})

/** How often its caller has doubled the budget. */
const doublings = (questions: ReadonlyArray<TaskQuestion>): number =>
  questions.filter(({ answer, askedBy }) => askedBy === "dispatch" && decisionOf(answer) === "double the budget").length

const spent = (task: Task, questions: ReadonlyArray<TaskQuestion>, now: number): Verdict => {
  const { budget } = task.request.terms ?? {}
  if (budget === undefined || task.startedAt === undefined) return {}
  const factor = 2 ** doublings(questions)
  const asked = questions.filter(({ askedBy }) => askedBy === "dispatch").length > doublings(questions)
  const ran = (now - task.startedAt) / 1_000
  const uses = [
    { unit: "s of running", used: ran, limit: (budget.runSeconds ?? Infinity) * factor },
    { unit: "US dollars", used: task.usage?.costUsd ?? 0, limit: (budget.costUsd ?? Infinity) * factor }
  ]
  const exhausted = uses.find(({ limit, used }) => used >= limit)
  if (exhausted !== undefined) {
    return {
      stop: {
        code: "budget.exhausted",
        message: `Its budget of ${rounded(exhausted.limit)} ${exhausted.unit} is used up; it was stopped. Dispatch it with a larger terms.budget if it should go on.`,
        retryable: false
      }
    }
  }
  const short = uses.find(({ limit, used }) => used >= limit * soft)
  const seconds = (budget.runSeconds ?? Infinity) * factor
  const soon = [seconds, ...(asked ? [] : [seconds * soft])].filter((end) => end > ran && end !== Infinity)
  return {
    ...(short === undefined || asked ? {} : { ask: question(short) }),
    ...(soon.length === 0 ? {} : { next: Math.ceil(task.startedAt + Math.min(...soon) * 1_000) })
  }
}

const question = ({ limit, unit, used }: { readonly limit: number; readonly unit: string; readonly used: number }) => ({
  message: `This task has used ${rounded(used)} of its budget of ${rounded(limit)} ${unit}; it goes on meanwhile and is stopped at the limit. What shall be done?`,
  payload: { key: "budget", fields: [{ id: "decision", type: "string", choices, default: "go on" }] }
})

const rounded = (amount: number): string => String(Number(amount.toPrecision(4)))

/** What the caller decided about a budget; nothing while nobody did. */
const decisionOf = (answer: TaskQuestion["answer"]): string | undefined => {
  if (answer === undefined) return undefined
  if (answer.action === "decline") return "stop"
  const decision = answer.content?.["decision"]
  return typeof decision === "string" ? decision : "go on"
}

/** The caller's wish that a task near the end of its budget ends now. */
export const stoppedBy = ({ answer }: TaskQuestion): TaskError | undefined =>
  decisionOf(answer) === "stop"
    ? {
        code: "budget.stopped",
        message: "Near the end of its budget it was decided that it stops; it was stopped.",
        retryable: false
      }
    : undefined
