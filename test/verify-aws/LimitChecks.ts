import { Effect } from "effect"
import { invoke, textOfReply } from "../../adapters/aws-agentcore/Invoke.js"
import { readArn } from "../../adapters/aws-agentcore/Plan.js"
import { runtimeStatus } from "../../adapters/aws-agentcore/Runtimes.js"
import { type Bench, broken } from "./Bench.js"
import type { Check } from "./Check.js"
import { echoOf, payloadOf } from "./Work.js"

/** How far from its limit a cut may be, as a part of it: requests and polls take their time. */
const tolerance = 0.1

const near = (seconds: number, limit: number) => Math.abs(seconds - limit) <= limit * tolerance

/** One plain request that takes longer than the service lets it. */
const outlast = (bench: Bench, limit: number, accept: string) =>
  Effect.gen(function* () {
    const session = yield* bench.session
    yield* bench.boot(session)
    const body = JSON.stringify(payloadOf(bench, limit * 1.5))
    const began = yield* bench.now
    const message = { body, headers: { accept } }
    const answer = yield* Effect.either(Effect.flatMap(invoke(bench.clients.start, session, message), textOfReply))
    const seconds = (yield* bench.now) - began
    const whole = answer._tag === "Right" && answer.right.includes('"ok":true')
    const said = answer._tag === "Left" ? answer.left.detail : `a clean end after ${answer.right.length} characters`
    bench.judged(
      "a request that takes longer",
      `cut off after ${limit} s`,
      whole ? `answered whole after ${seconds.toFixed(0)} s` : `cut off after ${seconds.toFixed(0)} s`,
      !whole && near(seconds, limit)
    )
    bench.told("what its caller sees", said)
  })

const syncLimit: Check = {
  name: "sync-limit",
  shows: "what the caller of a request without a stream sees at the limit of 15 minutes",
  calls: "InvokeAgentRuntime (hello, then one that takes 22 min)",
  sessionSeconds: 930,
  takes: "16 min",
  needs: "runtime",
  slow: true,
  run: (bench) => outlast(bench, 15 * 60, "application/json")
}

const streamLimit: Check = {
  name: "stream-limit",
  shows: "what the caller of a stream sees at the limit of 60 minutes",
  calls: "InvokeAgentRuntime (hello, then one that streams for 90 min)",
  sessionSeconds: 3_630,
  takes: "61 min",
  needs: "runtime",
  slow: true,
  run: (bench) => outlast(bench, 60 * 60, "text/event-stream")
}

const longest = 28_800

const lifetime: Check = {
  name: "lifetime",
  shows: "that a busy session is ended when its runtime's maxLifetime is over (8 hours unless it has another)",
  calls: "GetAgentRuntime, InvokeAgentRuntime (hello, start, then poll once a minute)",
  sessionSeconds: longest + 60,
  takes: "8 h",
  needs: "runtime",
  slow: true,
  run: (bench) =>
    Effect.gen(function* () {
      const { id = "" } = readArn(bench.account.runtimeArn) ?? {}
      const runtime = yield* broken(runtimeStatus(bench.plan.place, id))
      const limit = runtime?.lifecycleConfiguration?.maxLifetime ?? longest
      const session = yield* bench.session
      const first = yield* bench.boot(session)
      const began = yield* bench.now
      const work = echoOf(bench, session, limit * 1.5)
      yield* work.start
      let ended = "still runs"
      while (ended === "still runs" && (yield* bench.now) < began + limit * (1 + tolerance)) {
        yield* bench.pass(60)
        const polled = yield* Effect.either(work.poll)
        // A poll that was not answered says nothing yet; the next one shows which machine there is.
        if (polled._tag === "Right" && polled.right.boot !== first) ended = "another machine answers"
        else if (polled._tag === "Right" && polled.right.state !== "running")
          ended = `its work is ${polled.right.state}`
      }
      const seconds = (yield* bench.now) - began
      bench.judged(
        "a busy session",
        `another machine answers after ${limit} s`,
        `${ended} after ${seconds.toFixed(0)} s`,
        ended === "another machine answers" && near(seconds, limit)
      )
    })
}

export const limitChecks: ReadonlyArray<Check> = [syncLimit, streamLimit, lifetime]
