import { Effect } from "effect"
import { Answers, mustAccept } from "../dispatch/Answers.js"
import type { JsonObject } from "../domain/Json.js"
import { type Answer, type AnswerField, isOpen, type TaskQuestion } from "../domain/TaskQuestion.js"
import { ExitCode } from "./ExitCode.js"
import { refreshed } from "./Follow.js"
import { UsageInvalid } from "./Refusal.js"
import { Screen } from "./Screen.js"

/** Shows what a task's agent asks, or answers it: `KEY=VALUE`, or `KEY.FIELD=VALUE` where a question has several fields. */
export const answer = Effect.fn("cli.answer")(function* (
  id: string,
  given: { readonly set: ReadonlyArray<string>; readonly decline: ReadonlyArray<string> },
  json: boolean
) {
  const answers = yield* Answers
  const screen = yield* Screen
  yield* refreshed(id)
  const open = (yield* answers.questions(id)).filter(isOpen)
  if (given.set.length + given.decline.length === 0) {
    yield* screen.out(json ? `${JSON.stringify(open)}\n` : open.map(inWords).join(""))
    return ExitCode.ok
  }
  const contents: Record<string, JsonObject> = {}
  for (const word of given.set) {
    const { field, key, value } = yield* placed(word, open)
    contents[key] = { ...contents[key], [field.id]: typed(field, value) }
  }
  const accepted = Object.entries(contents).map(([key, content]): readonly [string, Answer] => [
    key,
    { action: "accept", content }
  ])
  const declined = given.decline.map((key): readonly [string, Answer] => [key, { action: "decline" }])
  const view = yield* mustAccept(yield* answers.answer(id, Object.fromEntries([...accepted, ...declined])))
  yield* refreshed(id)
  yield* screen.out(json ? `${JSON.stringify(view)}\n` : `answered: ${view.accepted.join(", ")}\n`)
  return ExitCode.ok
})

const inWords = ({ fields, key, question }: TaskQuestion): string =>
  `${key}: ${question}\n${fields
    .map(({ choices, default: preset, id, type }) => {
      const offered = choices === undefined ? "" : ` (${choices.join(", ")})`
      return `  ${id}: ${type}${offered}${preset === undefined ? "" : `, default ${String(preset)}`}\n`
    })
    .join("")}`

/** The field a word answers; a question that is not open answers for itself later. */
const placed = (word: string, open: ReadonlyArray<TaskQuestion>) => {
  const at = word.indexOf("=")
  if (at < 1) return new UsageInvalid({ problem: `"${word.slice(0, 60)}" is no KEY=VALUE` })
  const [name, value] = [word.slice(0, at), word.slice(at + 1)]
  for (const { fields, key } of open) {
    const [only] = fields
    if (name === key && fields.length === 1 && only !== undefined) return Effect.succeed({ field: only, key, value })
    const field = fields.find(({ id }) => name === `${key}.${id}`)
    if (field !== undefined) return Effect.succeed({ field, key, value })
  }
  const field: AnswerField = { id: "answer", type: "string" }
  return Effect.succeed({ field, key: name, value })
}

/** As the field wants it; what does not fit stays text and is refused with its field. */
const typed = ({ type }: AnswerField, value: string): string | number | boolean => {
  if (type === "boolean" && (value === "true" || value === "false")) return value === "true"
  return type !== "string" && type !== "boolean" && value.trim() !== "" && Number.isFinite(Number(value))
    ? Number(value)
    : value
}
