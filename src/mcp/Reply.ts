import { Cause, Effect, Match, Option, Schema } from "effect"
import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/server"
import type { Clarification } from "../domain/Clarification.js"
import type { DispatchError, NeedsAnswers } from "../domain/DispatchError.js"
import { JsonObject } from "../domain/Json.js"
import { isTerminal, TaskStatus } from "../domain/Lifecycle.js"
import type { StoreFault } from "../domain/StoreFault.js"
import { Redactor } from "../services/Redactor.js"
import type { FormRound } from "./Elicit.js"

/** Where a client that reads resources finds what a reply only outlines; `size` is in bytes. */
export interface ResourceLink {
  readonly uri: string
  readonly name: string
  readonly mimeType: string
  readonly size: number
}

/** What a tool answers: the shape of the contract, and the object that carries it as structured content. */
export interface Reply {
  readonly text: string
  readonly structured?: Record<string, unknown>
  /** What stands behind the text and is none: a picture, a resource. */
  readonly blocks?: ReadonlyArray<ContentBlock>
  readonly isError?: true
  /** Tasks that ended since the client last heard, a line each. */
  readonly inbox?: ReadonlyArray<string>
  readonly links?: ReadonlyArray<ResourceLink>
  /** What its user could still answer; the text says the same for clients that show no forms. */
  readonly asks?: NeedsAnswers["questions"]
  /** What running agents ask its user; the call ends for the form and is made again with the answers. */
  readonly form?: FormRound
  /** The call goes on as an MCP task (Tasks extension, CreateTaskResult). */
  readonly task?: { readonly [member: string]: unknown }
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
  return { ...value(clarification), asks: error.questions }
}

/** What goes by, or is mended by somebody else than who calls. */
const passing = new Set<StoreFault>(["busy", "full", "unreachable"])

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
    QuestionClosed: (error) => toolError(error),
    BackendFailed: (error) => toolError(error, error.retryable),
    IdempotencyConflict: (error) => toolError(error),
    TaskChanged: (error) => toolError(error, true),
    LaneUnknown: (error) => toolError(error),
    LaneWrongOwner: (error) => toolError(error),
    LaneTaskInvalid: (error) => toolError(error),
    LaneHandleUnknown: (error) => toolError(error),
    AllowlistInvalid: (error) => toolError(error),
    LaneSettingInvalid: (error) => toolError(error),
    StoreFailed: (error) => toolError(error, passing.has(error.fault) && error.perhaps === undefined)
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

/** The ids of the tasks whose end a reply tells. */
export const endedIn = ({ structured }: Reply): ReadonlyArray<string> => {
  const told = [structured, ...(Array.isArray(structured?.["tasks"]) ? structured["tasks"] : [])]
  return told.flatMap((shape) =>
    Option.match(decodeEnd(shape), {
      onNone: () => [],
      onSome: ({ id, status, taskId }) => (isTerminal(status) ? [taskId ?? id ?? ""] : [])
    })
  )
}

const decodeEnd = Schema.decodeUnknownOption(
  Schema.Struct({ id: Schema.optional(Schema.String), taskId: Schema.optional(Schema.String), status: TaskStatus })
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

/** Protocol revisions are dates; clients of the ones before this refuse a whole reply for a kind of content they do not know. */
const firstWithLinks = "2025-06-18"

/** What a client of a protocol revision can read; a client that names none is an old one. */
export const readable = (reply: Reply, revision: string | null | undefined): Reply =>
  (revision ?? "") >= firstWithLinks ? reply : { ...reply, links: [] }

export const toResult = (reply: Reply): CallToolResult => ({
  content: [
    { type: "text", text: reply.text },
    ...(reply.blocks ?? []),
    ...(reply.inbox === undefined
      ? []
      : [{ type: "text" as const, text: `Ended meanwhile:\n${reply.inbox.join("\n")}` }]),
    ...(reply.links ?? []).map((link) => ({ type: "resource_link" as const, ...link }))
  ],
  ...(reply.structured === undefined
    ? {}
    : {
        structuredContent: reply.inbox === undefined ? reply.structured : { ...reply.structured, inbox: reply.inbox }
      }),
  ...(reply.isError === undefined ? {} : { isError: true })
})
