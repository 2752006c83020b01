import type { Check } from "./Check.js"
import { limitChecks } from "./LimitChecks.js"
import { madeChecks } from "./MadeChecks.js"
import { refusalChecks } from "./RefusalChecks.js"
import { sessionChecks } from "./SessionChecks.js"
import { tokenChecks } from "./TokenChecks.js"

/** All that an emulator cannot show and a call can; the slow ones last. */
export const checks: ReadonlyArray<Check> = [
  ...refusalChecks,
  ...sessionChecks,
  ...madeChecks,
  ...tokenChecks,
  ...limitChecks
].sort((one, other) => Number(one.slow ?? false) - Number(other.slow ?? false))

/** What no call of this script can show either, and who can look. */
export const beyond = [
  "billing: the service has no call that tells a session's price. Compare the printed sum with Cost Explorer a day later.",
  "a worker whose /ping leaves out time_of_last_update: this product's always sends it. busy-ping shows only that ours is kept.",
  "policies of other accounts and roles: signature shows what your own credentials may do."
]
