import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Schema } from "effect"
import { JsonText } from "../../src/domain/Json.js"
import { TaskHandle, TaskResultView, TaskStatusView } from "../../src/domain/TaskView.js"

/** The main job in one run: dispatch, lose the server, come back to the result. */

const root = fileURLToPath(new URL("../..", import.meta.url))
const stateDir = mkdtempSync(join(tmpdir(), "agentdispatch-demo-"))
const began = performance.now()

const say = (text: string) => process.stdout.write(`${text}\n`)
const stamp = () => `${((performance.now() - began) / 1000).toFixed(2).padStart(6)} s`
const short = (value: unknown) => {
  const text = JSON.stringify(value)
  return text.length > 230 ? `${text.slice(0, 200)}… (${text.length} characters)` : text
}

const connect = async () => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(root, "dist", "agentdispatch-mcp.js")],
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", AGENTDISPATCH_STATE_DIR: stateDir },
    stderr: "inherit"
  })
  const client = new Client({ name: "demo", version: "1.0.0" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } })
  await client.connect(transport)
  const { pid } = transport
  if (pid === null) throw new Error("the server did not start")
  say(`${stamp()}  server ${pid} speaks ${client.getNegotiatedProtocolVersion() ?? "MCP"}`)
  return { client, transport, pid }
}

const content = Schema.decodeUnknownSync(
  Schema.Struct({ content: Schema.NonEmptyArray(Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })) })
)

const call = async (client: Client, name: string, args: Record<string, unknown>) => {
  say(`${stamp()}  --> ${short({ method: "tools/call", params: { name, arguments: args } })}`)
  const result = await client.callTool({ name, arguments: args })
  const answer = Schema.decodeSync(JsonText)(content(result).content[0].text)
  say(`${stamp()}  <-- ${short(answer)}`)
  return answer
}

const handleOf = Schema.decodeUnknownSync(TaskHandle)
const statusOf = Schema.decodeUnknownSync(TaskStatusView)
const resultOf = Schema.decodeUnknownSync(TaskResultView)

const main = async () => {
  say("A client asks for a background report on this repository.\n")
  const first = await connect()
  const handle = handleOf(
    await call(first.client, "spawn_cloud_agent", {
      runtime: "repo-report",
      instruction: "Report on this repository.",
      context: { paceMs: 25 },
      idempotency_key: "demo-report"
    })
  )
  const task_id = handle.taskId
  let { revision } = statusOf(await call(first.client, "get_task_status", { task_id }))
  for (let seen = false; !seen;) {
    const changed = statusOf(
      await call(first.client, "get_task_status", { task_id, since_revision: revision, wait_seconds: 5 })
    )
    revision = changed.revision
    seen = (changed.events ?? []).some((event) => event.type === "task.progress")
  }

  say(`\n${stamp()}  kill -9 ${first.pid}: the server is gone in the middle of the work.\n`)
  const gone = new Promise((resolve) => {
    first.transport.onclose = () => resolve(undefined)
  })
  process.kill(first.pid, "SIGKILL")
  await gone

  const second = await connect()
  say(`${stamp()}  A new server on the same state folder; the client only kept the task id.\n`)
  await call(second.client, "list_tasks", { limit: 5 })
  const repeated = handleOf(
    await call(second.client, "spawn_cloud_agent", {
      runtime: "repo-report",
      instruction: "Report on this repository.",
      context: { paceMs: 25 },
      idempotency_key: "demo-report"
    })
  )
  await call(second.client, "get_task_status", { task_id, since_revision: revision, wait_seconds: 20 })
  let result = resultOf(await call(second.client, "get_task_result", { task_id, wait_seconds: 50 }))
  for (let round = 0; result.status !== "succeeded" && round < 5; round++) {
    result = resultOf(await call(second.client, "get_task_result", { task_id, wait_seconds: 50 }))
  }
  const log = JSON.stringify(await call(second.client, "get_task_logs", { task_id, cursor: 0, limit: 4_000 }))
  const journal = statusOf(await call(second.client, "get_task_status", { task_id, since_revision: 0, full: true }))
  const starts = (journal.events ?? []).filter((event) => event.type === "task.started").length

  say(`\nThe report:\n`)
  const report = result.artifacts.find((artifact) => artifact.kind === "report")
  if (report !== undefined) say(readFileSync(fileURLToPath(report.uri), "utf8"))

  const facts: ReadonlyArray<readonly [string, boolean]> = [
    ["the task survived SIGKILL of its server and succeeded", result.status === "succeeded"],
    [
      "it was started exactly once, and its worker began exactly once",
      starts === 1 && log.split("listed by").length === 2
    ],
    ["the repeated call with the same idempotency key got the same task", repeated.taskId === task_id],
    ["the report is there", report !== undefined && existsSync(fileURLToPath(report.uri))]
  ]
  for (const [fact, holds] of facts) say(`${holds ? "ok  " : "FAIL"} ${fact}`)
  await second.client.close()
  rmSync(stateDir, { recursive: true, force: true })
  return facts.every(([, holds]) => holds) ? 0 : 1
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  }
)
