import { setTimeout as realDelay } from "node:timers/promises"
import { type Duration, Effect, Fiber, Option, TestClock } from "effect"

/** Real milliseconds between two looks; in them sockets and processes get on. */
const pause = 20

const look = Effect.promise(() => realDelay(pause))

/** Waits in real time, while the test's clock stands still. */
export const really = (claim: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let looks = 0; !holds(); looks++) {
      if (looks > 500) return yield* Effect.dieMessage(`never came true: ${claim}`)
      yield* look
    }
  })

/** Lets the test's clock run `perLook` at every look until the work is over; its sockets stay as slow as they are. */
export const hurried = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  perLook: Duration.DurationInput = "200 millis"
): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    while (Option.isNone(yield* fiber.poll)) {
      yield* TestClock.adjust(perLook)
      yield* look
    }
    return yield* Fiber.join(fiber)
  })
