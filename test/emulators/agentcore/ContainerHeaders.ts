import { randomUUID } from "node:crypto"
import { type IncomingMessage } from "node:http"
import { type Version } from "./Runtimes.js"
import { header } from "./Wire.js"

const passed = [
  "content-type",
  "accept",
  "mcp-session-id",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
  "x-amzn-trace-id",
  "traceparent",
  "tracestate",
  "baggage"
]

const answered = [
  "content-type",
  "mcp-session-id",
  "mcp-protocol-version",
  "x-amzn-trace-id",
  "traceparent",
  "tracestate",
  "baggage"
]

export const sessionHeader = "x-amzn-bedrock-agentcore-runtime-session-id"
const userHeader = "x-amzn-bedrock-agentcore-runtime-user-id"

const present = (message: IncomingMessage, names: ReadonlyArray<string>) =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = header(message, name)
      return value === undefined ? [] : [[name, value] as const]
    })
  )

/** The headers a container gets: the platform's own, and of the caller's only those known or allow-listed. */
export const containerHeaders = (
  request: IncomingMessage,
  version: Version,
  sessionId: string
): Record<string, string> => {
  const allowed = version.config.requestHeaderConfiguration?.requestHeaderAllowlist ?? []
  const signed = (header(request, "authorization") ?? "").startsWith("AWS4-")
  const listed = allowed.filter((name) => !(signed && name.toLowerCase() === "authorization"))
  return {
    ...present(request, [...passed, ...listed.map((name) => name.toLowerCase())]),
    [sessionHeader]: sessionId,
    "x-amzn-bedrock-agentcore-runtime-request-id": randomUUID(),
    ...(header(request, userHeader) === undefined
      ? {}
      : {
          WorkloadAccessToken: "emulated-token",
          "x-amzn-bedrock-agentcore-runtime-workload-accesstoken": "emulated-token"
        })
  }
}

/** The headers of the container's answer that its caller sees. */
export const answerHeaders = (answer: IncomingMessage, sessionId: string): Record<string, string> => ({
  ...present(answer, answered),
  "content-type": header(answer, "content-type") ?? "application/octet-stream",
  [sessionHeader]: sessionId,
  "x-amzn-requestid": randomUUID()
})
