import { CLIENT_INFO_META_KEY, McpServer, type ServerContext } from "@modelcontextprotocol/server"
import type { Effect } from "effect"
import { Option, Schema } from "effect"
import { getTaskArtifact, sendTaskMessage } from "./AgentTools.js"
import { listAccountProfiles, listCapabilities, listProviders } from "./CatalogTools.js"
import { explainDispatch } from "./ExplainTools.js"
import { dispatchList, dispatchResult, dispatchStatus, dispatchUnit } from "./LaneTools.js"
import { toResult } from "./Reply.js"
import { checkCloudAgentRuntime, dispatchTask, spawnCloudAgent } from "./SpawnTools.js"
import { standardSchema } from "./StandardSchema.js"
import { cancelTask, getTaskLogs, getTaskResult, getTaskStatus, listTasks } from "./TaskTools.js"
import type { Core, Tool } from "./Tool.js"

/** In the order `tools/list` shows them; clients cache prompts by it. */
const tools: Readonly<Record<string, Tool>> = {
  spawn_cloud_agent: spawnCloudAgent,
  check_cloud_agent_runtime: checkCloudAgentRuntime,
  dispatch_task: dispatchTask,
  explain_dispatch: explainDispatch,
  get_task_status: getTaskStatus,
  get_task_logs: getTaskLogs,
  get_task_result: getTaskResult,
  cancel_task: cancelTask,
  send_task_message: sendTaskMessage,
  get_task_artifact: getTaskArtifact,
  list_tasks: listTasks,
  list_providers: listProviders,
  list_capabilities: listCapabilities,
  list_account_profiles: listAccountProfiles
}

/** Shown behind the others where an allowlist of lanes is configured. */
const laneTools: Readonly<Record<string, Tool>> = {
  dispatch_unit: dispatchUnit,
  dispatch_status: dispatchStatus,
  dispatch_result: dispatchResult,
  dispatch_list: dispatchList
}

const instructions = (runtimes: ReadonlyArray<string>) =>
  [
    `Runtime profiles here: ${runtimes.join(", ") || "none configured"}.`,
    "Hand long work to spawn_cloud_agent with one complete instruction; it returns a taskId at once and the work goes on without you, also after a restart.",
    "Go on with something else, or wait with get_task_result(task_id, wait_seconds: 45) and repeat while the task is not over.",
    "For progress ask get_task_status with since_revision and wait_seconds; read logs by nextCursor.",
    "Lost the id? list_tasks has every task, newest first. Never dispatch the same work again because an answer was late: ask for the task."
  ].join(" ")

/** Runs an effect of the core at the edge; the signal is the client's wish to stop waiting. */
export type Run = <A>(effect: Effect.Effect<A, never, Core>, signal: AbortSignal) => Promise<A>

const meta = Schema.decodeUnknownOption(Schema.Struct({ "claudecode/toolUseId": Schema.String }))

const toolUseId = (context: ServerContext) =>
  Option.getOrUndefined(Option.map(meta(context.mcpReq._meta), (found) => found["claudecode/toolUseId"]))

const client = Schema.decodeUnknownOption(Schema.Struct({ name: Schema.String, version: Schema.String }))
const envelope = Schema.decodeUnknownOption(Schema.Struct({ [CLIENT_INFO_META_KEY]: Schema.Unknown }))

/** Each request says who sends it; older clients said so once, when they connected. */
const clientOf = (server: McpServer, context: ServerContext) => {
  const said = Option.getOrUndefined(envelope(context.mcpReq.envelope))?.[CLIENT_INFO_META_KEY]
  return Option.getOrUndefined(
    Option.map(client(said ?? server.server.getClientVersion()), ({ name, version }) => ({
      name: printable(name),
      version: printable(version)
    }))
  )
}

/** What a client calls itself may be anything. */
const printable = (text: string): string =>
  text
    .slice(0, 100)
    .replace(/[\s\p{Cc}\p{Cf}\p{Cs}]+/gu, " ")
    .trim()

/** One connection's server; both protocol eras are served from it. */
export const makeServer = (run: Run, version: string, runtimes: ReadonlyArray<string>, lanes: boolean): McpServer => {
  const server = new McpServer(
    { name: "agentdispatch", title: "AgentDispatch", version },
    { instructions: instructions(runtimes), capabilities: { tools: { listChanged: false } } }
  )
  for (const [name, tool] of Object.entries(lanes ? { ...tools, ...laneTools } : tools)) {
    server.registerTool(
      name,
      {
        title: tool.title,
        description: tool.description,
        inputSchema: standardSchema(tool.input),
        outputSchema: standardSchema(tool.output),
        annotations: {
          readOnlyHint: tool.readOnly,
          destructiveHint: tool.destructive ?? false,
          idempotentHint: tool.idempotent,
          openWorldHint: !tool.readOnly
        }
      },
      async (args: unknown, context) =>
        toResult(
          await run(
            tool.call(name, args, { toolUseId: toolUseId(context), client: clientOf(server, context) }),
            context.mcpReq.signal
          )
        )
    )
  }
  return server
}
