import { Context } from "effect"
import type { RedactionRules } from "../domain/Config.js"
import type { Json } from "../domain/Json.js"
import { type Held, nothingHeld, type RedactionStream } from "../domain/Redaction.js"
import { secretIn } from "../domain/SecretScan.js"

/** Takes secrets out of what is about to be stored, shown or logged. */
export interface Redaction {
  readonly text: (text: string) => string
  /** Every string in a value, object keys included. */
  readonly json: (value: Json) => Json
  /** The same for this machine's own values alone: an id that looks like a secret stays what it is. */
  readonly known: (value: Json) => Json
  /** For a text that comes in chunks; begins within what another stream held. */
  readonly stream: (from?: Held) => RedactionStream
  /** The name of a secret that a text holds so surely that it is not taken in, or nothing. */
  readonly secretIn: (text: string) => string | undefined
  /** What the operator decided, for programs of ours that redact by themselves; it holds no secret. */
  readonly rules: RedactionRules
}

/** What this process knows to be secret; without one, nothing is. */
export class Redactor extends Context.Reference<Redactor>()("agentdispatch/Redactor", {
  defaultValue: (): Redaction => ({
    text: (text) => text,
    json: (value) => value,
    known: (value) => value,
    stream: () => ({ push: (chunk) => chunk, end: () => "", held: () => nothingHeld }),
    secretIn,
    rules: {}
  })
}) {}
