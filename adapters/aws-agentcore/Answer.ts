import { Option, Schema } from "effect"
import { Json } from "../../src/domain/Json.js"
import { NewArtifact, type Outcome } from "../../src/domain/Task.js"
import { WorkerEvent } from "../../src/domain/WorkerEvent.js"
import { tellable } from "../../src/domain/WorkerLine.js"
import { failedOutcome } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import { WorkerFailed } from "./Spec.generated.js"

/** A worker's whole answer (contract, part 4); apps leave out what they have nothing for. */
const Answer = Schema.Struct({
  ok: Schema.Boolean,
  output: Schema.optionalWith(Json, { exact: true }),
  events: Schema.optionalWith(Schema.Array(WorkerEvent), { default: () => [] }),
  artifacts: Schema.optionalWith(Schema.Array(NewArtifact), { default: () => [] }),
  error: Schema.optionalWith(Json, { exact: true })
})

const decode = Schema.decodeUnknownOption(Answer)
const hasMessage = Schema.is(Schema.Struct({ message: Schema.String }))

export interface Understood {
  readonly entries: ReadonlyArray<Entry>
  readonly artifacts: ReadonlyArray<NewArtifact>
  readonly outcome: Outcome
}

/** What an app said about one of its own events; where the task stands is not for it to say. */
export const entryOf = (event: WorkerEvent): Entry =>
  tellable.has(event.type) ? event : { log: `${event.message ?? event.type}\n` }

export const failed = (error: Json | undefined, result?: Json): Outcome => {
  const detail =
    typeof error === "string" ? error : hasMessage(error) ? error.message : "it did not say why; its log may"
  return failedOutcome(new WorkerFailed({ detail, workerError: error ?? null }), result)
}

/** A worker's answer in the contract's shape; nothing if the value is some other result. */
export const readAnswer = (value: Json): Option.Option<Understood> =>
  Option.flatMap(decode(value), ({ ok, output, events, artifacts, error }) => {
    if (ok && output === undefined && events.length === 0 && artifacts.length === 0) return Option.none()
    const told = events.findLast(({ type }) => type === "task.result")
    const failure = events.find(({ type }) => type === "task.failed")
    const result = output ?? told?.payload ?? told?.message
    return Option.some({
      entries: events.map(entryOf),
      artifacts,
      outcome:
        !ok || failure !== undefined
          ? failed(error ?? failure?.payload ?? failure?.message, result)
          : { ok: true, ...(result === undefined ? {} : { result }) }
    })
  })

/** Anything that is no worker's answer is the result as it is. */
export const understood = (value: Json): Understood =>
  Option.getOrElse(readAnswer(value), () => ({ entries: [], artifacts: [], outcome: { ok: true, result: value } }))
