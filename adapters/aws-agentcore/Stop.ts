import { Clock, Effect } from "effect"
import { clientsOf, dataSdk, send } from "./Clients.js"
import { Fault } from "./Faults.js"
import { type Place, type Session, tokenOf } from "./Plan.js"

const stopWithin = "20 seconds"
/** A single "not found" was once the answer for a session that went on running. */
const secondLook = "1500 millis"

/** Ends the session's machine; `absent` if the service says there was none. */
const stopOnce = Effect.fn("agentcore.stop")(function* (place: Place, { runtimeArn, qualifier, sessionId }: Session) {
  const { StopRuntimeSessionCommand } = yield* dataSdk
  const { stop } = yield* clientsOf(place)
  // Fresh for every call and stable for its retries: an older token might be answered from memory while a machine runs.
  const clientToken = tokenOf("stop", sessionId, String(yield* Clock.currentTimeMillis))
  const command = new StopRuntimeSessionCommand({
    agentRuntimeArn: runtimeArn,
    runtimeSessionId: sessionId,
    qualifier,
    clientToken
  })
  return yield* send((options) => stop.send(command, options)).pipe(
    Effect.as("stopped" as const),
    Effect.catchIf(
      ({ kind }) => kind === "missing",
      () => Effect.succeed("absent" as const)
    ),
    Effect.timeoutFail({
      duration: stopWithin,
      onTimeout: () => new Fault({ kind: "ambiguous", detail: "the stop was not answered in time" })
    })
  )
})

/** Ends the session for certain: an answer that there is none is asked for twice. */
export const stopSession = (place: Place, session: Session): Effect.Effect<void, Fault> =>
  Effect.flatMap(stopOnce(place, session), (found) =>
    found === "stopped" ? Effect.void : Effect.asVoid(Effect.delay(stopOnce(place, session), secondLook))
  )
