import { Option, Schema } from "effect"
import { defined, type Json, type JsonObject } from "../../src/domain/Json.js"
import type { NewTaskEvent } from "../../src/domain/TaskEvent.js"
import { type Answer, AskPayload } from "../../src/domain/TaskQuestion.js"
import { type A2aTask, textOfMessage } from "./Wire.js"

const decode = Schema.decodeUnknownOption(AskPayload)

/** A data part that says what an answer looks like; other data means something else. */
const structured = ({ status }: Pick<A2aTask, "status">): Option.Option<typeof AskPayload.Type> => {
  const data = status.message?.parts.find((part) => part.data !== undefined)?.data
  return Option.filter(
    decode(data),
    ({ choices, default: preset, fields }) => fields !== undefined || choices !== undefined || preset !== undefined
  )
}

/**
 * What an agent in state `input-required` asks: its text, and the fields or choices of its data part. The key is ours,
 * because an agent may use one of its own again.
 */
export const questionOf = (task: Pick<A2aTask, "status">): NewTaskEvent => {
  const text = task.status.message === undefined ? "" : textOfMessage(task.status.message)
  return {
    type: "task.input_required",
    ...(text === "" ? {} : { message: text }),
    ...Option.match(structured(task), {
      onNone: () => ({}),
      onSome: ({ choices, default: preset, expiresSeconds, fields }) => ({
        payload: defined({
          choices,
          default: preset,
          expiresSeconds,
          fields: fields?.map((field) => defined({ ...field }))
        })
      })
    })
  }
}

/** An answer as an agent reads it, and as data for one that asked in data. */
export const replyTo = (
  task: Pick<A2aTask, "status">,
  { action, content = {} }: Answer
): { readonly text: string; readonly data?: JsonObject } => {
  const asked = structured(task)
  const text = action === "accept" ? inWords(content) : unanswered[action]
  return {
    text,
    ...(Option.isNone(asked) ? {} : { data: defined({ key: asked.value.key, action, content }) })
  }
}

const unanswered = {
  decline: "The user declined to answer.",
  cancel: "Nobody has answered; go on without an answer."
}

const inWords = (content: JsonObject): string => {
  const given = Object.entries(content)
  const [only] = given
  return given.length === 1 && only !== undefined
    ? spelled(only[1])
    : given.map(([name, value]) => `${name}: ${spelled(value)}`).join("\n")
}

const spelled = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value))
