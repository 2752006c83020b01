import { Option } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import type { Task } from "../../src/domain/Task.js"
import { type Place, type Protocol, readPlan, sessionIdOf, textOf } from "./Plan.js"

const formats: Record<Protocol, string> = {
  http: "agentdispatch.json",
  a2a: "a2a.jsonrpc.message-send",
  mcp: "mcp.jsonrpc",
  "ag-ui": "ag-ui.run-agent-input"
}

const hostOf = ({ endpoint, region }: Place, arn: string): string => {
  const suffix = arn.startsWith("arn:aws-cn:") ? "amazonaws.com.cn" : "amazonaws.com"
  return endpoint?.replace(/\/+$/, "") ?? `https://bedrock-agentcore.${region ?? "us-east-1"}.${suffix}`
}

/** How a caller with credentials of its own reaches the session; a runtime that is yet to be made has no address. */
export const describe = (task: Pick<Task, "id" | "request">, made: JsonObject = {}): JsonObject | undefined =>
  Option.getOrUndefined(
    Option.map(readPlan(task.request), ({ details, place, protocol }): JsonObject => {
      const arn =
        textOf(made, "runtimeArn") ?? (task.request.target.mode === "session" ? details.runtimeArn : undefined)
      const qualifier = textOf(made, "qualifier") ?? details.qualifier
      const query = qualifier === undefined ? "" : `?qualifier=${encodeURIComponent(qualifier)}`
      return {
        protocol,
        provider: task.request.provider,
        backend: task.request.adapter,
        accountProfile: task.request.accountProfile,
        sessionId: sessionIdOf(task.id),
        invocation: {
          type: "aws.agentcore.invoke_agent_runtime",
          ...(arn === undefined
            ? {}
            : { runtimeUrl: `${hostOf(place, arn)}/runtimes/${encodeURIComponent(arn)}/invocations/${query}` }),
          sessionHeaderName: "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id",
          payloadFormat: formats[protocol]
        },
        ...(protocol === "a2a"
          ? {
              a2a: {
                transport: "json-rpc-2.0-http",
                messageMethod: details.a2aVersion === "1.0" ? "SendMessage" : "message/send",
                agentCardPath: "/.well-known/agent-card.json"
              }
            }
          : {})
      }
    })
  )
