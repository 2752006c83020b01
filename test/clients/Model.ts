import { Schema } from "effect"
import { JsonObject } from "../../src/domain/Json.js"
import type { OutputLimit, Profile } from "./Profile.js"

/** An answer as it came over the wire. */
export const CallResult = Schema.Struct({
  content: Schema.Array(Schema.Struct({ type: Schema.String, text: Schema.optional(Schema.String) })),
  structuredContent: Schema.optional(JsonObject),
  isError: Schema.optional(Schema.Boolean)
})
export type CallResult = typeof CallResult.Type

/** What a client shows its model of one answer. */
export interface Sight {
  readonly text: string
  /** Something is missing, and the client does not say where it is. */
  readonly cut: boolean
}

/** One sight for each part of an answer that the model may be shown. */
export const sightsOf = (
  { output, sees }: Profile,
  { content, structuredContent }: CallResult
): ReadonlyArray<Sight> => {
  const text = content.flatMap((block) => (block.text === undefined ? [] : [block.text])).join("\n")
  const structured = structuredContent === undefined ? text : JSON.stringify(structuredContent)
  const parts = sees === "either" ? [text, structured] : [sees === "text" ? text : structured]
  return parts.map((part) => within(part, output))
}

/** A file is no loss: the client names it and the model reads it with tools of its own. */
const within = (text: string, { bytes, cut }: OutputLimit): Sight => {
  const whole = Buffer.from(text)
  if (whole.length <= bytes || cut === "file") return { text, cut: false }
  const kept = cut === "head" ? [whole.subarray(0, bytes)] : [whole.subarray(0, bytes / 2), whole.subarray(-bytes / 2)]
  return { text: kept.map((part) => part.toString()).join("\n[…]\n"), cut: true }
}
