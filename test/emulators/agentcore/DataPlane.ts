import { type Call } from "./Call.js"
import { command } from "./Commands.js"
import { sessionHeader } from "./ContainerHeaders.js"
import { agentCard, invoke, sessionOf } from "./Invoke.js"
import { ClientToken, validate } from "./RuntimeBody.js"
import { bodyFields, sendJson } from "./Wire.js"

/** `StopRuntimeSession`: the same client token again is answered as before and stops nothing. */
const stopSession = async (call: Call) => {
  const { world, response } = call
  const key = sessionOf(call)
  const given = bodyFields(call.body)["clientToken"]
  const token = given === undefined ? undefined : validate(ClientToken, given, "clientToken")
  const { endpoint, sessionId } = key
  await world.tokens.once("StopRuntimeSession", token, [endpoint.arn, sessionId], async () => {
    await world.sessions.stop(key)
    call.entry.delivered = true
    return sessionId
  })
  return () => sendJson(response, 200, {}, { [sessionHeader]: sessionId })
}

export interface Operation {
  readonly op: string
  readonly method: string
  readonly path: RegExp
  readonly plane: "data" | "mutation" | "get" | "list"
  /** Does what is asked; what it answers with, if it has not answered itself. */
  readonly run: (call: Call) => Promise<(() => void) | void>
}

export const dataPlane: ReadonlyArray<Operation> = [
  {
    op: "InvokeAgentRuntime",
    method: "POST",
    path: /^\/runtimes\/([^/]+)\/invocations\/?$/,
    plane: "data",
    run: invoke
  },
  {
    op: "InvokeAgentRuntimeCommand",
    method: "POST",
    path: /^\/runtimes\/([^/]+)\/commands$/,
    plane: "data",
    run: command
  },
  {
    op: "StopRuntimeSession",
    method: "POST",
    path: /^\/runtimes\/([^/]+)\/stopruntimesession$/,
    plane: "data",
    run: stopSession
  },
  {
    op: "GetAgentCard",
    method: "GET",
    path: /^\/runtimes\/([^/]+)\/invocations\/\.well-known\/agent-card\.json$/,
    plane: "data",
    run: agentCard
  }
]
