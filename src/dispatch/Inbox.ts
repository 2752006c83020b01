import { Clock, Context, Effect, Layer, Option } from "effect"
import type { Task } from "../domain/Task.js"
import { Caller } from "../services/Caller.js"
import { Store } from "../services/Store.js"
import { ownOnly } from "./Visible.js"

/** How many ended tasks one reply tells of. */
const most = 5
const shown = 60
const patience = "1 second"

/** What one listener has heard; it lives as long as its connection. */
export interface Listening {
  /** Until when it has heard, in milliseconds since 1970; nothing before its first call. */
  until: number | undefined
  /** Tasks whose end a reply has told already. */
  readonly told: Set<string>
}

export const newListening = (): Listening => ({ until: undefined, told: new Set() })

/** Tells a client that never asks which tasks have ended since it last heard, also while no client was there. */
export class Inbox extends Context.Tag("agentdispatch/Inbox")<
  Inbox,
  {
    /** At most five lines, those that ended first first; empty when the store cannot be asked. */
    readonly news: (client: string, listening: Listening) => Effect.Effect<ReadonlyArray<string>>
  }
>() {
  static readonly layer = Layer.effect(
    Inbox,
    Effect.gen(function* () {
      const store = yield* Store

      const begun = Effect.fnUntraced(function* (listener: string) {
        const heard = yield* store.heard(listener)
        if (Option.isSome(heard)) return heard.value
        const now = yield* Clock.currentTimeMillis
        yield* store.hear(listener, now)
        return now
      })

      return {
        news: Effect.fn("inbox.news")(
          function* (client, listening) {
            const { principal } = yield* Caller
            const listener = `${principal}|${client}`
            const after = listening.until ?? (yield* begun(listener))
            listening.until = after
            const ended = yield* store.finished({ after, limit: most + 1, ...(yield* ownOnly) })
            const last = ended.slice(0, most).at(-1)
            if (last === undefined) return []
            yield* store.hear(listener, last.updatedAt)
            listening.until = last.updatedAt
            return ended
              .slice(0, most)
              .filter(({ id }) => !listening.told.has(id))
              .map(line)
          },
          Effect.catchAll((error) =>
            Effect.as(Effect.logWarning(`ended tasks could not be looked for: ${error.message}`), [])
          ),
          // News can wait for the next reply; a reply that only reads must not wait for somebody who writes.
          Effect.timeoutTo({ duration: patience, onTimeout: () => [], onSuccess: (lines) => lines })
        )
      }
    })
  )
}

const line = ({ id, request, status }: Task): string => {
  const instruction = request.input["instruction"]
  const what = typeof instruction === "string" ? `: ${short(instruction.replaceAll(/\s+/g, " "))}` : ""
  return `${id} ${status} (${request.runtime ?? request.backend})${what}`
}

/** The id leads to the whole. */
const short = (text: string): string => (text.length <= shown ? text : `${text.slice(0, shown - 1)}…`)
