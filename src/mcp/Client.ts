import type { ClientCapabilities, Implementation } from "@modelcontextprotocol/server"
import { Option, Schema } from "effect"
import { JsonObject } from "../domain/Json.js"

/** The extension's name in the capabilities of both sides. */
export const tasksExtension = "io.modelcontextprotocol/tasks"

/** What a request tells of the client that sent it. */
export interface Client {
  readonly name: string
  readonly version: string
  /** It declared the Tasks extension on this very request. */
  readonly tasks: boolean
  /** It shows forms to its user. */
  readonly elicits: boolean
}

/** What older eras told once, when they connected. */
export interface Connected {
  readonly info: Implementation | undefined
  readonly capabilities: ClientCapabilities | undefined
}

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(schema)

const Capabilities = Schema.Struct({
  elicitation: optional(Schema.NullOr(JsonObject)),
  extensions: optional(JsonObject)
})

/** The 2026-07-28 envelope, as far as it says who is there; it comes from the client and may be anything. */
const Envelope = Schema.Struct({
  "io.modelcontextprotocol/clientInfo": optional(
    Schema.Struct({ name: Schema.String, version: optional(Schema.String) })
  ),
  "io.modelcontextprotocol/clientCapabilities": optional(Capabilities)
})

const decodeEnvelope = Schema.decodeUnknownOption(Envelope)
const decodeCapabilities = Schema.decodeUnknownOption(Capabilities)

/** A name is shown and stored, so it is short and printable. */
const shown = (text: string | undefined): string =>
  (text ?? "unknown")
    .slice(0, 100)
    .replace(/[\s\p{Cc}\p{Cf}\p{Cs}]+/gu, " ")
    .trim()

/** `sent` is a request's `_meta`, or the part of it that the SDK has lifted out. */
export const clientOf = (sent: unknown, connected: Connected): Client => {
  const envelope = Option.getOrUndefined(decodeEnvelope(sent))
  const info = envelope?.["io.modelcontextprotocol/clientInfo"] ?? connected.info
  const declared = envelope?.["io.modelcontextprotocol/clientCapabilities"]
  const capabilities = declared ?? Option.getOrUndefined(decodeCapabilities(connected.capabilities ?? {}))
  return {
    name: shown(info?.name),
    version: shown(info?.version),
    tasks: Object.hasOwn(declared?.extensions ?? {}, tasksExtension),
    elicits: showsForms(capabilities?.elicitation)
  }
}

/** An empty declaration means forms; one that names modes names them all. */
const showsForms = (declared: JsonObject | null | undefined): boolean =>
  declared !== undefined && declared !== null && (Object.keys(declared).length === 0 || Object.hasOwn(declared, "form"))
