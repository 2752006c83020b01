/** Worlds in which something was wrong once; they are lived through again with every test run. */
export const seeds: ReadonlyArray<{
  readonly seed: number
  readonly rule: number
  /** What was wrong. */
  readonly was: string
}> = [
  { seed: 2262, rule: 4, was: "a claim landed after the look for it, and its living owner never drove the task" },
  { seed: 4096, rule: 2, was: "a note whose answer was lost took the token from a start that was sent again" },
  { seed: 5003, rule: 10, was: "a part was accepted between the look for parts and the cancel of its whole" },
  { seed: 101662, rule: 4, was: "one cancel that hung used up the patience, and stopped work was given up" }
]
