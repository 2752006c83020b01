import { Client, type ElicitResult as NewResult } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { Effect, Schema, type Scope } from "effect"
import { type Json, JsonObject } from "../../src/domain/Json.js"
import { type Answer, answerOf, commandOf, type Kind, type Place, type Start } from "./Server.js"

/** A form as its user saw it. */
export interface Shown {
  readonly message: string
  readonly fields: JsonObject
  /** Aborted when the form is taken away. */
  readonly signal: AbortSignal
}

type Filled =
  | { readonly action: "accept"; readonly content: Record<string, string> }
  | { readonly action: "decline" | "cancel" }

/** What a user does with a form. */
export type User = (form: Shown) => Promise<Filled>

export interface FormClient {
  readonly call: (tool: string, args?: JsonObject) => Effect.Effect<Answer>
  readonly shown: ReadonlyArray<Shown>
}

const identity = { name: "form-suite", version: "1.0.0" }
const capabilities = { elicitation: {} }

const Params = Schema.Struct({
  message: Schema.String,
  requestedSchema: Schema.Struct({ properties: JsonObject })
})
const read = Schema.decodeUnknownSync(Params)

/** A client of one kind that shows forms; its server is gone when the scope closes. */
export const formClient = (
  kind: Kind,
  at: Place,
  start: Start,
  user: User
): Effect.Effect<FormClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const shown: Array<Shown> = []
    const fill = (params: unknown, signal: AbortSignal): Promise<Filled> => {
      const { message, requestedSchema } = read(params)
      const form = { message, fields: requestedSchema.properties, signal }
      shown.push(form)
      return user(form)
    }
    const { call } = yield* Effect.acquireRelease(
      Effect.promise(() => connected(kind, at, start, fill)),
      ({ close }) => Effect.promise(close)
    )
    return {
      shown,
      call: (name, args = {}) =>
        Effect.map(
          Effect.promise(() => call({ name, arguments: { ...args } })),
          answerOf
        )
    }
  })

interface Wanted {
  readonly name: string
  readonly arguments: Record<string, Json>
}

const connected = async (
  kind: Kind,
  at: Place,
  start: Start,
  fill: (params: unknown, signal: AbortSignal) => Promise<Filled>
) => {
  const options = { ...commandOf(at, start), stderr: "ignore" as const }
  if (kind === "the old SDK's client") {
    const client = new OldClient(identity, { capabilities })
    client.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) => fill(params, signal))
    await client.connect(new OldTransport(options))
    return { call: (wanted: Wanted): Promise<unknown> => client.callTool({ ...wanted }), close: () => client.close() }
  }
  const client = new Client(identity, {
    capabilities,
    versionNegotiation: { mode: kind === "the 2026-07-28 client" ? { pin: "2026-07-28" } : "legacy" }
  })
  client.setRequestHandler("elicitation/create", ({ params }, { mcpReq }): Promise<NewResult> =>
    fill(params, mcpReq.signal)
  )
  await client.connect(new StdioClientTransport(options))
  return { call: (wanted: Wanted): Promise<unknown> => client.callTool({ ...wanted }), close: () => client.close() }
}
