import type { IncomingMessage, ServerResponse } from "node:http"
import { Effect } from "effect"

/** What AgentCore lets through at most, in bytes. */
export const bodyLimit = 100_000_000

/** A request's whole body; undefined where it is too large, and then the rest of it is read and dropped. */
export const readBody = (request: IncomingMessage): Effect.Effect<string | undefined> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    const tooLarge = () => {
      request.removeAllListeners("data")
      request.resume()
      resume(Effect.succeed(undefined))
    }
    request.on("error", () => resume(Effect.interrupt))
    request.on("aborted", () => resume(Effect.interrupt))
    if (Number(request.headers["content-length"] ?? 0) > bodyLimit) return tooLarge()
    request.on("data", (chunk: Buffer) => {
      size += chunk.length
      if (size > bodyLimit) return tooLarge()
      chunks.push(chunk)
    })
    request.once("end", () => resume(Effect.sync(() => Buffer.concat(chunks).toString("utf8"))))
  })

/** Resolves once the answer has left this process or its reader is gone. */
export const answer = (response: ServerResponse, status: number, text: string, contentType = "application/json") =>
  Effect.async<void>((resume) => {
    const done = () => resume(Effect.void)
    response.once("finish", done).once("close", done)
    const bytes = Buffer.from(text)
    response.writeHead(status, { "content-type": contentType, "content-length": bytes.length })
    response.end(bytes)
  })

/** Resolves when the reader of a response is gone before its end; never otherwise. */
export const readerGone = (response: ServerResponse): Effect.Effect<void> =>
  Effect.async((resume) => {
    const onClose = () => resume(Effect.void)
    if (response.destroyed) return onClose()
    response.once("close", onClose)
    return Effect.sync(() => response.off("close", onClose))
  })

/** Begins a stream of server-sent events. */
export const beginEvents = (response: ServerResponse): Effect.Effect<void> =>
  Effect.sync(() => {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" })
    response.flushHeaders()
  })

/** Writes a piece no faster than its reader takes it; a reader that is gone takes everything at once. */
export const write = (response: ServerResponse, text: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    const done = () => {
      response.off("drain", done).off("close", done)
      resume(Effect.void)
    }
    if (response.destroyed || response.write(text)) return done()
    response.once("drain", done).once("close", done)
  })

export const acceptsEvents = (request: IncomingMessage): boolean =>
  (request.headers.accept ?? "").toLowerCase().includes("text/event-stream")
