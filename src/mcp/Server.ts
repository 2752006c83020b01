import {
  createRequestStateCodec,
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type JSONRPCRequest,
  type Result,
  type CallToolResult,
  type InputRequiredResult,
  type ServerContext
} from "@modelcontextprotocol/server"
import { Effect, Option, Schema } from "effect"
import { Inbox, type Listening, newListening } from "../dispatch/Inbox.js"
import type { Waits } from "../domain/Config.js"
import { canonical, Json } from "../domain/Json.js"
import { getTaskArtifact, sendTaskMessage } from "./AgentTools.js"
import { answerTask, awaitTask } from "./AwaitTools.js"
import { listAccountProfiles, listCapabilities, listProviders } from "./CatalogTools.js"
import { type Client, clientOf, tasksExtension } from "./Client.js"
import { waitBudget } from "./ClientLimits.js"
import {
  type Answered,
  answersOf,
  asForm,
  canBeAsked,
  formsOf,
  merged,
  refused,
  type Round,
  type Talk
} from "./Elicit.js"
import { flows, type Prompts, servePrompts } from "./Prompts.js"
import * as Reply from "./Reply.js"
import { serveResources } from "./Resources.js"
import { spawnCloudAgents } from "./FanoutTools.js"
import { explainDispatch } from "./ExplainTools.js"
import { dispatchList, dispatchResult, dispatchStatus, dispatchUnit } from "./LaneTools.js"
import { checkCloudAgentRuntime, dispatchTask, spawnCloudAgent } from "./SpawnTools.js"
import { jsonSchemaOf, outputSchemaOf } from "./StandardSchema.js"
import { protocolError, type RunProtocol, serveTasks } from "./TasksExtension.js"
import { cancelTask, getTaskLogs, getTaskResult, getTaskStatus, listTasks } from "./TaskTools.js"
import { asCaller, type Core, type Tool } from "./Tool.js"

/** In the order `tools/list` shows them; clients cache prompts by it. */
const tools: Readonly<Record<string, Tool>> = {
  spawn_cloud_agent: spawnCloudAgent,
  spawn_cloud_agents: spawnCloudAgents,
  check_cloud_agent_runtime: checkCloudAgentRuntime,
  dispatch_task: dispatchTask,
  explain_dispatch: explainDispatch,
  await_task: awaitTask,
  get_task_status: getTaskStatus,
  get_task_logs: getTaskLogs,
  get_task_result: getTaskResult,
  cancel_task: cancelTask,
  answer_task: answerTask,
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
    "Go on with something else, or wait with await_task and repeat while done is false.",
    "For progress ask get_task_status with since_revision and wait_seconds; read logs by nextCursor.",
    "Lost the id? list_tasks has every task, newest first. Never dispatch the same work again because an answer was late: ask for the task."
  ].join(" ")

/** Runs an effect of the core at the edge; the signal is the client's wish to stop waiting. */
export type Run = <A, E>(effect: Effect.Effect<A, E, Core>, signal: AbortSignal) => Promise<A>

/** What all connections of a process share. */
export interface Serving {
  readonly run: Run
  readonly version: string
  readonly runtimes: ReadonlyArray<string>
  readonly offer: Offer
  readonly waits: Waits
  /** Signs what clients carry between the rounds of a call; all processes of an installation share it. */
  readonly stateKey: string
}

const Meta = Schema.Struct({
  "claudecode/toolUseId": Schema.optional(Schema.String),
  progressToken: Schema.optional(Schema.Union(Schema.String, Schema.Number))
})
const isJson = Schema.is(Json)
const decodeMeta = Schema.decodeUnknownOption(Meta)

/** What the specification's defaults do not say already; whether it changes anything is always said. */
const hintsOf = ({ destructive = false, idempotent, readOnly }: Tool) =>
  readOnly
    ? { readOnlyHint: true, openWorldHint: false }
    : { readOnlyHint: false, destructiveHint: destructive, ...(idempotent ? { idempotentHint: true } : {}) }

const shown = (offered: Readonly<Record<string, Tool>>) =>
  Object.entries(offered).map(([name, tool]) => ({
    name,
    title: tool.title,
    description: tool.description,
    inputSchema: jsonSchemaOf(tool.input),
    outputSchema: outputSchemaOf(tool.output),
    annotations: hintsOf(tool)
  }))

/** What clients are offered: the same for every connection, so it is made once, when it is first asked for. */
export interface Offer {
  readonly listed: () => ReturnType<typeof shown>
  readonly tools: ReadonlyMap<string, Tool>
  readonly prompts: Prompts
}

export const makeOffer = (offered: Readonly<Record<string, Tool>>, prompts: Prompts): Offer => {
  let made: ReturnType<typeof shown> | undefined
  return { listed: () => (made ??= shown(offered)), tools: new Map(Object.entries(offered)), prompts }
}

export const offer = makeOffer(tools, flows)
export const offerWithLanes = makeOffer({ ...tools, ...laneTools }, flows)

/** What the client carries for us; only for the tool or prompt that gave it. */
interface Carried extends Answered {
  readonly of: string
  /** The wait that goes on once its forms are answered. */
  readonly wait?: Round
}

/** One connection's server; both protocol eras are served from it. */
export const makeServer = ({ offer: offered, run, runtimes, stateKey, version, waits }: Serving): Server => {
  const codec = createRequestStateCodec<Carried>({
    key: stateKey,
    ttlSeconds: 3_600,
    bind: ({ http, mcpReq }) => `${http?.authInfo?.clientId ?? ""} ${mcpReq.method}`
  })
  const server = new TaskServer(
    { name: "agentdispatch", title: "AgentDispatch", version },
    {
      instructions: instructions(runtimes),
      capabilities: {
        tools: { listChanged: false },
        resources: { listChanged: false, subscribe: true },
        prompts: { listChanged: false },
        completions: {},
        extensions: { [tasksExtension]: {} }
      },
      requestState: { verify: codec.verify }
    }
  )
  const listening = newListening()
  const client = (context: ServerContext): Client =>
    clientOf(context.mcpReq.envelope, { info: server.getClientVersion(), capabilities: server.getClientCapabilities() })

  const talk: Talk = (name, context, form) => {
    const { inputResponses } = context.mcpReq
    const state = context.mcpReq.requestState<Carried>()
    const own = state?.of === name ? state : undefined
    const answers = own?.wait === undefined ? answersOf(inputResponses, own, form) : {}
    return {
      answers,
      ask: async (questions) =>
        client(context).elicits && canBeAsked(questions) && !refused(inputResponses, form)
          ? asForm(questions, await codec.mint({ of: name, answers }, context), form)
          : undefined
    }
  }

  const call = async (
    name: string,
    given: unknown,
    context: ServerContext
  ): Promise<CallToolResult | InputRequiredResult> => {
    const tool = offered.tools.get(name)
    if (tool === undefined)
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `There is no tool "${name.slice(0, 64)}"; tools/list has them all`
      )
    const caller = client(context)
    const lacking = tool.lacking?.(caller)
    if (lacking !== undefined) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: lacking })
    const state = context.mcpReq.requestState<Carried>()
    const made = canonical(isJson(given) ? given : null)
    if (state !== undefined && (state.of !== name || (state.wait !== undefined && state.wait.call !== made)))
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, "requestState belongs to another call")
    const { answers, ask } = talk(name, context, tool.form)
    const args = Object.keys(answers).length === 0 ? given : merged(given, answers, (field) => takes(tool, field))
    const meta = Option.getOrUndefined(decodeMeta(context.mcpReq._meta))
    const reply = await run(
      tool
        .call(name, args, {
          toolUseId: meta?.["claudecode/toolUseId"],
          client: caller,
          waitBudget: (asked) => waitBudget(caller.name, waits, asked),
          forms: caller.elicits ? formsOf(context, state?.wait) : undefined,
          progress: progressOf(context, meta?.progressToken)
        })
        .pipe(
          Effect.flatMap((answered) => withNews(answered, caller, listening)),
          asCaller(caller)
        ),
      context.mcpReq.signal
    )
    const form = reply.asks === undefined ? undefined : await ask(reply.asks)
    if (form !== undefined) return form
    if (reply.form !== undefined) {
      const { left, requests, rounds } = reply.form
      const wait = { call: made, asked: Object.keys(requests), left, rounds }
      return inputRequired({
        inputRequests: requests,
        requestState: await codec.mint({ of: name, answers, wait }, context)
      })
    }
    if (reply.task !== undefined) return { content: [], ...reply.task }
    const revision = server.getNegotiatedProtocolVersion() ?? context.http?.req?.headers.get("mcp-protocol-version")
    return Reply.toResult(Reply.readable(reply, revision))
  }

  server.setRequestHandler("tools/list", () => ({ tools: offered.listed() }))
  server.setRequestHandler("tools/call", ({ params }, context) => call(params.name, params.arguments, context))
  const runProtocol: RunProtocol = (effect, context) =>
    run(Effect.either(effect.pipe(asCaller(client(context)))), context.mcpReq.signal).then((answer) => {
      if (answer._tag === "Left") throw protocolError(answer.left)
      return answer.right
    })
  serveTasks(server, runProtocol, client)
  serveResources(server, runProtocol)
  servePrompts(server, offered.prompts, talk)
  return server
}

/** The SDK takes whatever `tools/call` answers for a tool's result and insists on `content`; a `CreateTaskResult` has none. */
class TaskServer extends Server {
  // oxlint-disable-next-line eslint/no-underscore-dangle -- the SDK's own name for what every handler goes through
  protected override _wrapHandler(method: string, handler: Handler): Handler {
    // oxlint-disable-next-line eslint/no-underscore-dangle -- as above
    const answer = super._wrapHandler(method, handler)
    if (method !== "tools/call") return answer
    return async (request, context) => {
      const result = await answer(request, context)
      if (result["resultType"] !== "task") return result
      const { content: _, ...task } = result
      return task
    }
  }
}

type Handler = (request: JSONRPCRequest, context: ServerContext) => Promise<Result>

const takes = (tool: Tool, field: string): boolean => {
  const { properties } = jsonSchemaOf(tool.input)
  return typeof properties === "object" && properties !== null && Object.hasOwn(properties, field)
}

/** Only a client that gave a token hears of progress; one that went away does not matter. */
const progressOf =
  (context: ServerContext, token: string | number | undefined) =>
  (progress: number, total: number, message: string): Effect.Effect<void> =>
    token === undefined
      ? Effect.void
      : Effect.promise(() =>
          context.mcpReq
            .notify({ method: "notifications/progress", params: { progressToken: token, progress, total, message } })
            .catch(() => undefined)
        )

/** Adds what ended meanwhile; a task this very reply tells of is no news. */
const withNews = (reply: Reply.Reply, client: Client, listening: Listening) =>
  Effect.gen(function* () {
    if (reply.form !== undefined) return reply
    for (const id of Reply.endedIn(reply)) listening.told.add(id)
    const inbox = yield* Inbox
    const lines = yield* inbox.news(client.name, listening)
    return lines.length === 0 ? reply : { ...reply, inbox: lines }
  })
