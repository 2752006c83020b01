import { McpServer } from "@modelcontextprotocol/server"
import { serveStdio } from "@modelcontextprotocol/server/stdio"

/** The least a server on the same SDK can be: what ours is measured against. */
serveStdio(() => {
  const server = new McpServer({ name: "empty", version: "0.0.0" })
  server.registerTool("ping", { description: "Answers." }, () => ({ content: [{ type: "text", text: "pong" }] }))
  return server
})
