import type { Readable, Writable } from "node:stream"
import { Effect, Either, Schema } from "effect"
import { WorkerEvent, WorkerResponse } from "../domain/WorkerEvent.js"
import { systemCode } from "./SystemProblem.js"
import { OutputClosed, TaskUnusable } from "./WorkerError.js"

const inputLimit = 16 * 1024 * 1024
const isJsonText = Schema.decodeUnknownEither(Schema.parseJson())

/** The task's text: the first line where it is whole JSON, so the sender may keep the pipe open, else all there is. */
export const readInput = (stdin: Readable): Effect.Effect<string, TaskUnusable> =>
  Effect.async<string, TaskUnusable>((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    let lineSeen = false
    const text = () => Buffer.concat(chunks).toString("utf8")
    const refuse = (problem: string) => resume(Effect.fail(new TaskUnusable({ problem })))
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > inputLimit) return refuse(`stdin holds more than ${inputLimit} bytes.`)
      if (lineSeen || !chunk.includes(10)) return
      lineSeen = true
      const [line = ""] = text().split("\n", 1)
      if (line.trim() !== "" && Either.isRight(isJsonText(line))) resume(Effect.succeed(line))
    }
    const onEnd = () => resume(Effect.succeed(text()))
    const onError = (cause: Error) => refuse(`stdin cannot be read (${systemCode(cause)}).`)
    stdin.on("data", onData).once("end", onEnd).once("error", onError)
  }).pipe(Effect.ensuring(Effect.sync(() => stdin.destroy())))

const eventLine = Schema.encode(Schema.parseJson(WorkerEvent))
const responseLine = Schema.encode(Schema.parseJson(WorkerResponse))

/** One JSON line each, resolved once the line has left this process. */
export const lineWriter = (stdout: Writable) => {
  // Without a listener a closed pipe is an uncaught exception; each write reports its own failure.
  stdout.on("error", () => undefined)
  const write = (line: string) =>
    Effect.async<void, OutputClosed>((resume) => {
      stdout.write(`${line}\n`, (cause) =>
        resume(cause ? Effect.fail(new OutputClosed({ problem: systemCode(cause) })) : Effect.void)
      )
    })
  return {
    event: (event: WorkerEvent) => Effect.flatMap(Effect.orDie(eventLine(event)), write),
    response: (response: WorkerResponse) => Effect.flatMap(Effect.orDie(responseLine(response)), write)
  }
}
