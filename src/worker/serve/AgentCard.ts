import type { JsonObject } from "../../domain/Json.js"

/** Who this agent is, for both dialects of A2A at once: the newer one reads `supportedInterfaces`. */
export const agentCard = (url: string): JsonObject => ({
  name: "AgentDispatch worker",
  description: "Does one task per message in the background; ask for it until it has ended.",
  version: "1.0.0",
  protocolVersion: "0.3.0",
  url,
  preferredTransport: "JSONRPC",
  supportedInterfaces: [
    { url, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
    { url, protocolBinding: "JSONRPC", protocolVersion: "0.3" }
  ],
  capabilities: { streaming: false, pushNotifications: false },
  defaultInputModes: ["text/plain", "application/json"],
  defaultOutputModes: ["text/plain", "application/json"],
  skills: [
    {
      id: "agent.run",
      name: "Run an agent",
      description: "Runs the deployment's agent on an instruction.",
      tags: ["agent", "background"]
    }
  ]
})
