import { randomUUID } from "node:crypto"
import { Effect, Fiber } from "effect"
import { missing, busy, stop, stopped } from "./Calls.js"
import type { Check } from "./Check.js"

const stopEnds: Check = {
  name: "stop",
  shows: "that Stop ends a session's machine at once, and that the next request brings up another one",
  calls: "InvokeAgentRuntime (hello) 3 times, StopRuntimeSession 2 times",
  sessionSeconds: 30,
  takes: "30 s",
  needs: "runtime",
  run: (bench) =>
    Effect.gen(function* () {
      const session = yield* bench.session
      const first = yield* bench.boot(session)
      bench.same("the same session again is the same machine", first, yield* bench.boot(session))
      bench.same("Stop of a live session", stopped, (yield* stop(bench, session)).words)
      bench.same("Stop of a stopped one", missing, (yield* stop(bench, session)).words)
      const next = yield* bench.boot(session)
      bench.judged("the machine after a Stop", `another than ${first}`, next, next !== first)
    })
}

const stopQualifier: Check = {
  name: "stop-qualifier",
  shows: "that Stop under another endpoint's name answers 404 and leaves the machine running and billed",
  calls: "InvokeAgentRuntime (hello) 2 times, StopRuntimeSession",
  sessionSeconds: 20,
  takes: "20 s",
  needs: "runtime",
  run: (bench) =>
    Effect.gen(function* () {
      const session = yield* bench.session
      const first = yield* bench.boot(session)
      const wrong = yield* stop(bench, { ...session, qualifier: "verify_absent" })
      bench.same("Stop under another endpoint's name", missing, wrong.words)
      bench.same("the machine after it", first, yield* bench.boot(session))
    })
}

/** How often a machine that comes up is told to stop, in milliseconds. */
const pause = 250

const stopProvisioning: Check = {
  name: "stop-provisioning",
  shows: "whether a session can be stopped while its machine comes up, and how long Stop is refused until then",
  calls: "InvokeAgentRuntime (hello) 2 times, StopRuntimeSession 4 times a second until it is taken",
  sessionSeconds: 60,
  takes: "1 min",
  needs: "runtime",
  run: (bench) =>
    Effect.gen(function* () {
      const session = yield* bench.session
      const coming = yield* Effect.fork(Effect.either(bench.boot(session)))
      const answers: Array<string> = []
      const began = yield* bench.now
      while (answers.at(-1) !== stopped && (yield* bench.now) < began + 180 * bench.account.speed) {
        yield* Effect.sleep(pause)
        answers.push((yield* stop(bench, session)).words)
      }
      const taken = (yield* bench.now) - began
      const before = answers.slice(0, -1)
      bench.judged(
        "Stop while the machine comes up",
        `${missing} or ${busy}, at last ${stopped}`,
        counted(answers),
        answers.at(-1) === stopped && before.every((words) => words === missing || words === busy)
      )
      bench.told("seconds until it was taken", taken.toFixed(1))
      // Its caller may try again after a conflict, so the session can be back; what counts is that it is another machine.
      const first = yield* Fiber.join(coming)
      const next = yield* bench.boot(session)
      const known = first._tag === "Right" ? first.right : "no machine that answered"
      bench.told("the first request", first._tag === "Right" ? `was answered by ${known}` : first.left.detail)
      bench.told("the machine after it", next === known ? "the same: it came up after the Stop" : "another")
    })
}

/** Equal neighbours as one: `409 … (7 times), 200`. */
const counted = (answers: ReadonlyArray<string>): string => {
  const runs: Array<{ readonly words: string; times: number }> = []
  for (const words of answers) {
    const last = runs.at(-1)
    if (last?.words === words) last.times += 1
    else runs.push({ words, times: 1 })
  }
  return runs.map(({ words, times }) => (times === 1 ? words : `${words} (${times} times)`)).join(", ")
}

const stopToken: Check = {
  name: "stop-token",
  shows: "that a Stop under a token that was used is answered from memory and stops nothing",
  calls: "InvokeAgentRuntime (hello) 3 times, StopRuntimeSession 3 times with one client token",
  sessionSeconds: 40,
  takes: "40 s",
  needs: "runtime",
  run: (bench) =>
    Effect.gen(function* () {
      const session = yield* bench.session
      const token = randomUUID()
      yield* bench.boot(session)
      bench.same("Stop under a new token", stopped, (yield* stop(bench, session, token)).words)
      bench.same("the same again", stopped, (yield* stop(bench, session, token)).words)
      const next = yield* bench.boot(session)
      bench.same("the same once more, with another machine up", stopped, (yield* stop(bench, session, token)).words)
      const after = yield* bench.boot(session)
      bench.told("that machine afterwards", after === next ? "still runs" : "was stopped")
    })
}

export const sessionChecks: ReadonlyArray<Check> = [stopEnds, stopQualifier, stopProvisioning, stopToken]
