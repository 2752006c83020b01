import type { JsonObject } from "../../src/domain/Json.js"

/** What a client does with an answer that is longer than it likes. */
export interface OutputLimit {
  readonly bytes: number
  /** The beginning stays, both ends stay, or the whole goes to a file that the model can read. */
  readonly cut: "head" | "middle" | "file"
}

/** A client as far as a server notices it, from what its users, its issues and its own source say. */
export interface Profile {
  readonly client: string
  /** As it names itself on the wire. */
  readonly info: { readonly name: string; readonly version: string }
  /** Further names it is known to use. */
  readonly aliases?: ReadonlyArray<string>
  /** The revision it speaks; the ones before 2026-07-28 begin with `initialize`. */
  readonly protocol: "2026-07-28" | "2025-11-25" | "2025-06-18" | "2025-03-26"
  readonly capabilities: JsonObject
  /** When it gives a call up, in seconds; none where nothing is known of a limit. */
  readonly callSeconds?: number
  /** Progress begins its limit anew. */
  readonly progressExtends: boolean
  /** When it moves a call to the background, where answers are easily lost, in seconds. */
  readonly backgroundSeconds?: number
  readonly output: OutputLimit
  /** Which part of an answer its model sees; either, where that is not known. */
  readonly sees: "text" | "structured" | "either"
  /** Where its users plan, it blocks tools without `readOnlyHint`. */
  readonly planMode: boolean
  readonly sources: string
  /** When the sources were read. */
  readonly date: string
}

/** The last moment at which an answer still reaches the model, in seconds. */
export const patience = ({ backgroundSeconds, callSeconds }: Profile): number =>
  Math.min(backgroundSeconds ?? Number.POSITIVE_INFINITY, callSeconds ?? Number.POSITIVE_INFINITY)

export const speaksTasks = ({ capabilities }: Profile): boolean => Object.hasOwn(capabilities, "extensions")
export const showsForms = ({ capabilities }: Profile): boolean => Object.hasOwn(capabilities, "elicitation")
