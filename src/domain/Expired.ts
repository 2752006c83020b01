import { DateTime, Schema } from "effect"
import { TaskStatus } from "./Lifecycle.js"

/** How long the id and the idempotency key of a deleted task are remembered, in days. */
export const rememberedDays = 365

/** What is remembered of a task whose record was deleted; times are milliseconds since 1970. */
export const Expired = Schema.Struct({
  status: TaskStatus,
  endedAt: Schema.Int,
  deletedAt: Schema.Int,
  /** On whose behalf it was dispatched. */
  principal: Schema.optional(Schema.String),
  /** The file that has its whole record; absent if it was deleted without one. */
  export: Schema.optional(Schema.String)
})
export type Expired = typeof Expired.Type

export const expiredInWords = ({ status, endedAt, deletedAt, export: file }: Expired): string =>
  `It ended as ${status} at ${iso(endedAt)}, and its record was deleted at ${iso(deletedAt)} as retention in the config says; ${
    file === undefined ? "nothing was exported." : `the record is in ${file}.`
  }`

const iso = (millis: number): string => DateTime.formatIso(DateTime.unsafeMake(millis))
