import { DateTime, Option, Schema } from "effect"
import { TargetMode, TaskType } from "./Task.js"

const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })

const text = (is: (given: string) => boolean, problem: string) =>
  Schema.String.pipe(Schema.filter((given) => is(given) || problem))

const NonBlank = text((given) => given.trim() !== "", "must not be blank")
const Names = Schema.Array(NonBlank)

/** The tools that hand work over; the command line's `run` is `spawn_cloud_agent`, or `dispatch_task` with --capability. */
export const DispatchTool = Schema.Literal("spawn_cloud_agent", "dispatch_task", "dispatch_unit")
export type DispatchTool = typeof DispatchTool.Type

const Lane = text(
  (lane) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(lane),
  "can be no lane: write ORGUSER/REPO, as in repos.json; there are no wildcards"
)

const Principal = text(
  (name) => /^(user|principal):./.test(name),
  'can be no caller: write "user:NAME" for a user of this machine, "principal:NAME" for one that authenticates over HTTP'
)

/** In the order of `DateTime`'s `weekDay`. */
export const Day = Schema.Literal("sun", "mon", "tue", "wed", "thu", "fri", "sat")
export type Day = typeof Day.Type

const From = text((time) => /^([01]\d|2[0-3]):[0-5]\d$/.test(time), 'is no time of day: write "HH:MM", 00:00 to 23:59')
const To = text(
  (time) => /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/.test(time),
  'is no time of day: write "HH:MM", 00:00 to 24:00'
)
const ZoneName = text(
  (name) => Option.isSome(DateTime.zoneMakeNamed(name)),
  'is no time zone: write an IANA name such as "Europe/Berlin" or "UTC"'
)

/** A window on the clock of a place, to the minute, `to` excluded; it may go over midnight and then belongs to the day it began on. */
export const Hours = Schema.Struct({
  days: maybe(Schema.Array(Day)),
  from: From,
  to: To,
  timeZone: ZoneName
}).pipe(
  Schema.filter(({ from, to }) =>
    from === to ? [{ path: ["to"], message: 'is the same as "from"; for whole days write 00:00 and 24:00' }] : []
  )
)
export type Hours = typeof Hours.Type

const Count = Schema.Int.pipe(Schema.nonNegative())

/** What a dispatch that a rule allows must keep to. */
export const Limits = Schema.Struct({
  /** Dispatches in the last 3,600 s, of everyone together. */
  perHour: maybe(Count),
  /** Tasks that have not ended, of everyone together. */
  concurrent: maybe(Count),
  /** The latest deadline a dispatch may have, in seconds from its start. */
  deadlineSeconds: maybe(Schema.Int.pipe(Schema.positive())),
  /** The most one task may cost, its deadline times its backend's price, in US dollars. */
  costUsd: maybe(Schema.Finite.pipe(Schema.nonNegative()))
})
export type Limits = typeof Limits.Type

/** A rule matches what fits every list it has, name by name and letter by letter; an empty list fits nothing. */
export const PolicyRule = Schema.Struct({
  /** What its limits are counted under; without it they are counted under what the rule matches. */
  name: maybe(NonBlank),
  effect: Schema.Literal("allow", "deny"),
  tools: maybe(Schema.Array(DispatchTool)),
  runtimes: maybe(Names),
  lanes: maybe(Schema.Array(Lane)),
  providers: maybe(Names),
  accountProfiles: maybe(Names),
  capabilities: maybe(Names),
  taskTypes: maybe(Schema.Array(TaskType)),
  targetModes: maybe(Schema.Array(TargetMode)),
  frameworks: maybe(Names),
  callers: maybe(Schema.Array(Principal)),
  /** As MCP clients call themselves; nothing proves that they are. */
  clients: maybe(Names),
  hours: maybe(Hours),
  limits: maybe(Limits),
  reason: maybe(NonBlank)
}).pipe(
  Schema.filter(({ effect, limits }) =>
    effect === "deny" && limits !== undefined
      ? [{ path: ["limits"], message: "belong to rules that allow; a rule that denies leaves nothing to limit" }]
      : []
  )
)
export type PolicyRule = typeof PolicyRule.Type

export const Policy = Schema.Struct({
  defaultEffect: maybe(Schema.Literal("allow", "deny")),
  rules: Schema.optionalWith(Schema.Array(PolicyRule), { default: () => [], exact: true }),
  /** What an hour on a backend costs, in US dollars. */
  prices: maybe(Schema.Record({ key: Schema.String, value: Schema.Finite.pipe(Schema.nonNegative()) }))
})
export type Policy = typeof Policy.Type
