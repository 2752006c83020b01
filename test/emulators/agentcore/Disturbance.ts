import { type Call } from "./Call.js"
import { type Fault, answerOf } from "./Faults.js"
import { sendPlatformError } from "./PlatformError.js"
import { protocolOfCall } from "./Protocol.js"
import { sendError } from "./Wire.js"

/** Whether a fault of this kind is all the caller gets to see of its call. */
export const replacesAnswer = (fault: Fault) =>
  answerOf(fault) !== undefined || fault.kind === "refuse" || fault.kind === "reset" || fault.kind === "hang"

/** Gives the caller the fault in place of the answer. */
export const disturb = (call: Call, fault: Fault) => {
  const { response, entry, world } = call
  const error = answerOf(fault)
  if (error !== undefined && !response.headersSent) {
    entry.error = error.name
    entry.status = error.status
    // Errors without a name come from what stands before the service, which knows no protocols.
    if (call.op === "InvokeAgentRuntime" && error.name !== "")
      sendPlatformError(response, protocolOfCall(call), error, call.body)
    else sendError(response, error)
  }
  if (fault.kind === "refuse") world.refuse(fault.ms ?? 500)
  if (fault.kind === "reset" || fault.kind === "refuse") response.socket?.resetAndDestroy()
}
