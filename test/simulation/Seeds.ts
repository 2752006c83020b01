/** Worlds in which something was wrong once; they are lived through again with every test run. */
export const seeds: ReadonlyArray<{
  readonly seed: number
  readonly rule: number
  /** What was wrong. */
  readonly was: string
}> = [{ seed: 714, rule: 4, was: "one lost request gave a cancel up because the work took its time to stop" }]
