import { Schema } from "effect"
import { type Options, simulate } from "./Simulation.js"

/** What many worlds came to. */
export const Batch = Schema.Struct({
  seeds: Schema.Int,
  steps: Schema.Int,
  /** The first seed that broke a rule. */
  broken: Schema.optional(Schema.Int),
  tally: Schema.Record({ key: Schema.String, value: Schema.Int })
})
export type Batch = typeof Batch.Type

/** Which seeds one part of the run lives through. */
export const Share = Schema.Struct({ from: Schema.Int, count: Schema.Int })

/** Lives through worlds one after the other, up to the first that breaks a rule. */
export const batch = (from: number, count: number, options: Options = {}): Batch => {
  const tally: Record<string, number> = {}
  let steps = 0
  for (let seed = from; seed < from + count; seed++) {
    const verdict = simulate(seed, options)
    steps += verdict.steps
    for (const [what, often] of verdict.tally) tally[what] = (tally[what] ?? 0) + often
    if (verdict.wrong !== undefined) return { seeds: seed - from + 1, steps, broken: seed, tally }
  }
  return { seeds: count, steps, tally }
}

/** Two runs as one. */
export const joined = (one: Batch, other: Batch): Batch => {
  const tally = { ...one.tally }
  for (const [what, often] of Object.entries(other.tally)) tally[what] = (tally[what] ?? 0) + often
  const broken = [one.broken, other.broken].filter((seed) => seed !== undefined)
  return {
    seeds: one.seeds + other.seeds,
    steps: one.steps + other.steps,
    ...(broken.length === 0 ? {} : { broken: Math.min(...broken) }),
    tally
  }
}

export const none: Batch = { seeds: 0, steps: 0, tally: {} }
