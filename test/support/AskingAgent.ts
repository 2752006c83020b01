import type { JsonObject } from "../../src/domain/Json.js"

/** Asks on stdout, takes its answer from stdin, and tells what it got. */
export const asker = `
const lines = require("node:readline").createInterface({ input: process.stdin })
const say = (message) => console.log(JSON.stringify(message))
let asked = false
lines.on("line", (line) => {
  const message = JSON.parse(line)
  if (message.type !== "task.answer") {
    if (asked) return
    asked = true
    say({ type: "task.input_required", message: "May I delete it?", payload: { key: "delete", choices: ["yes", "no"], default: "no", expiresSeconds: Number(process.argv[1] ?? 600) } })
    return
  }
  say({ type: "task.result", payload: { key: message.key, action: message.action, answer: message.content?.answer ?? null } })
  process.exit(0)
})
lines.on("close", () => process.exit(7))
`

/** A config whose one runtime is an agent that asks; `more` are its arguments. */
export const askingConfig = (interactive: boolean, ...more: ReadonlyArray<string>): JsonObject => ({
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: {
    asker: {
      adapter: "local-process",
      account: "here",
      details: { command: [process.execPath, "-e", asker, ...more], ...(interactive ? { interactive } : {}) }
    }
  },
  runtimes: { asker: { provider: "local", account: "here", capability: "agent-runtime", backend: "asker" } },
  defaults: { runtime: "asker" }
})
