import { Cause, Effect, Match, Schema } from "effect"
import type { CallToolResult } from "@modelcontextprotocol/server"
import type { Clarification } from "../domain/Clarification.js"
import type { DispatchError, NeedsAnswers } from "../domain/DispatchError.js"
import { JsonObject } from "../domain/Json.js"
import { Redactor } from "../services/Redactor.js"

/** What a tool answers: the shape of the contract, and the object that carries it as structured content. */
export interface Reply {
  readonly text: string
  readonly structured?: Record<string, unknown>
  readonly isError?: true
}

/** Text and structured content carry the same facts, because clients show the model the one or the other. */
export const value = (shape: object): Reply => ({ text: JSON.stringify(shape), structured: { ...shape } })

/** A list stands bare in the text, as the contract has it, and under a name in the structured content. */
export const list = (name: string, items: ReadonlyArray<unknown>): Reply => ({
  text: JSON.stringify(items),
  structured: { [name]: items }
})

const toolError = (error: { readonly code: string; readonly message: string }, retryable?: boolean): Reply => ({
  text: JSON.stringify({
    error: { code: error.code, message: error.message, ...(retryable === undefined ? {} : { retryable }) }
  }),
  isError: true
})

const ask = (tool: string) => (error: NeedsAnswers) => {
  const clarification: Clarification = {
    status: "needs_clarification",
    retry_tool: tool,
    questions: error.questions,
    available_runtimes: error.availableRuntimes
  }
  return value(clarification)
}

/** Who can mend it decides: the user is asked, the model is told. A new error does not compile until it is here. */
export const fromError = (tool: string) =>
  Match.typeTags<DispatchError, Reply>()({
    NeedsAnswers: ask(tool),
    InvalidInput: (error) => toolError(error),
    CredentialRefused: (error) => toolError(error),
    PolicyDenied: (error) => toolError(error),
    QuotaReached: (error) => toolError(error, true),
    AccountProfileNotFound: (error) => toolError(error),
    AccountProviderMismatch: (error) => toolError(error),
    RuntimeProfileNotFound: (error) => toolError(error),
    BackendNotFound: (error) => toolError(error),
    CapabilityNotConfigured: (error) => toolError(error),
    AdapterNotFound: (error) => toolError(error),
    AdapterUnsupported: (error) => toolError(error),
    TaskNotFound: (error) => toolError(error),
    TaskTerminal: (error) => toolError(error),
    ArtifactNotFound: (error) => toolError(error),
    BackendFailed: (error) => toolError(error, error.retryable),
    IdempotencyConflict: (error) => toolError(error),
    TaskChanged: (error) => toolError(error, true),
    LaneUnknown: (error) => toolError(error),
    LaneWrongOwner: (error) => toolError(error),
    LaneTaskInvalid: (error) => toolError(error),
    LaneHandleUnknown: (error) => toolError(error),
    AllowlistInvalid: (error) => toolError(error),
    LaneSettingInvalid: (error) => toolError(error),
    StoreFailed: (error) => toolError(error, error.fault === "busy" || error.fault === "full")
  })

/** A defect's text may hold anything, so the model gets a fixed sentence and the log gets the cause. */
export const settle =
  (tool: string) =>
  <R>(effect: Effect.Effect<Reply, DispatchError, R>) =>
    effect.pipe(
      Effect.catchAll((error) => Effect.succeed(fromError(tool)(error))),
      Effect.catchAllCause((cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.failCause(cause)
          : Effect.as(
              Effect.logError(`${tool} broke down`, cause),
              toolError({
                code: "internal",
                message:
                  "The server broke down while answering; its log (stderr) has the cause. Nothing that was accepted is lost."
              })
            )
      )
    )

/** Nothing leaves the server that its redactor knows or recognises. */
export const withoutSecrets = (reply: Reply): Effect.Effect<Reply> =>
  Effect.map(Redactor, (redactor) => {
    const text = redactor.text(reply.text)
    if (text === reply.text) return reply
    const structured = isJsonObject(reply.structured) ? redactor.json(reply.structured) : undefined
    return { ...reply, text, ...(isJsonObject(structured) ? { structured } : {}) }
  })

const isJsonObject = Schema.is(JsonObject)

export const toResult = (reply: Reply): CallToolResult => ({
  content: [{ type: "text", text: reply.text }],
  ...(reply.structured === undefined ? {} : { structuredContent: reply.structured }),
  ...(reply.isError === undefined ? {} : { isError: true })
})
