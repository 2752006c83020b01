import { Schema } from "effect"
import { WorkerEvent } from "../../domain/WorkerEvent.js"
import type { WorkerEventRecord } from "../../domain/WorkerProtocol.js"

export type EventRecord = typeof WorkerEventRecord.Type

/** What of a task's events fits into one answer. */
export interface Slice {
  readonly events: ReadonlyArray<EventRecord>
  /** Events up to and including this number are gone. */
  readonly truncatedBefore?: number
}

/** A task's newest events, numbered from 1. */
export interface Ring {
  /** The number of the newest event ever. */
  readonly seq: () => number
  readonly push: (at: number, event: WorkerEvent) => void
  /** At least one event after the cursor where there is one, else as many as fit. */
  readonly after: (cursor: number, maxEvents: number, maxBytes: number) => Slice
}

export const ringLimits = { events: 2000, bytes: 4 * 1024 * 1024 }

const encode = Schema.encodeSync(Schema.parseJson(WorkerEvent))

export const makeRing = (limits = ringLimits): Ring => {
  const kept: Array<{ readonly record: EventRecord; readonly bytes: number }> = []
  let [seq, bytes] = [0, 0]
  return {
    seq: () => seq,
    push: (at, event) => {
      seq++
      const size = Buffer.byteLength(encode(event))
      kept.push({ record: { seq, at, event }, bytes: size })
      bytes += size
      while (kept.length > limits.events || (bytes > limits.bytes && kept.length > 1)) bytes -= kept.shift()?.bytes ?? 0
    },
    after: (cursor, maxEvents, maxBytes) => {
      const oldest = kept[0]?.record.seq ?? seq + 1
      const from = Math.max(0, cursor + 1 - oldest)
      let room = maxBytes
      const events: Array<EventRecord> = []
      for (const { record, bytes: size } of kept.slice(from, from + maxEvents)) {
        room -= size
        if (room < 0 && events.length > 0) break
        events.push(record)
      }
      return { events, ...(cursor + 1 < oldest && oldest > 1 ? { truncatedBefore: oldest - 1 } : {}) }
    }
  }
}
