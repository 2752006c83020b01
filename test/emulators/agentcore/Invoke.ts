import { setTimeout as realDelay } from "node:timers/promises"
import { AwsError, containerFailed, denied, invalid, notFound } from "./AwsError.js"
import { type Call } from "./Call.js"
import { answerHeaders, containerHeaders, sessionHeader } from "./ContainerHeaders.js"
import { deliver } from "./Delivery.js"
import { disturb, replacesAnswer } from "./Disturbance.js"
import { type Machine } from "./Machine.js"
import { type ServerProtocol } from "./Options.js"
import { sendPlatformError } from "./PlatformError.js"
import { relay } from "./Relay.js"
import { SessionId, validate } from "./RuntimeBody.js"
import { protocolOf } from "./Runtimes.js"
import { type SessionKey } from "./Sessions.js"
import { header } from "./Wire.js"

const pathOf: Record<ServerProtocol, string> = { HTTP: "/invocations", AGUI: "/invocations", A2A: "/", MCP: "/mcp" }

/** The session a data-plane call names. */
export const sessionOf = (call: Call): SessionKey => {
  const { world, caller, query, path, entry } = call
  const runtime = world.runtimes.resolve(caller.region, path[0] ?? "", query.get("accountId") ?? undefined)
  const qualifier = query.get("qualifier") ?? "DEFAULT"
  const sessionId = validate(SessionId, header(call.request, sessionHeader), "runtimeSessionId")
  entry.runtimeArn = runtime.arn
  entry.qualifier = qualifier
  const endpoint = runtime.endpoints.get(qualifier)
  if (endpoint === undefined)
    throw notFound(`No endpoint or agent found with qualifier '${qualifier}' for agent '${runtime.arn}'`)
  return { runtime, endpoint, sessionId }
}

/** The session's machine, running; booted now if need be, in the way the call's fault wants it. */
export const machineOf = async (call: Call): Promise<{ readonly key: SessionKey; readonly machine: Machine }> => {
  const { fault, world, entry } = call
  const key = sessionOf(call)
  if (key.endpoint.liveVersion === undefined)
    throw invalid(`Endpoint ${key.endpoint.name} is in status ${key.endpoint.status}`, [], "ResourceConflict")
  if (!key.runtime.requireMMDSV2) throw invalid("This runtime is not MMDSv2-enabled")
  const live = key.runtime.versions.get(key.endpoint.liveVersion)
  if (live?.config.authorizerConfiguration?.customJWTAuthorizer !== undefined)
    throw denied("Authorization method mismatch: the agent is configured for OAuth, not SigV4")
  if (fault?.kind === "recycle") await world.sessions.running(key)?.kill("recycled")
  if (fault?.kind === "delay") await realDelay(fault.ms ?? 0)
  const { machine, fresh } = await world.sessions.acquire(key, {
    neverReady: fault?.kind === "never-ready",
    ...(fault?.kind === "slow-start" ? { slowStartMs: fault.ms ?? 0 } : {})
  })
  entry.freshMachine = fresh
  entry.version = machine.version.number
  return { key, machine }
}

/** Ends a call that takes longer than the service allows; the container is not told. */
const cutOff = (call: Call) => {
  const { clock, settings } = call.world
  const { response } = call
  const late = () => {
    if (response.headersSent) response.socket?.resetAndDestroy()
    else sendPlatformError(response, "HTTP", new AwsError(504, "", "Gateway Timeout"), call.body)
  }
  let cancel = clock.after(settings.timing.sync, late)
  return {
    streaming: () => {
      cancel()
      cancel = clock.after(settings.timing.stream - settings.timing.sync, late)
    },
    over: () => cancel()
  }
}

/** Carries one call into the container and its answer back. */
const carry = async (call: Call, key: SessionKey, machine: Machine, parcelPath: string, method: "GET" | "POST") => {
  const { fault, response } = call
  const limit = cutOff(call)
  const disturbed = () => {
    if (fault !== undefined) disturb(call, fault)
  }
  const answer = await deliver(
    call,
    machine,
    {
      method,
      path: parcelPath,
      headers: containerHeaders(call.request, machine.version, key.sessionId),
      body: call.body
    },
    () => {
      if (fault?.when === "sent") disturbed()
    }
  ).catch((error: unknown) => {
    limit.over()
    throw error
  })
  if (fault?.when === "after") disturbed()
  const status = answer.statusCode ?? 500
  const answered = fault !== undefined && fault.when !== "before" && replacesAnswer(fault)
  if (answered || response.headersSent) {
    answer.resume()
  } else if (status >= 400) {
    answer.resume()
    limit.over()
    throw containerFailed(status)
  } else {
    if ((header(answer, "content-type") ?? "").startsWith("text/event-stream")) limit.streaming()
    await relay(call, answer, answerHeaders(answer, key.sessionId))
  }
  limit.over()
}

/** `InvokeAgentRuntime`. */
export const invoke = async (call: Call) => {
  const size = Number(header(call.request, "content-length") ?? call.body.length)
  if (size > call.world.settings.limits.payloadBytes) throw invalid("Payload exceeds 100 MB")
  const { key, machine } = await machineOf(call)
  const protocol = protocolOf(machine.version)
  await carry(call, key, machine, pathOf[protocol], "POST")
}

/** `GetAgentCard`: boots a machine for it when the session has none. */
export const agentCard = async (call: Call) => {
  const { key, machine } = await machineOf(call)
  await carry(call, key, machine, "/.well-known/agent-card.json", "GET")
}
