import { Effect, Option, Schema } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import { clientLimits, unknownClientSeconds, waitBudget } from "../../src/mcp/ClientLimits.js"
import { eventually, place } from "../support/Server.js"
import { allow } from "../support/Workbench.js"
import { isWhole, labConfig } from "./LabAgent.js"
import { patience, type Profile, showsForms, speaksTasks } from "./Profile.js"
import { connected, type ScriptedClient, type Seen } from "./ScriptedClient.js"

/** Every wait and every limit of a client is so many times shorter in the lab. */
export const scale = 10

/** What `tools/list` may take of each conversation, in bytes. */
const listBudget = 16_000

export const checks = ["tool list", "plan mode", "asks back", "wait", "status", "log", "result"] as const
export type Check = (typeof checks)[number]

export interface Verdict {
  readonly profile: Profile
  /** How long our waits are for this client, in seconds, unscaled; nothing where a wait is an MCP task. */
  readonly waitSeconds: number | undefined
  /** What was seen where a check failed. */
  readonly failed: Readonly<Partial<Record<Check, string>>>
}

const waits: JsonObject = {
  seconds: unknownClientSeconds / scale,
  clients: Object.fromEntries(clientLimits.map(({ client, waitSeconds }) => [client, waitSeconds / scale]))
}

const reading = ["await_task", "get_task_status", "get_task_logs", "get_task_result", "list_tasks", "explain_dispatch"]
const changing = ["spawn_cloud_agent", "dispatch_task", "cancel_task"]
const user: JsonObject = { instruction: "Look through the sources" }

/** A client's whole story with work that outlives its server; whatever it starts ends with the scope. */
export const survive = Effect.fnUntraced(function* (profile: Profile) {
  const at = yield* place
  const size = Math.ceil(profile.output.bytes * 1.2)
  const config = labConfig(at, { log: size, result: size }, { waits })
  const failed: Partial<Record<Check, string>> = {}
  const check = (name: Check, holds: boolean, ...seen: ReadonlyArray<unknown>) => {
    if (!holds) failed[name] ??= JSON.stringify(seen).slice(0, 2_000)
  }

  const first = yield* connected(profile, at, { config }, user)
  check("tool list", first.listBytes < listBudget, first.listBytes)
  const free = first.tools.filter((tool) => tool.free).map(({ name }) => name)
  const looked = yield* first.call("list_tasks")
  check("plan mode", reading.every((name) => free.includes(name)) && says(looked, '"tasks":[]'), free, looked)
  check("plan mode", !changing.some((name) => free.includes(name)), free)

  const asked = yield* first.call("spawn_cloud_agent")
  if (!showsForms(profile)) check("asks back", says(asked, "needs_clarification", "instruction"), asked)
  const accepted = showsForms(profile) ? asked : yield* first.call("spawn_cloud_agent", user)
  const id = /task_[0-9a-z]{26}/.exec(textOf(accepted))?.[0] ?? "no task"
  check("asks back", says(accepted, id, "get_task_status"), accepted)

  const budget = waitBudget(profile.info.name, {}, undefined)
  const waited = yield* first.call("await_task", { task_ids: [id] }, patience(profile) / scale)
  if (speaksTasks(profile)) check("wait", waited.taskId === id, waited)
  else check("wait", says(waited, '"done":false') && waited.seconds >= (0.9 * budget) / scale, waited)
  yield* first.abandon("await_task", { task_ids: [id], max_wait_seconds: 3_600 })
  yield* first.kill

  const next = yield* connected(profile, at, { config }, user)
  const status = yield* underWay(next, id)
  check("status", says(status, id, '"running"'), status)
  allow(at)
  const ended = yield* outcome(next, profile, id)
  check("status", says(ended, id, '"succeeded"'), ended)
  const log = yield* wholeLog(next, id)
  check("log", isWhole(log, "step"), log.length, log.slice(-500))
  const { brief, text } = yield* wholeResult(next, id)
  check("result", says(brief, id, '"succeeded"') && isWhole(text, "finding"), brief, text.slice(-500))
  return { profile, waitSeconds: speaksTasks(profile) ? undefined : budget, failed } satisfies Verdict
})

/** The model sees all of these, whichever part of the answer it is shown. */
const says = ({ sights }: Seen, ...texts: ReadonlyArray<string>): boolean =>
  sights.length > 0 && sights.every((sight) => texts.every((text) => sight.text.includes(text)))

const textOf = ({ sights: [sight] }: Seen): string => sight?.text ?? ""
const isCut = ({ sights }: Seen): boolean => sights.length === 0 || sights.some(({ cut }) => cut)

/** A server that took over may have to find out first what became of the start. */
const underWay = (client: ScriptedClient, id: string) =>
  eventually(
    Effect.map(client.call("get_task_status", { task_id: id }), (seen) => (says(seen, '"starting"') ? undefined : seen))
  )

/** A client that speaks of tasks polls its own; the others wait again and again. */
const outcome = (client: ScriptedClient, profile: Profile, id: string) =>
  eventually(
    Effect.map(speaksTasks(profile) ? client.task(id) : client.call("await_task", { task_ids: [id] }), (seen) =>
      says(seen, '"done":true') || (seen.fault !== undefined && seen.fault !== "working") ? seen : undefined
    )
  )

const Page = Schema.Struct({
  data: Schema.String,
  cursor: Schema.Int,
  nextCursor: Schema.Int,
  total: Schema.optional(Schema.Int)
})
const decodePage = Schema.decodeOption(Schema.parseJson(Page))
const shortestPage = 500

/** Reads on page by page, asking for less where the client cut a page. */
const pages = Effect.fnUntraced(function* (client: ScriptedClient, tool: string, args: JsonObject) {
  let [text, cursor, limit] = ["", 0, 8_000]
  for (;;) {
    const shorter = limit < 8_000 ? { limit } : {}
    const seen = yield* client.call(tool, { ...args, cursor, ...shorter })
    if (isCut(seen) && limit > shortestPage) {
      limit = Math.floor(limit / 2)
      continue
    }
    const page = Option.getOrUndefined(decodePage(textOf(seen)))
    if (page === undefined || page.nextCursor === cursor) return text
    text += page.data
    cursor = page.nextCursor
    if (cursor === page.total) return text
  }
})

const wholeLog = (client: ScriptedClient, id: string) => pages(client, "get_task_logs", { task_id: id })

/** The result as it is shown, or, where it is cut, by the way that the model is told. */
const wholeResult = Effect.fnUntraced(function* (client: ScriptedClient, id: string) {
  const brief = yield* client.call("get_task_result", { task_id: id })
  const told = says(brief, "get_task_result with cursor 0")
  return {
    brief,
    text: told ? yield* pages(client, "get_task_result", { task_id: id }) : isCut(brief) ? "" : textOf(brief)
  }
})
