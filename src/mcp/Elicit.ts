import {
  acceptedContent,
  type ElicitRequestFormParams,
  type InputRequest,
  inputRequired,
  inputResponse,
  type InputRequiredResult,
  PROTOCOL_VERSION_META_KEY,
  type ServerContext
} from "@modelcontextprotocol/server"
import { Effect, Option, Schema } from "effect"
import { JsonObject } from "../domain/Json.js"
import type { Question } from "../domain/Clarification.js"
import { Answer, requestedSchema, type TaskQuestion } from "../domain/TaskQuestion.js"

/** The one form of a call, unless its tool calls it otherwise; its fields are the questions' ids. */
const usual = "answers"

/** What a user answered in the rounds before, carried by the client under our signature. */
export const Answered = Schema.Struct({ answers: Schema.Record({ key: Schema.String, value: Schema.String }) })
export type Answered = typeof Answered.Type

const decodeAnswered = Schema.decodeUnknownOption(Answered)
/** A form may send a tick or a number for what was asked as text. */
const Text = Schema.transform(Schema.Union(Schema.String, Schema.Number, Schema.Boolean), Schema.String, {
  strict: true,
  decode: String,
  encode: (text) => text
})
const decodeText = Schema.decodeUnknownOption(Schema.Record({ key: Schema.String, value: Text }))

/** Everything answered so far: what an earlier round proved, and what came with this request. */
export const answersOf = (
  responses: Record<string, unknown> | undefined,
  state: unknown,
  form = usual
): Answered["answers"] => ({
  ...Option.match(decodeAnswered(state), { onNone: () => ({}), onSome: ({ answers }) => answers }),
  ...Option.getOrElse(decodeText(acceptedContent(responses, form) ?? {}), () => ({}))
})

/** What the user of whoever calls has answered, and a form for what is still open, where one can be shown. */
export type Talk = (
  name: string,
  context: ServerContext,
  form?: string
) => Answered & { readonly ask: (questions: ReadonlyArray<Question>) => Promise<InputRequiredResult | undefined> }

/** The user was shown the form and did not answer it; asking again would be rude. */
export const refused = (responses: Record<string, unknown> | undefined, form = usual): boolean => {
  const response = inputResponse(responses, form)
  return response.kind === "elicit" && response.action !== "accept"
}

/** Puts answers where the call takes them: its own argument, else the context the agent gets. */
export const merged = (args: unknown, answers: Answered["answers"], takes: (name: string) => boolean): unknown => {
  const given: { readonly [key: string]: unknown } = typeof args === "object" && args !== null ? { ...args } : {}
  const own = Object.entries(answers).filter(([name]) => takes(name))
  const others = Object.entries(answers).filter(([name]) => !takes(name))
  if (others.length === 0) return { ...given, ...Object.fromEntries(own) }
  const context = Option.getOrElse(Schema.decodeUnknownOption(JsonObject)(given["context"]), (): JsonObject => ({}))
  return { ...given, ...Object.fromEntries(own), context: { ...context, ...Object.fromEntries(others) } }
}

/** The questions as one form, with the choices that are known. */
export const asForm = (questions: ReadonlyArray<Question>, requestState: string, form = usual): InputRequiredResult =>
  inputRequired({
    requestState,
    inputRequests: {
      [form]: inputRequired.elicit({
        message: questions.length === 1 ? (questions[0]?.question ?? "") : "The dispatch needs a few answers.",
        requestedSchema: {
          type: "object",
          properties: Object.fromEntries(
            questions.map(({ choices, id, question }) => [
              id,
              choices === undefined || choices.length === 0
                ? { type: "string" as const, title: question }
                : { type: "string" as const, title: question, enum: [...choices] }
            ])
          ),
          required: questions.map(({ id }) => id)
        }
      })
    }
  })

/** A question nobody can put in a form, such as one whose answer is an object, stays a clarification. */
export const canBeAsked = (questions: ReadonlyArray<Question>): boolean =>
  questions.length > 0 && questions.length <= 20

export type Form = ElicitRequestFormParams

/** What a running agent asks, as a form. */
export const formOf = (question: Pick<TaskQuestion, "fields" | "question">): Form => ({
  mode: "form",
  message: question.question,
  requestedSchema: requestedSchema(question)
})

/** What a call that ended for a form takes along, under our signature. */
export interface Round {
  /** The call's own arguments; the form belongs to no other call. */
  readonly call: string
  /** The keys that were asked. */
  readonly asked: ReadonlyArray<string>
  /** How long the call may still wait, in seconds. */
  readonly left: number
  readonly rounds: number
}

/** How a client shows its user what a running agent asks. */
export interface Forms {
  /**
   * Shows a form now and waits so many seconds; nothing when it was not answered in time or cannot be shown. Absent
   * where the call ends for a form and is made again with the answer (2026-07-28).
   */
  readonly show?: (form: Form, seconds: number) => Effect.Effect<Answer | undefined>
  /** The call is made again with what came of its forms. */
  readonly round?: Round & { readonly responses: Readonly<Record<string, unknown>> }
}

/** What a reply ends its call for. */
export interface FormRound extends Pick<Round, "left" | "rounds"> {
  readonly requests: Record<string, InputRequest>
}

/** The forms of one call; older eras are sent them while it waits, and the newer one gets them in its place. */
export const formsOf = ({ mcpReq }: ServerContext, round: Round | undefined): Forms => {
  if (Object.hasOwn(mcpReq.envelope ?? {}, PROTOCOL_VERSION_META_KEY))
    return round === undefined ? {} : { round: { ...round, responses: mcpReq.inputResponses ?? {} } }
  return {
    show: (shown, seconds) =>
      Effect.tryPromise((signal) =>
        mcpReq.send(
          { method: "elicitation/create", params: { ...shown } },
          { signal, timeout: Math.ceil(seconds * 1000), maxTotalTimeout: Math.ceil(seconds * 1000) }
        )
      ).pipe(
        Effect.map((result) => Option.getOrUndefined(decodeAnswer(result))),
        Effect.catchAll(({ error }) =>
          Effect.as(Effect.logDebug(`a form was not answered: ${String(error)}`), undefined)
        )
      )
  }
}

const decodeAnswer = Schema.decodeUnknownOption(Answer)
