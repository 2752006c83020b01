import { Schema } from "effect"

const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })
const Days = Schema.Number.pipe(Schema.between(1, 36_500))
const leastBytes = 65_536

/**
 * How long what is settled is kept. Without `ttl` and `maxStateBytes` no task is ever deleted; a task that is not
 * settled never is, and the audit never is.
 */
export const Retention = Schema.Struct({
  /** Days from a task's end until its record is deleted. */
  ttl: maybe(Days),
  /** The most one log keeps of a task that ended `logDays` ago: its beginning and its end. `false` keeps all. */
  maxLogBytes: maybe(Schema.Union(Schema.Int.pipe(Schema.greaterThanOrEqualTo(leastBytes)), Schema.Literal(false))),
  logDays: maybe(Days),
  /** The most that all records together may hold in the database, artifact files left out; then those that ended first are deleted, if a day has passed since. */
  maxStateBytes: maybe(Schema.Int.pipe(Schema.greaterThanOrEqualTo(leastBytes))),
  /** The folder a record is written to before it is deleted; `false` deletes without. */
  export: maybe(Schema.Union(Schema.String.pipe(Schema.minLength(1)), Schema.Literal(false)))
}).pipe(
  Schema.filter(({ ttl, maxStateBytes, export: folder }) =>
    folder === undefined && (ttl !== undefined || maxStateBytes !== undefined)
      ? "deletes tasks and does not say where to: set export to a folder, or to false to delete without a copy"
      : true
  )
)
export type Retention = typeof Retention.Type

export const dayMillis = 86_400_000

/** What holds where the config says nothing. */
export const defaults = { maxLogBytes: 16 * 1024 * 1024, logDays: 30 } as const

/** For how long a task is kept after its end at the least, in milliseconds; nothing if for ever. */
export const keptMillis = ({ ttl, maxStateBytes }: Retention): number | undefined => {
  const whole = ttl === undefined ? undefined : Math.floor(ttl * dayMillis)
  return maxStateBytes === undefined ? whole : Math.min(whole ?? dayMillis, dayMillis)
}
