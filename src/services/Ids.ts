import { Context, Effect, Layer, Ref } from "effect"
import { TaskId } from "../domain/Task.js"

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

/** Spells bytes in Crockford base 32, one character for each byte's low five bits. */
export const spell = (bytes: Uint8Array): string => Array.from(bytes, (byte) => alphabet[byte & 31]).join("")

/** Mints ids nobody can guess, and digests that nobody can invert. */
export class Ids extends Context.Tag("agentdispatch/Ids")<
  Ids,
  {
    readonly taskId: Effect.Effect<TaskId>
    readonly token: Effect.Effect<string>
    /** SHA-256 in hex. */
    readonly digest: (text: string) => Effect.Effect<string>
  }
>() {
  /** Counts, and digests nothing: for tests that must repeat. */
  static readonly layerMemory = Layer.effect(
    Ids,
    Effect.map(Ref.make(0), (counter) => {
      const next = Effect.map(
        Ref.updateAndGet(counter, (n) => n + 1),
        (n) => n.toString().padStart(26, "0")
      )
      return {
        taskId: Effect.map(next, (digits) => TaskId.make(`task_${digits}`)),
        token: next,
        digest: Effect.succeed<string>
      }
    })
  )
}
