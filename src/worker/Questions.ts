import { type Answer, ask, handedOn, isOpen, type TaskQuestion } from "../domain/TaskQuestion.js"
import type { WorkerEvent } from "../domain/WorkerEvent.js"

/** An answer on its way to the work, under the work's own name for its question. */
export interface Given {
  readonly key: string
  readonly answer: Answer
}

/** What the work asks, and how the answers reach it. */
export interface Questions {
  /** The work hears answers from now on. */
  readonly open: (give: (given: Given) => void) => void
  /** It hears no more. */
  readonly close: () => void
  /** Keeps a question of the work; the event that tells it, or nothing where the work would not hear an answer. */
  readonly ask: (event: WorkerEvent, now: number) => WorkerEvent | undefined
  readonly find: (key: string) => TaskQuestion | undefined
  /** The oldest question without an answer. */
  readonly next: () => TaskQuestion | undefined
  /** Keeps the first answer of a question that was asked; false for every other. */
  readonly take: (key: string, answer: Answer, now: number) => boolean
  /** As if it had not been taken. */
  readonly drop: (key: string) => void
  /** Hands a taken answer to the work; false where it hears no more. */
  readonly give: (key: string) => boolean
  /** All that was answered, by key. */
  readonly answered: () => ReadonlyArray<Given>
}

export const makeQuestions = (): Questions => {
  let hearing: ((given: Given) => void) | undefined
  let known: ReadonlyArray<TaskQuestion> = []
  const find = (key: string) => known.find((question) => question.key === key)
  const replace = (changed: TaskQuestion) => {
    known = known.map((question) => (question.key === changed.key ? changed : question))
  }
  return {
    open: (give) => {
      hearing = give
    },
    close: () => {
      hearing = undefined
    },
    ask: (event, now) => {
      if (hearing === undefined || event.type !== "task.input_required") return undefined
      const question = ask(event, known, now)
      known = [...known, question]
      return handedOn(question)
    },
    find,
    next: () => known.find(isOpen),
    take: (key, answer, now) => {
      const question = find(key)
      if (question === undefined || !isOpen(question)) return false
      replace({ ...question, answer, answeredAt: now })
      return true
    },
    drop: (key) => {
      const question = find(key)
      if (question === undefined) return
      const { answer: _, answeredAt: __, ...open } = question
      replace(open)
    },
    give: (key) => {
      const question = find(key)
      if (hearing === undefined || question?.answer === undefined) return false
      hearing({ key: question.workerKey, answer: question.answer })
      return true
    },
    answered: () => known.flatMap(({ answer, key }) => (answer === undefined ? [] : [{ key, answer }]))
  }
}
