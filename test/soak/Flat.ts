import type { Vitals } from "./Vitals.js"

/** How much more the last quarter may hold than the second, in which everything is warm. */
const slack = 1.2

/** What is not flat, in words; nothing if a server may go on like this for ever. */
export const grown = (seen: ReadonlyArray<Vitals>): ReadonlyArray<string> => {
  const last = seen.at(-1)?.tasks ?? 0
  const between = (from: number, to: number) => seen.filter(({ tasks }) => tasks > from * last && tasks <= to * last)
  const [second, fourth] = [between(0.25, 0.5), between(0.75, 1)]
  const memory = (["rss", "heap"] as const).flatMap((name) => {
    const [before, after] = [mean(second.map((at) => at[name])), mean(fourth.map((at) => at[name]))]
    return after <= before * slack ? [] : [`${name} grew from ${megabytes(before)} to ${megabytes(after)}`]
  })
  const [before, after] = [most(second), most(fourth)]
  return [...memory, ...(after === before ? [] : [`open descriptors went from ${before} to ${after}`])]
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

const most = (some: ReadonlyArray<Vitals>): number => Math.max(...some.map(({ descriptors }) => descriptors))

export const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`
