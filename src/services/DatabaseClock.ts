import { Clock, Effect, Option } from "effect"
import { differenceOf } from "../domain/ClockDifference.js"
import { Store } from "./Store.js"

/** How far this machine's clock is from the one of the database's machine; nothing where that is this machine. */
export const clockDifference = Effect.gen(function* () {
  const store = yield* Store
  const asked = yield* Clock.currentTimeMillis
  const there = yield* store.timeThere
  const answered = yield* Clock.currentTimeMillis
  return Option.map(there, (theirs) => differenceOf({ asked, answered, theirs }))
})
