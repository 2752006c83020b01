import { appendFile } from "node:fs/promises"
import { join } from "node:path"
import { Clock, DateTime, Effect, Layer } from "effect"
import { encodeText, type Json } from "../domain/Json.js"
import { Audit } from "../services/Audit.js"
import { Installation } from "../services/Installation.js"

/** One JSON line a record in `audit.ndjson`; appends of one line by several processes do not mix. */
export const layer = Layer.effect(
  Audit,
  Effect.map(Installation, ({ stateDir }) => ({
    append: Effect.fn("audit.append")(function* (record) {
      const at = DateTime.formatIso(DateTime.unsafeMake(yield* Clock.currentTimeMillis))
      const line: Json = {
        at,
        event: record.event,
        outcome: record.outcome,
        ...(record.taskId === undefined ? {} : { taskId: record.taskId }),
        ...(record.code === undefined ? {} : { code: record.code }),
        ...(record.detail === undefined ? {} : { detail: record.detail })
      }
      yield* Effect.tryPromise(() =>
        appendFile(join(stateDir, "audit.ndjson"), `${encodeText(line)}\n`, { mode: 0o600 })
      ).pipe(Effect.catchAll((error) => Effect.logError("an audit record could not be written", error, line)))
    })
  }))
)
