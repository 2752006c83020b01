import { Effect, Schema } from "effect"
import { Json, JsonObject } from "../domain/Json.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import * as Fields from "./Fields.js"
import * as Reply from "./Reply.js"
import { tool } from "./Tool.js"

const reads = { readOnly: true, idempotent: true } as const

export const listProviders = tool(
  { title: "List providers", description: "Names of the configured providers.", ...reads },
  Fields.none,
  Schema.Struct({ providers: Schema.Array(Schema.String) }),
  () => Effect.map(Dispatch, (dispatch) => Reply.list("providers", dispatch.providers))
)

export const listCapabilities = tool(
  {
    title: "List capabilities",
    description: "What the built-in adapters can run, and what each needs configured.",
    ...reads
  },
  Schema.Struct({ provider: Fields.optional(Schema.String) }),
  Schema.Struct({ capabilities: Schema.Array(JsonObject) }),
  (args) => Effect.map(Dispatch, (dispatch) => Reply.list("capabilities", dispatch.capabilities(args.provider)))
)

export const listAccountProfiles = tool(
  { title: "List accounts", description: "The configured account profiles; no credentials.", ...reads },
  Fields.none,
  Schema.Struct({ accounts: Schema.Array(Json) }),
  () => Effect.map(Dispatch, (dispatch) => Reply.list("accounts", dispatch.accounts))
)
