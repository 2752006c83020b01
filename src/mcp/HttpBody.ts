import type { IncomingMessage } from "node:http"
import { Effect, Option } from "effect"

/** What a request's body turned out to be. */
export type Body =
  | { readonly body: "text"; readonly text: string }
  | { readonly body: "too large" }
  | { readonly body: "not UTF-8" }
  /** The client went away in the middle of it. */
  | { readonly body: "gone" }

const decode = Option.liftThrowable((bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes))

/**
 * Holds at most `limit` bytes. What comes beyond them is read and dropped, because a client that is still writing when
 * its connection is closed never sees the answer.
 */
export const readBody = (request: IncomingMessage, limit: number): Effect.Effect<Body> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    request.on("data", (chunk: Uint8Array) => {
      size += chunk.length
      if (size <= limit) return void chunks.push(chunk)
      chunks.length = 0
      resume(Effect.succeed({ body: "too large" }))
    })
    request.once("end", () =>
      resume(
        Effect.succeed(
          Option.match(decode(Buffer.concat(chunks)), {
            onNone: (): Body => ({ body: "not UTF-8" }),
            onSome: (text): Body => ({ body: "text", text })
          })
        )
      )
    )
    request.once("close", () => resume(Effect.succeed({ body: "gone" })))
    request.once("error", () => resume(Effect.succeed({ body: "gone" })))
    if (Number(request.headers["content-length"]) > limit) resume(Effect.succeed({ body: "too large" }))
  })
