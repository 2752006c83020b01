import { Context } from "effect"
import type { Json } from "../domain/Json.js"

/** Takes secrets out of what is about to be stored, shown or logged. */
export interface Redaction {
  readonly text: (text: string) => string
  /** Every string in a value, object keys included. */
  readonly json: (value: Json) => Json
}

/** What this process knows to be secret; without one, nothing is. */
export class Redactor extends Context.Reference<Redactor>()("agentdispatch/Redactor", {
  defaultValue: (): Redaction => ({ text: (text) => text, json: (value) => value })
}) {}
