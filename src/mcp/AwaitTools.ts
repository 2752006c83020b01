import { Effect, Schema } from "effect"
import { Answers, AnswerView, mustAccept } from "../dispatch/Answers.js"
import { Awaiting, AwaitMode, AwaitView, mostAwaited } from "../dispatch/Awaiting.js"
import { InvalidInput } from "../domain/DispatchError.js"
import { type Json, JsonObject } from "../domain/Json.js"
import { type Answer, isOpen, type TaskQuestion } from "../domain/TaskQuestion.js"
import { asking } from "./AskUser.js"
import * as Fields from "./Fields.js"
import * as Reply from "./Reply.js"
import { detailed, handleId, valueOf } from "./TaskHandle.js"
import { tool } from "./Tool.js"

export const awaitTask = tool(
  {
    title: "Wait for tasks",
    description:
      "Waits until one task (any) or every task (all) has ended, or one asks something, and answers with their outcomes. done: false means that the time was over first: go on with other work or call again.",
    readOnly: true,
    idempotent: true
  },
  Schema.Struct({
    task_ids: Schema.Array(Schema.String).pipe(Schema.minItems(1), Schema.maxItems(mostAwaited)),
    mode: Fields.optional(AwaitMode, "default all"),
    max_wait_seconds: Fields.optional(
      Schema.Number.pipe(Schema.nonNegative()),
      "Only if your client waits longer than usual"
    )
  }),
  AwaitView,
  (args, context) =>
    Effect.gen(function* () {
      const { client, progress, waitBudget } = context
      const awaiting = yield* Awaiting
      const mode = args.mode ?? "all"
      if (client.tasks) {
        const tasks = yield* awaiting.find(args.task_ids)
        const view = yield* awaiting.view(tasks, mode)
        if (!view.done) {
          const handle = { mode, ids: tasks.map(({ id }) => id) }
          const { inputRequests: _, ...seed } = yield* detailed(handle, tasks)
          return { ...valueOf(view), task: { ...seed, resultType: "task", taskId: handleId(handle) } }
        }
        return valueOf(view)
      }
      const total = new Set(args.task_ids).size
      return yield* asking(args.task_ids, waitBudget(args.max_wait_seconds), context, (seconds) =>
        Effect.map(
          awaiting.wait(args.task_ids, mode, seconds, (ended, task) =>
            progress(ended, total, `${task.id} is ${task.status}`)
          ),
          valueOf
        )
      )
    })
)

export const answerTask = tool(
  {
    title: "Answer an agent",
    description:
      "Answers what a running agent asks (status input_required; get_task_status lists its questions). The first answer counts.",
    readOnly: false,
    idempotent: true
  },
  Schema.Struct({
    task_id: Fields.taskId,
    answers: JsonObject.annotations({
      description: "By question key: the value, an object of its fields where it has several, or null to decline"
    })
  }),
  AnswerView,
  (args) =>
    Effect.gen(function* () {
      const answers = yield* Answers
      const questions = yield* answers.questions(args.task_id)
      const given = yield* Effect.forEach(Object.entries(args.answers), ([key, value]) =>
        Effect.map(answerOf(key, value, questions), (answer) => [key, answer] as const)
      )
      return Reply.value(yield* mustAccept(yield* answers.answer(args.task_id, Object.fromEntries(given))))
    })
)

const isObject = Schema.is(JsonObject)

const answerOf = (
  key: string,
  value: Json,
  questions: ReadonlyArray<TaskQuestion>
): Effect.Effect<Answer, InvalidInput> => {
  if (value === null) return Effect.succeed({ action: "decline" })
  if (isObject(value)) return Effect.succeed({ action: "accept", content: value })
  const fields = questions.find((question) => question.key === key && isOpen(question))?.fields ?? []
  const [field] = fields
  if (fields.length > 1 || Array.isArray(value))
    return new InvalidInput({
      path: `answers.${key}`,
      problem: `must be an object with the fields ${fields.map(({ id }) => id).join(", ")}`
    })
  return Effect.succeed({ action: "accept", content: { [field?.id ?? "answer"]: value } })
}
