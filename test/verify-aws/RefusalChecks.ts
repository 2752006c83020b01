import { BedrockAgentCoreClient, StopRuntimeSessionCommand } from "@aws-sdk/client-bedrock-agentcore"
import { Effect } from "effect"
import { readArn } from "../../adapters/aws-agentcore/Plan.js"
import { runtimeStatus } from "../../adapters/aws-agentcore/Runtimes.js"
import { answered } from "./Answered.js"
import { type Bench, broken } from "./Bench.js"
import { invalid, knock, missing, stop } from "./Calls.js"
import type { Check } from "./Check.js"

const hourMillis = 3_600_000

/** A Stop whose signature is an hour old: refused before anything is looked at. */
const skewed = ({ account, clients }: Bench, sessionId: string) =>
  Effect.acquireUseRelease(
    Effect.sync(
      () =>
        new BedrockAgentCoreClient({
          region: account.region,
          credentials: clients.poll.config.credentials,
          systemClockOffset: -hourMillis,
          maxAttempts: 1,
          ...(account.endpoint === undefined ? {} : { endpoint: account.endpoint })
        })
    ),
    (client) => {
      const command = new StopRuntimeSessionCommand({
        agentRuntimeArn: account.runtimeArn,
        runtimeSessionId: sessionId
      })
      return answered((options) => client.send(command, options))
    },
    (client) => Effect.sync(() => client.destroy())
  )

/** The same without any signature, on the service's own address. */
const unsigned = ({ account }: Bench, sessionId: string) =>
  Effect.promise(async () => {
    const origin = account.endpoint ?? `https://bedrock-agentcore.${account.region}.amazonaws.com`
    const response = await fetch(
      `${origin}/runtimes/${encodeURIComponent(account.runtimeArn)}/stopruntimesession?qualifier=DEFAULT`,
      {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-amzn-bedrock-agentcore-runtime-session-id": sessionId
        },
        body: "{}"
      }
    ).catch(() => undefined)
    await response?.arrayBuffer().catch(() => undefined)
    return response === undefined ? "no answer" : String(response.status)
  })

const signature: Check = {
  name: "signature",
  shows:
    "that your policy lets the adapter look at the runtime, and that requests without a good signature are refused",
  calls: "GetAgentRuntime; StopRuntimeSession unsigned and signed an hour ago, for a session that never was",
  sessionSeconds: 0,
  takes: "2 s",
  needs: "runtime",
  run: (bench) =>
    Effect.gen(function* () {
      const { sessionId } = yield* bench.session
      const { id = "" } = readArn(bench.account.runtimeArn) ?? {}
      const runtime = yield* broken(runtimeStatus(bench.plan.place, id))
      bench.same("the runtime, looked at with your credentials", "READY", runtime?.status ?? "not found")
      bench.same("a request without a signature", "403", yield* unsigned(bench, sessionId))
      const { words } = yield* skewed(bench, sessionId)
      bench.judged("a request signed an hour ago", "403 and a name", words, words.startsWith("403 "))
    })
}

const errorTexts: Check = {
  name: "error-texts",
  shows: "the names and texts of refusals, which decide whether a start may be sent again",
  calls: "StopRuntimeSession for a session that never was; InvokeAgentRuntime with an unknown endpoint and a short id",
  sessionSeconds: 0,
  takes: "2 s",
  needs: "runtime",
  run: (bench) =>
    Effect.gen(function* () {
      const session = yield* bench.session
      const never = yield* stop(bench, session)
      bench.same("Stop of a session that never was", missing, never.words)
      const text = "Session not found or already terminated"
      bench.judged("its text", text, never.message, never.message.includes(text))
      const nowhere = yield* knock(bench, { ...session, qualifier: "verify_absent" })
      bench.same("an endpoint that does not exist", missing, nowhere.words)
      bench.told("its text", nowhere.message)
      const short = yield* knock(bench, { ...session, sessionId: "short" })
      bench.same("a session id of five characters", invalid, short.words)
      bench.told("its text", short.message)
    })
}

export const refusalChecks: ReadonlyArray<Check> = [signature, errorTexts]
