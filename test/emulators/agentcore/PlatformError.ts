import { type ServerResponse } from "node:http"
import { type AwsError } from "./AwsError.js"
import { type ServerProtocol } from "./Options.js"
import { fieldsOf, sendError, sendJson } from "./Wire.js"

/** How the platform's own errors look to the caller of an A2A, MCP or AG-UI runtime. */
const a2aCode = (error: AwsError) =>
  new Map([
    [404, -32051],
    [400, -32052],
    [429, -32053],
    [402, -32053],
    [409, -32054],
    [424, -32055]
  ]).get(error.status) ?? -32603

const mcpCode = (error: AwsError) =>
  new Map([
    [401, -32001],
    [403, -32002],
    [429, -32003],
    [402, -32003],
    [404, -32004],
    [409, -32005],
    [400, -32006],
    [424, -32010],
    [406, -32011]
  ]).get(error.status) ?? -32603

const agUi = (error: AwsError): readonly [string, number] =>
  new Map<number, readonly [string, number]>([
    [401, ["UNAUTHORIZED", 401]],
    [403, ["ACCESS_DENIED", 403]],
    [400, ["VALIDATION_ERROR", 400]],
    [404, ["VALIDATION_ERROR", 400]],
    [429, ["RATE_LIMIT_EXCEEDED", 429]],
    [402, ["SERVICE_QUOTA_EXCEEDED", 429]],
    [409, ["SESSION_BUSY", 409]],
    [424, ["AGENT_ERROR", 200]]
  ]).get(error.status) ?? ["INTERNAL_ERROR", 500]

const idOf = (body: Buffer) => {
  const id = fieldsOf(body.toString("utf8"))?.["id"]
  return typeof id === "string" || typeof id === "number" ? id : null
}

/** Answers an invocation with an error of the platform, in the words of the runtime's protocol. */
export const sendPlatformError = (
  response: ServerResponse,
  protocol: ServerProtocol,
  error: AwsError,
  body: Buffer
): number => {
  const rpc = (code: number) => ({ jsonrpc: "2.0", id: idOf(body), error: { code, message: error.message } })
  if (protocol === "A2A" && error.status !== 403) {
    const status = error.status === 402 ? 429 : error.status
    sendJson(response, status, rpc(a2aCode(error)))
    return status
  }
  if (protocol === "MCP") {
    sendJson(response, 200, rpc(mcpCode(error)))
    return 200
  }
  if (protocol === "AGUI") {
    const [code, status] = agUi(error)
    if (response.headersSent || response.destroyed) return status
    response.writeHead(status, { "content-type": "text/event-stream" })
    response.end(`data: ${JSON.stringify({ type: "RUN_ERROR", code, message: error.message })}\n\n`)
    return status
  }
  sendError(response, error)
  return error.status
}
