import type { ClientCapabilities } from "@modelcontextprotocol/server"
import { Effect, Schema } from "effect"
import { type DispatchError, InvalidInput } from "../domain/DispatchError.js"
import { formatPath, schemaIssues } from "../domain/SchemaIssues.js"
import type { Answers } from "../dispatch/Answers.js"
import type { Awaiting } from "../dispatch/Awaiting.js"
import type { Dispatch } from "../dispatch/Dispatch.js"
import type { Fanout } from "../dispatch/Fanout.js"
import type { Explain } from "../dispatch/Explain.js"
import type { FollowUp } from "../dispatch/FollowUp.js"
import type { Inbox } from "../dispatch/Inbox.js"
import type { Lanes } from "../dispatch/Lanes.js"
import type { Preflight } from "../dispatch/Preflight.js"
import type { Watch } from "../dispatch/Watch.js"
import type { TaskArtifacts } from "../dispatch/TaskArtifacts.js"
import { Caller } from "../services/Caller.js"
import type { Client } from "./Client.js"
import type { Forms } from "./Elicit.js"
import { type Reply, settle, withoutSecrets } from "./Reply.js"

/** What the tools call. */
export type Core =
  | Answers
  | Awaiting
  | Dispatch
  | Explain
  | Fanout
  | FollowUp
  | Inbox
  | Lanes
  | Preflight
  | TaskArtifacts
  | Watch

/** What a client sees of a tool. */
export interface ToolFace {
  readonly title: string
  readonly description: string
  readonly readOnly: boolean
  readonly destructive?: boolean
  readonly idempotent: boolean
  /** What a client must declare to call it and did not; such a call is refused. */
  readonly lacking?: (client: Client) => ClientCapabilities | undefined
  /** How its form of questions is called, where clients know it by a name of its own. */
  readonly form?: string
}

/** What a call carried besides its arguments. */
export interface CallContext {
  /** An id the client gives one call of its model and repeats when only the transport repeats it. */
  readonly toolUseId?: string | undefined
  readonly client: Client
  /** How long the call may wait, in seconds; `asked` is the caller's own wish. */
  readonly waitBudget: (asked?: number) => number
  /** How its user can be asked what a running agent asks; absent where the client shows no forms. */
  readonly forms?: Forms | undefined
  /** Tells how far the call is, if the client asked to hear it. */
  readonly progress: (done: number, total: number, message: string) => Effect.Effect<void>
}

export interface Tool extends ToolFace {
  readonly input: Schema.Schema.AnyNoContext
  readonly output: Schema.Schema.AnyNoContext
  readonly call: (name: string, args: unknown, context: CallContext) => Effect.Effect<Reply, never, Core>
}

/** A tool whose arguments are decoded by its schema, and whose every failure becomes a reply. */
export const tool = <A, I, B, J>(
  face: ToolFace,
  input: Schema.Schema<A, I>,
  output: Schema.Schema<B, J>,
  run: (args: A, context: CallContext) => Effect.Effect<Reply, DispatchError, Core>
): Tool => ({
  ...face,
  input,
  output,
  call: (name, args, context) =>
    decodeArguments(input, args ?? {}).pipe(
      Effect.flatMap((decoded) => run(decoded, context)),
      settle(name),
      Effect.flatMap(withoutSecrets),
      Effect.withSpan(`mcp.${name}`)
    )
})

/** Arguments as a tool takes them, or the first thing wrong with them. */
export const decodeArguments = <A, I>(schema: Schema.Schema<A, I>, args: unknown): Effect.Effect<A, InvalidInput> =>
  Schema.decodeUnknown(schema, { onExcessProperty: "error" })(args).pipe(
    Effect.mapError((error) => {
      const [issue] = schemaIssues(error.issue)
      return new InvalidInput({
        path: formatPath(issue?.path ?? []) || "arguments",
        problem: issue?.message ?? "do not fit this tool"
      })
    })
  )

/** Whoever calls is known to the core by its client's name too. */
export const asCaller =
  ({ name, version }: Client) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Caller, (caller) => Effect.provideService(effect, Caller, { ...caller, client: { name, version } }))
