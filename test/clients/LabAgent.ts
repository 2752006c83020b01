import { join } from "node:path"
import type { JsonObject } from "../../src/domain/Json.js"
import type { Place } from "../support/Server.js"

/** How much an agent says, in bytes at least. */
export interface Sizes {
  readonly log: number
  readonly result: number
}

/** Fills its log, waits until it may end, and has a report of numbered lines as its result. */
const agent = `
const { existsSync } = require("node:fs")
const [go, log, result] = process.argv.slice(1)
const lines = (name, bytes) => {
  const all = []
  for (let size = 0; size < Number(bytes); size += all.at(-1).length + 1)
    all.push(name + " " + all.length + ': read "src/main.ts" \\u2713 in \\u001b[32m12 ms\\u001b[0m, größer als zuvor')
  return [...all, "end of the " + name]
}
for (const line of lines("step", log)) console.log(line)
setInterval(() => {
  if (!existsSync(go)) return
  console.log(JSON.stringify({ type: "task.result", payload: { report: lines("finding", result) } }))
  process.exit(0)
}, 50)
`

/** A config whose one runtime is this agent; what is given besides goes into the config. */
export const labConfig = ({ folder }: Place, { log, result }: Sizes, more: JsonObject = {}): JsonObject => ({
  accounts: { here: { provider: "local", credentialSource: "none" } },
  backends: {
    lab: {
      adapter: "local-process",
      account: "here",
      details: { command: [process.execPath, "-e", agent, join(folder, "go"), String(log), String(result)] }
    }
  },
  runtimes: { lab: { provider: "local", account: "here", capability: "agent-runtime", backend: "lab" } },
  defaults: { runtime: "lab" },
  ...more
})

/** Whether a text has every numbered line of a kind once and in order, to the last. */
export const isWhole = (text: string, kind: "step" | "finding"): boolean => {
  const numbers = Array.from(text.matchAll(new RegExp(`${kind} (\\d+): read`, "g")), ([, number]) => Number(number))
  return numbers.length > 1 && numbers.every((number, index) => number === index) && text.includes(`end of the ${kind}`)
}
