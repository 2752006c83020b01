import { Either, Option, Schema } from "effect"
import { type Json, JsonText } from "../../src/domain/Json.js"
import type { NewArtifact, Outcome } from "../../src/domain/Task.js"
import { jsonFault } from "../../src/domain/JsonFault.js"
import { WorkerEvent } from "../../src/domain/WorkerEvent.js"
import { failedOutcome } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import { entryOf, failed, readAnswer } from "./Answer.js"
import { StreamBroken } from "./Spec.generated.js"

const parse = Schema.decodeEither(JsonText)
const readEvent = Schema.decodeUnknownOption(WorkerEvent)
const isError = Schema.is(Schema.Struct({ error: Schema.String, error_type: Schema.String }))
const isRunError = Schema.is(Schema.Struct({ type: Schema.Literal("RUN_ERROR"), message: Schema.String }))

/** How much streamed text is kept as the result, in UTF-16 code units; all of it is in the log. */
const keptText = 256 * 1024

/**
 * Listens to server-sent events of an app of any kind: a worker's events and answer, other JSON, or plain text; a JSON
 * value may be cut anywhere between two events. Text that only begins as JSON does is text.
 */
export const makeEar = (say: (entry: Entry) => void, artifacts: Array<NewArtifact>) => {
  let line = ""
  let event = ""
  let data: Array<string> = []
  let pending = ""
  let text = ""
  let last: Json | undefined
  let outcome: Outcome | undefined

  const heardText = (words: string, newline: string) => {
    say({ log: `${words}${newline}` })
    if (text.length < keptText) text += words
  }

  const heardValue = (value: Json) => {
    if (typeof value === "string") return heardText(value, "")
    const known = readEvent(value)
    if (Option.isSome(known)) {
      const { type, payload, message } = known.value
      if (type === "task.failed") outcome = failed(payload ?? message)
      if (type === "task.result") last = payload ?? message
      return say(entryOf(known.value))
    }
    const answer = readAnswer(value)
    if (Option.isSome(answer)) {
      answer.value.entries.forEach(say)
      artifacts.push(...answer.value.artifacts)
      outcome = answer.value.outcome
      return
    }
    if (isError(value)) outcome = failed(value.error)
    if (isRunError(value)) outcome = failed(value.message)
    last = value
    say({ type: "task.progress", payload: value })
  }

  const heardData = (words: string) => {
    if (event === "error") outcome = failed(words)
    if (pending === "" && words.trim() === "[DONE]") return
    const value = parse(pending + words)
    if (Either.isRight(value)) {
      pending = ""
      return heardValue(value.right)
    }
    const joined = pending + words
    pending = ""
    if (/^\s*[{["]/.test(joined) && jsonFault(joined)?.unfinished === true) pending = joined
    else heardText(joined, "\n")
  }

  const heardLine = (whole: string) => {
    if (whole === "") {
      if (data.length > 0) heardData(data.join("\n"))
      data = []
      event = ""
    } else if (whole.startsWith("data:")) data.push(whole.slice(whole.startsWith("data: ") ? 6 : 5))
    else if (whole.startsWith("event:")) event = whole.slice(6).trim()
  }

  const partial = () => last ?? (text === "" ? undefined : text)

  return {
    hear: (piece: string): void => {
      const lines = (line + piece).split(/\r\n|\n|\r(?!$)/)
      line = lines.pop() ?? ""
      lines.forEach(heardLine)
    },
    /** How the stream ended: cleanly, or broken off for the given reason. */
    end: (broken?: string): Outcome => {
      if (line !== "") heardLine(line.replace(/\r$/, ""))
      heardLine("")
      if (pending !== "") say({ log: `${pending}\n` })
      const reason = broken ?? (pending === "" ? undefined : "the last JSON value is not whole")
      if (outcome !== undefined) return outcome
      const result = partial()
      if (reason !== undefined) return failedOutcome(new StreamBroken({ detail: reason }), result)
      say({
        type: "task.progress",
        message: "The stream ended without a worker's answer, so it cannot be told whether it was whole."
      })
      return { ok: true, ...(result === undefined ? {} : { result }) }
    }
  }
}
