import { type IncomingMessage, type ServerResponse } from "node:http"
import { AwsError } from "./AwsError.js"
import { type Call, type World } from "./Call.js"
import { type Caller, callerOf } from "./Caller.js"
import { sessionHeader } from "./ContainerHeaders.js"
import { controlPlane } from "./ControlPlane.js"
import { dataPlane, type Operation } from "./DataPlane.js"
import { disturb, replacesAnswer } from "./Disturbance.js"
import { subjectOf } from "./Ledger.js"
import { sendPlatformError } from "./PlatformError.js"
import { protocolOfCall } from "./Protocol.js"
import { stsOperation } from "./Sts.js"
import { header, readBody, sendError } from "./Wire.js"

const operations: ReadonlyArray<Operation> = [...dataPlane, ...controlPlane, stsOperation]

const perSecond = (world: World, plane: Operation["plane"]) => {
  const { limits } = world.settings
  return {
    data: limits.dataPlanePerSecond,
    mutation: limits.mutationsPerSecond,
    get: limits.getsPerSecond,
    list: limits.listsPerSecond
  }[plane]
}

const route = (method: string, pathname: string) => {
  for (const operation of operations) {
    const found = operation.path.exec(pathname)
    if (found !== null && (operation.method === method || operation.method === "*"))
      return { operation, path: found.slice(1).map(decodeURIComponent) }
  }
  throw new AwsError(404, "UnknownOperationException", `No operation for ${method} ${pathname}`)
}

/** An unexpected failure of the emulator itself is an internal error of the service. */
const awsError = (error: unknown) =>
  error instanceof AwsError ? error : new AwsError(500, "InternalServerException", `emulator: ${String(error)}`)

const open = (world: World, request: IncomingMessage, response: ServerResponse, caller: Caller, body: Buffer) => {
  const url = new URL(request.url ?? "/", "http://emulator")
  const { operation, path } = route(request.method ?? "GET", url.pathname)
  const { op } = operation
  const { accessKeyId, attempt, invocationId } = caller
  const sessionId = header(request, sessionHeader)
  const entry = world.ledgers.open({ op, accessKeyId, attempt, invocationId, sessionId, ...subjectOf(body) })
  const fault = world.faults.take(entry)
  if (fault !== undefined) entry.fault = fault.kind
  const call: Call = { world, request, response, op, path, query: url.searchParams, body, caller, entry, fault }
  return { call, operation }
}

const perform = async (call: Call, operation: Operation) => {
  const { fault, world, response, entry } = call
  if (fault !== undefined && fault.when === "before" && replacesAnswer(fault)) return disturb(call, fault)
  world.rates.take(operation.plane, perSecond(world, operation.plane))
  const answer = await operation.run(call)
  entry.performed = true
  if (fault !== undefined && answer !== undefined && replacesAnswer(fault)) disturb(call, fault)
  else answer?.()
  if (response.headersSent) entry.status ??= response.statusCode
}

/** Answers one request to either plane. */
export const handle = async (world: World, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const begin = async () => {
    const body = await readBody(request, world.settings.limits.payloadBytes)
    return open(world, request, response, callerOf(request), body)
  }
  const begun = await begin().catch((error: unknown) => sendError(response, awsError(error)))
  if (begun === undefined) return
  const { call, operation } = begun
  response.once("close", () => {
    if (!response.writableFinished) call.entry.clientGone = true
  })
  await perform(call, operation).catch((thrown: unknown) => {
    const error = awsError(thrown)
    call.entry.error = error.name
    if (operation.op === "InvokeAgentRuntime")
      call.entry.status = sendPlatformError(response, protocolOfCall(call), error, call.body)
    else {
      call.entry.status = error.status
      sendError(response, error)
    }
  })
}
