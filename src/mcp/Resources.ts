import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  type Server,
  type ServerContext
} from "@modelcontextprotocol/server"
import { Effect, Stream } from "effect"
import { Awaiting } from "../dispatch/Awaiting.js"
import { Dispatch } from "../dispatch/Dispatch.js"
import { TaskArtifacts } from "../dispatch/TaskArtifacts.js"
import { Watch } from "../dispatch/Watch.js"
import type { DispatchError } from "../domain/DispatchError.js"
import { wholeText } from "./LargeResult.js"
import { readUri, taskOfUri, uriOf } from "./ResourceUri.js"
import type { RunProtocol } from "./TasksExtension.js"
import type { Core } from "./Tool.js"

const listedTasks = 20
const completions = 50
/** How much of a log or an artifact one read brings, in characters or bytes; tools read on from there. */
const most = 64_000

const templates = [
  ["task", "A task's record", "agentdispatch://tasks/{id}", "application/json"],
  ["log", "The end of a task's log", "agentdispatch://tasks/{id}/log", "text/plain"],
  ["result", "A task's outcome", "agentdispatch://tasks/{id}/result", "application/json"],
  ["artifact", "What a task left behind", "agentdispatch://tasks/{id}/artifacts/{name}", undefined]
] as const

/** Tasks as resources: a list of the newest, templates for all, completion of ids, and updates. */
export const serveResources = (server: Server, run: RunProtocol): void => {
  server.setRequestHandler("resources/list", async (_, context) => ({
    resources: await run(
      Effect.map(
        Effect.flatMap(Dispatch, (dispatch) => dispatch.list({ limit: listedTasks })),
        ({ tasks }) =>
          tasks.map(({ instruction, status, taskId }) => ({
            uri: uriOf(taskId),
            name: taskId,
            title: `${status}: ${instruction ?? "a task"}`,
            mimeType: "application/json"
          }))
      ),
      context
    )
  }))
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: templates.map(([name, title, uriTemplate, mimeType]) => ({
      name,
      title,
      uriTemplate,
      ...(mimeType === undefined ? {} : { mimeType })
    }))
  }))
  server.setRequestHandler("resources/read", async ({ params: { uri } }, context) => {
    const named = readUri(uri)
    if (named === undefined) throw new ResourceNotFoundError(uri)
    return { contents: [{ uri, ...(await run(read(named), context)) }] }
  })
  server.setRequestHandler("completion/complete", async ({ params: { argument, context: known, ref } }, context) => {
    const offered =
      ref.type !== "ref/resource"
        ? []
        : await run(argument.name === "name" ? artifactIds(known?.arguments?.["id"] ?? "") : taskIds, context)
    const values = offered.filter((value) => value.startsWith(argument.value))
    return {
      completion: { values: values.slice(0, completions), total: values.length, hasMore: values.length > completions }
    }
  })
  serveSubscriptions(server, run)
}

/** Clients of older eras subscribe to one resource at a time; newer ones listen. */
const serveSubscriptions = (server: Server, run: RunProtocol): void => {
  const open = new Map<string, AbortController>()
  server.setRequestHandler("resources/subscribe", async ({ params: { uri } }, context) => {
    if (open.has(uri)) return {}
    if (open.size >= mostSubscriptions)
      throw new ProtocolError(
        ProtocolErrorCode.InternalError,
        `Subscription limit reached: ${mostSubscriptions} on one connection`
      )
    const end = new AbortController()
    open.set(uri, end)
    const over = () => void (open.get(uri) === end && open.delete(uri))
    // The place is taken before the task is looked for, so that a flood of requests is refused without a look.
    const [task] = await run(
      Effect.flatMap(Awaiting, (awaiting) => awaiting.find([taskOfUri(uri) ?? ""])),
      context
    ).catch((error: unknown) => {
      over()
      throw error
    })
    if (task === undefined) return {}
    const telling = Effect.flatMap(Watch, (watch) =>
      watch.tasks([task.id]).pipe(
        Stream.filter(({ revision }) => revision > task.revision),
        Stream.runForEach(() => Effect.promise(() => server.sendResourceUpdated({ uri }).catch(() => end.abort())))
      )
    )
    void run(telling, { ...context, mcpReq: { ...context.mcpReq, signal: end.signal } } satisfies ServerContext).then(
      over,
      over
    )
    return {}
  })
  server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
    open.get(uri)?.abort()
    open.delete(uri)
    return {}
  })
  const { onclose } = server
  server.onclose = () => {
    for (const end of open.values()) end.abort()
    onclose?.()
  }
}

const mostSubscriptions = 256

/** Says with contents that are not all where the rest begins and which tool reads it. */
const cutMeta = "agentdispatch/cut"

type Contents = { readonly mimeType?: string; readonly _meta?: Record<string, unknown> } & (
  | { readonly text: string }
  | { readonly blob: string }
)

const read = ({
  part,
  taskId
}: NonNullable<ReturnType<typeof readUri>>): Effect.Effect<Contents, DispatchError, Core> =>
  Effect.gen(function* () {
    const dispatch = yield* Dispatch
    switch (part.of) {
      case "task":
        return inJson(yield* dispatch.status(taskId, {}))
      case "result":
        return { mimeType: "application/json", text: yield* wholeText(yield* dispatch.result(taskId, {})) }
      case "log":
        return { mimeType: "text/plain", text: yield* endOfLog(taskId) }
      case "artifact": {
        const artifacts = yield* TaskArtifacts
        const page = yield* artifacts.read(taskId, part.id, { offset: 0, limit: most })
        if (page.data === undefined) return inJson(page)
        const mime = page.contentType === undefined ? {} : { mimeType: page.contentType }
        const { data, nextOffset = 0, totalBytes = 0 } = page
        const cut =
          nextOffset < totalBytes ? { _meta: { [cutMeta]: { totalBytes, nextOffset, tool: "get_task_artifact" } } } : {}
        return page.encoding === "base64" ? { ...mime, ...cut, blob: data } : { ...mime, ...cut, text: data }
      }
    }
  })

const inJson = (value: object): Contents => ({ mimeType: "application/json", text: JSON.stringify(value) })

/** What was said last is what a reader wants; how to get the rest is said first. */
const endOfLog = (taskId: string) =>
  Effect.gen(function* () {
    const dispatch = yield* Dispatch
    const { data, cursor } = yield* dispatch.logs(taskId, { tail: true, limit: most })
    return cursor === 0 ? data : `(${cursor} characters before this are in get_task_logs)\n${data}`
  })

const taskIds = Effect.map(
  Effect.flatMap(Dispatch, (dispatch) => dispatch.list({ limit: 100 })),
  ({ tasks }) => tasks.map(({ taskId }) => taskId)
)

const artifactIds = (taskId: string) =>
  Effect.map(
    Effect.flatMap(Dispatch, (dispatch) => dispatch.result(taskId, {})),
    ({ artifacts }) => artifacts.map(({ id }) => id)
  )
