import { Clock, Context, Effect, Either, Layer, Schema } from "effect"
import { CredentialRefused, type DispatchError, InvalidInput, QuestionClosed } from "../domain/DispatchError.js"
import { encodeText } from "../domain/Json.js"
import { isTerminal } from "../domain/Lifecycle.js"
import type { Task } from "../domain/Task.js"
import { type Answer, answered, check, isOpen, type TaskQuestion } from "../domain/TaskQuestion.js"
import { Audit } from "../services/Audit.js"
import { Caller } from "../services/Caller.js"
import { Redactor } from "../services/Redactor.js"
import { Scheduler } from "../services/Scheduler.js"
import { Store } from "../services/Store.js"
import { makeVisible } from "./Visible.js"

/** What became of answers, by their questions' keys. */
export const AnswerView = Schema.Struct({
  taskId: Schema.String,
  accepted: Schema.Array(Schema.String),
  /** Questions that were never asked, or have their answer already. */
  ignored: Schema.Array(Schema.String),
  /** Questions that are still open. */
  open: Schema.Array(Schema.String)
})
export type AnswerView = typeof AnswerView.Type

/** Answers what running agents ask; whoever comes first, once. */
export class Answers extends Context.Tag("agentdispatch/Answers")<
  Answers,
  {
    /** Everything the task ever asked, oldest first. */
    readonly questions: (id: string) => Effect.Effect<ReadonlyArray<TaskQuestion>, DispatchError>
    /**
     * Answers open questions. One that was never asked or has its answer is ignored; an answer of the wrong shape is
     * refused with all that came with it, so that nothing is answered by half.
     */
    readonly answer: (id: string, answers: Readonly<Record<string, Answer>>) => Effect.Effect<AnswerView, DispatchError>
  }
>() {
  static readonly layer = Layer.effect(
    Answers,
    Effect.gen(function* () {
      const store = yield* Store
      const scheduler = yield* Scheduler
      const audit = yield* Audit
      const redactor = yield* Redactor

      const find = yield* makeVisible

      const accept = Effect.fnUntraced(function* (task: Task, given: Readonly<Record<string, Answer>>) {
        const { principal } = yield* Caller
        const now = yield* Clock.currentTimeMillis
        for (const [key, { content }] of Object.entries(given)) {
          if (redactor.secretIn(encodeText(content ?? null)) !== undefined)
            return yield* new CredentialRefused({ path: `answers.${key}` })
        }
        const questions = yield* store.questions(task.id)
        const ended = isTerminal(task.status)
        const open = ended ? [] : questions.filter(isOpen)
        const mine = open.filter(({ key }) => Object.hasOwn(given, key))
        const settled = yield* Effect.forEach(mine, (question) =>
          Effect.map(checked(question, given[question.key]), (answer) => ({
            ...question,
            answer,
            answeredBy: principal,
            answeredAt: now
          }))
        )
        if (settled.length > 0) yield* store.commit(task, { questions: settled, entries: settled.map(answered) })
        const accepted = settled.map(({ key }) => key)
        return {
          taskId: task.id,
          accepted,
          ignored: Object.keys(given).filter((key) => !accepted.includes(key)),
          open: open.map(({ key }) => key).filter((key) => !accepted.includes(key))
        }
      })

      const answer = Effect.fn("answers.answer")(function* (id: string, given: Readonly<Record<string, Answer>>) {
        const view = yield* Effect.retry(
          Effect.flatMap(find(id), (task) => accept(task, given)),
          { while: (error) => error._tag === "TaskChanged", times: 50 }
        )
        if (view.accepted.length > 0) yield* scheduler.wake(view.taskId)
        return view
      })

      return {
        questions: (id) => Effect.flatMap(find(id), (task) => store.questions(task.id)),
        answer: (id, given) =>
          answer(id, given).pipe(
            Effect.tapBoth({
              onSuccess: (view) =>
                audit.append({
                  event: "answer_task",
                  taskId: view.taskId,
                  outcome: view.accepted.length > 0 ? "answered" : "ignored",
                  detail: { accepted: view.accepted, ignored: view.ignored.map(redactor.text) }
                }),
              onFailure: (error) =>
                audit.append({ event: "answer_task", taskId: id, outcome: "refused", code: error.code })
            })
          )
      }
    })
  )
}

const checked = (question: TaskQuestion, given: Answer | undefined): Effect.Effect<Answer, InvalidInput> =>
  Either.mapLeft(
    check(question, given ?? { action: "cancel" }),
    ({ field, problem }) => new InvalidInput({ path: `answers.${question.key}.${field}`, problem })
  )

/** For callers that must know: no answer was taken because none of the questions is open. */
export const mustAccept = (view: AnswerView): Effect.Effect<AnswerView, QuestionClosed> =>
  view.accepted.length > 0
    ? Effect.succeed(view)
    : new QuestionClosed({ taskId: view.taskId, keys: view.ignored, open: view.open })
