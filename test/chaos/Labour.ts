import { join } from "node:path"
import type { JsonObject } from "../../src/domain/Json.js"
import { arns } from "../support/AgentCoreWork.js"
import { stubborn, work } from "../support/CrashScene.js"
import type { Place } from "../support/Server.js"
import * as Bench from "../support/Workbench.js"

/** Kinds of work; each signs the ledger when it begins and when it ends. */
export const kinds = ["steps", "stubborn", "asking", "cloud"] as const
export type Kind = (typeof kinds)[number]

const ledgerOf = ({ folder }: Place): string => join(folder, "ledger")

/** Asks before it goes on, and ends once it has its answer. */
const asker = (at: Place): string => `
const { appendFileSync } = require("node:fs")
const sign = (word) => appendFileSync(${JSON.stringify(ledgerOf(at))}, word + " " + process.env.AGENTDISPATCH_TASK_ID + " " + process.pid + "\\n")
let asked = false
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line)
  if (message.type === "task.answer") {
    sign("end")
    console.log(JSON.stringify({ type: "task.result", payload: message.content ?? null }))
    process.exit(0)
  }
  if (asked) return
  asked = true
  sign("begin")
  console.log(JSON.stringify({ type: "task.input_required", message: "Go on?", payload: { key: "on", choices: ["yes", "no"], default: "no", expiresSeconds: 3 } }))
})
`

export const config = (at: Place, cloudUrl: string): JsonObject => {
  const bench = Bench.workbench({ maxConcurrent: 8, graceSeconds: 0.5 })
  const here = { provider: "local", credentialSource: "none" }
  const { backends, runtimes } = bench
  return {
    ...bench,
    accounts: { here, dev: { provider: "aws", region: "us-east-1", credentialSource: "aws-sdk-default" } },
    backends: {
      ...Object(backends),
      asker: {
        adapter: "local-process",
        account: "here",
        details: { command: [process.execPath, "-e", asker(at)], interactive: true, graceSeconds: 0.5 }
      },
      cloud: {
        adapter: "aws-agentcore",
        account: "dev",
        details: { endpoint: cloudUrl, runtimeArn: arns.ours, worker: "dispatch/1", maxConcurrent: 4 }
      }
    },
    runtimes: {
      ...Object(runtimes),
      asking: Bench.profile("asker"),
      cloud: { provider: "aws", account: "dev", capability: "agent-runtime", backend: "cloud" }
    }
  }
}

/** The tool and its arguments that dispatch work of a kind. */
export const dispatch = (at: Place, kind: Kind): { readonly tool: string; readonly args: JsonObject } => {
  const sign = (word: string) => `echo "${word} $AGENTDISPATCH_TASK_ID $$" >> '${ledgerOf(at)}'`
  switch (kind) {
    case "steps":
      return { tool: "dispatch_task", args: work(at, 0.2) }
    case "stubborn":
      return { tool: "dispatch_task", args: stubborn(at) }
    case "asking":
      return { tool: "spawn_cloud_agent", args: { runtime: "asking", instruction: "go" } }
    case "cloud":
      return {
        tool: "spawn_cloud_agent",
        args: { runtime: "cloud", instruction: `${sign("begin")}; sleep 0.5; ${sign("end")}` }
      }
  }
}

/** Names in which work may end, or a call be refused, while all of this goes on. */
export const named: ReadonlySet<string> = new Set([
  "worker.lost",
  "start.indeterminate",
  "local_process.supervisor_failed",
  "local_process.folder_failed",
  "local_process.killed",
  "local_process.spawn_failed",
  "aws_agentcore.unreachable",
  "aws_agentcore.unanswered",
  "aws_agentcore.stream_broken",
  "aws_agentcore.worker_busy"
])

/** What a caller may be told, all of which it can act on. */
export const refusals: ReadonlySet<string> = new Set([
  "store.busy",
  "store.full",
  "store.io",
  "task.terminal",
  "task.changed",
  "question.closed"
])
