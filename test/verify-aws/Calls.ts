import { Effect } from "effect"
import { dataSdk } from "../../adapters/aws-agentcore/Clients.js"
import type { Session } from "../../adapters/aws-agentcore/Plan.js"
import { answered } from "./Answered.js"
import type { Bench } from "./Bench.js"

export const stopped = "200"
export const missing = "404 ResourceNotFoundException"
export const busy = "409 RetryableConflictException"
export const invalid = "400 ValidationException"

/** One Stop, sent once, with the answer as it came. */
export const stop = ({ clients }: Bench, { runtimeArn, qualifier, sessionId }: Session, clientToken?: string) =>
  Effect.flatMap(dataSdk, ({ StopRuntimeSessionCommand }) => {
    const command = new StopRuntimeSessionCommand({
      agentRuntimeArn: runtimeArn,
      qualifier,
      runtimeSessionId: sessionId,
      ...(clientToken === undefined ? {} : { clientToken })
    })
    return answered((options) => clients.poll.send(command, options))
  })

/** One invocation that nothing in a container should answer, with the refusal as it came. */
export const knock = (bench: Bench, session: Session) =>
  Effect.flatMap(dataSdk, ({ InvokeAgentRuntimeCommand }) => {
    const command = new InvokeAgentRuntimeCommand({
      agentRuntimeArn: session.runtimeArn,
      qualifier: session.qualifier,
      runtimeSessionId: session.sessionId,
      contentType: "application/json",
      payload: new TextEncoder().encode('{"dispatch":{"v":1,"op":"hello"}}')
    })
    return answered((options) => bench.clients.poll.send(command, options))
  }).pipe(
    // An answer means that a machine came up after all.
    Effect.tap(({ words }) => (words === stopped ? stop(bench, session) : Effect.void))
  )
