import { Effect } from "effect"
import { patience } from "./Profile.js"
import { profiles } from "./Profiles.js"
import { survive, type Verdict } from "./Scenario.js"

/** So many clients at once: most of the time each of them waits. */
const atOnce = 3

/** Every client's verdict, in the order of the profiles; those that wait longest begin. */
export const verdicts: Effect.Effect<ReadonlyArray<Verdict>> = Effect.gen(function* () {
  const byWait = profiles.toSorted((one, other) => patience(other) - patience(one))
  const found = yield* Effect.forEach(byWait, (profile) => Effect.scoped(survive(profile)), { concurrency: atOnce })
  return found.toSorted((one, other) => profiles.indexOf(one.profile) - profiles.indexOf(other.profile))
})
