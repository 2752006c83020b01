import { Schema } from "effect"

/** How long a silent owner keeps its tasks, in milliseconds, judged by the clock of whoever looks. */
export const leaseMillis = 5_000

/** What may be between two clocks before somebody must mend it: a quarter of a lease, in milliseconds. */
export const tolerated = leaseMillis / 4

/** How far this machine's clock is from the database's, in milliseconds. */
export interface ClockDifference {
  /** Negative is behind. */
  readonly ahead: number
  /** The true figure is at most so far from `ahead`, for the answer took time. */
  readonly within: number
}

/** The other clock was read somewhere between asking and the answer, so it is taken for read in the middle. */
export const differenceOf = (read: {
  readonly asked: number
  readonly answered: number
  readonly theirs: number
}): ClockDifference => ({
  ahead: (read.asked + read.answered) / 2 - read.theirs,
  within: Math.abs(read.answered - read.asked) / 2
})

/** What is certain of it is far enough to be mended, or so far that this machine must leave tasks to others. */
export type ClockVerdict = "agrees" | "drifts" | "apart"

export const judge = ({ ahead, within }: ClockDifference): ClockVerdict => {
  const certain = Math.abs(ahead) - within
  if (certain > leaseMillis) return "apart"
  return certain > tolerated ? "drifts" : "agrees"
}

/** For whoever reads a log or a check. */
export const inWords = ({ ahead }: ClockDifference): string =>
  `this machine's clock is ${(Math.abs(ahead) / 1_000).toFixed(2)} s ${ahead < 0 ? "behind" : "ahead of"} the database's`

const mending = "set both machines' clocks by NTP (chrony, systemd-timesyncd)"

/** What is wrong and how to mend it; nothing if the clocks agree. */
export const problem = (difference: ClockDifference): string | undefined =>
  ({
    agrees: undefined,
    drifts: `${inWords(difference)}, and ${tolerated / 1_000} s is the most that does no harm: leases are times; ${mending}.`,
    apart: `${inWords(difference)}, which is more than the ${leaseMillis / 1_000} s of a lease: a server here would take tasks that others drive, or keep those of the dead, so it takes none; ${mending}.`
  })[judge(difference)]

/** A server whose clock is so wrong must not begin. */
export class ClockApart extends Schema.TaggedError<ClockApart>()("ClockApart", {
  ahead: Schema.Number,
  within: Schema.Number
}) {
  readonly code = "clock.apart"
  override get message() {
    return `${this.code}: ${problem(this) ?? inWords(this)}`
  }
}
