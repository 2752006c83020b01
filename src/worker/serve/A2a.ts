import type { IncomingMessage as HttpRequest, ServerResponse } from "node:http"
import { Cause, Effect, Either, Schema } from "effect"
import { encodeText, Json, type JsonObject } from "../../domain/Json.js"
import { describe } from "../JobContext.js"
import { type makeA2aTasks, rpc, type RpcError } from "./A2aTasks.js"
import { type A2aTask, type Dialect, IncomingMessage, stateName, taskIn } from "./A2aWords.js"
import { agentCard } from "./AgentCard.js"
import type { Health } from "./Health.js"
import { answer, bodyLimit, readBody } from "./Http.js"
import { pong } from "./Invocations.js"
import type { Handler } from "./Listen.js"

const Id = Schema.NullOr(Schema.Union(Schema.String, Schema.Number))
const Request = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optionalWith(Id, { default: () => null }),
  method: Schema.String,
  params: Schema.optionalWith(Json, { default: () => ({}) })
})

/** What a method gives: the result, and what is to be run once it has left. */
interface Outcome {
  readonly result: JsonObject
  readonly sent: Effect.Effect<void>
}

const Flag = Schema.optionalWith(Schema.Boolean, { default: () => false })
const NewSend = Schema.Struct({
  message: IncomingMessage,
  configuration: Schema.optionalWith(Schema.Struct({ returnImmediately: Flag }), {
    default: () => ({ returnImmediately: false })
  })
})
const OldSend = Schema.Struct({
  message: IncomingMessage,
  configuration: Schema.optionalWith(Schema.Struct({ blocking: Flag }), { default: () => ({ blocking: false }) })
})
const TaskRef = Schema.Struct({ id: Schema.NonEmptyString })
const List = Schema.Struct({
  contextId: Schema.optional(Schema.String),
  status: Schema.optional(Schema.String),
  pageSize: Schema.optionalWith(Schema.Int.pipe(Schema.between(1, 100)), { default: () => 50 }),
  pageToken: Schema.optional(Schema.String),
  includeArtifacts: Flag
})

/** A2A over JSON-RPC in both dialects, with the agent's card and the platform's `/ping`. */
export const a2a = (
  health: Health,
  tasks: ReturnType<typeof makeA2aTasks>,
  publicUrl: string | undefined,
  log: (line: string) => void
): Handler => {
  const methods = methodTable(tasks)
  const call = Effect.fn("worker.a2a")(function* (request: HttpRequest, response: ServerResponse) {
    const text = yield* readBody(request)
    if (text === undefined)
      return yield* respond(response, null, {
        code: rpc.invalidRequest,
        message: `The request has more than the ${bodyLimit} bytes that it may have.`
      })
    const json = Schema.decodeEither(Schema.parseJson(Json))(text)
    if (Either.isLeft(json))
      return yield* respond(response, null, { code: rpc.parse, message: "The body is not JSON." })
    const wanted = Schema.decodeUnknownEither(Request)(json.right)
    if (Either.isLeft(wanted))
      return yield* respond(response, null, { code: rpc.invalidRequest, message: describe("", wanted.left) })
    const { id, method, params } = wanted.right
    const outcome = yield* methodFor(methods, method, headerOf(request)).pipe(
      Effect.flatMap((act) => act(params)),
      Effect.catchAllDefect((defect) => {
        log(Cause.pretty(Cause.die(defect)))
        return Effect.fail<RpcError>({
          code: rpc.internal,
          message: "The worker met a mistake of its own; its log has it."
        })
      }),
      Effect.either
    )
    if (Either.isLeft(outcome)) return yield* respond(response, id, outcome.left)
    const { result, sent } = outcome.right
    yield* Effect.ensuring(answer(response, 200, encodeText({ jsonrpc: "2.0", id, result })), sent)
  })
  return (request, response, path) => {
    if (path === "/ping") return pong(health, response)
    if (path === "/.well-known/agent-card.json") {
      const url = publicUrl ?? `http://${request.headers.host ?? "localhost"}/`
      return answer(response, 200, encodeText(agentCard(url)))
    }
    if (path !== "/" || request.method !== "POST")
      return answer(response, 404, '{"error":"Send JSON-RPC as POST to /."}')
    return call(request, response)
  }
}

const respond = (response: ServerResponse, id: string | number | null, { code, message }: RpcError) =>
  answer(response, 200, encodeText({ jsonrpc: "2.0", id, error: { code, message } }))

const headerOf = (request: HttpRequest): string | undefined => {
  const header = request.headers["a2a-version"]
  return typeof header === "string" && header.trim() !== "" ? header.trim() : undefined
}

type Method = (params: Json) => Effect.Effect<Outcome, RpcError>
type Methods = Readonly<Record<Dialect, ReadonlyMap<string, Method>>>

/**
 * Without the header the specification means 0.3; a platform in between may have dropped it though, so a method that
 * only the newer dialect has is understood as well.
 */
const methodFor = (methods: Methods, method: string, version: string | undefined): Effect.Effect<Method, RpcError> => {
  const dialects: ReadonlyArray<Dialect> | undefined =
    version === undefined
      ? ["0.3", "1.0"]
      : /^0\.3(\.\d+)?$/.test(version)
        ? ["0.3"]
        : /^1\.0(\.\d+)?$/.test(version)
          ? ["1.0"]
          : undefined
  if (dialects === undefined)
    return Effect.fail({
      code: rpc.versionNotSupported,
      message: `A2A version ${version} is not supported; this agent speaks 0.3 and 1.0.`
    })
  const found = dialects.map((dialect) => methods[dialect].get(method)).find((known) => known !== undefined)
  return found === undefined
    ? Effect.fail({ code: rpc.methodNotFound, message: `There is no method ${method} in version ${dialects[0]}.` })
    : Effect.succeed(found)
}

const methodTable = (tasks: ReturnType<typeof makeA2aTasks>): Methods => {
  const one =
    (dialect: Dialect, act: (id: string) => Effect.Effect<Sent, RpcError>): Method =>
    (params) =>
      Effect.flatMap(parse(TaskRef, params), ({ id }) =>
        Effect.map(act(id), ({ task, go }) => ({ result: taskIn(dialect, task), sent: go }))
      )
  const unsupported: Method = () =>
    Effect.fail({ code: rpc.unsupported, message: "This agent does not stream; ask for the task until it has ended." })
  const noPush: Method = () => Effect.fail({ code: rpc.pushNotSupported, message: "This agent notifies nobody." })
  return {
    "1.0": new Map<string, Method>([
      [
        "SendMessage",
        (params) =>
          Effect.flatMap(parse(NewSend, params), ({ message, configuration }) =>
            Effect.map(tasks.send(message, !configuration.returnImmediately), ({ task, go }) => ({
              result: { task: taskIn("1.0", task) },
              sent: go
            }))
          )
      ],
      ["GetTask", one("1.0", tasks.get)],
      ["CancelTask", one("1.0", tasks.cancel)],
      ["ListTasks", (params) => Effect.flatMap(parse(List, params), (wanted) => listed(tasks, wanted))],
      ["SendStreamingMessage", unsupported],
      ["SubscribeToTask", unsupported],
      ["CreateTaskPushNotificationConfig", noPush],
      ["GetTaskPushNotificationConfig", noPush],
      ["ListTaskPushNotificationConfigs", noPush],
      ["DeleteTaskPushNotificationConfig", noPush]
    ]),
    "0.3": new Map<string, Method>([
      [
        "message/send",
        (params) =>
          Effect.flatMap(parse(OldSend, params), ({ message, configuration }) =>
            Effect.map(tasks.send(message, configuration.blocking), ({ task, go }) => ({
              result: taskIn("0.3", task),
              sent: go
            }))
          )
      ],
      ["tasks/get", one("0.3", tasks.get)],
      ["tasks/cancel", one("0.3", tasks.cancel)],
      ["message/stream", unsupported],
      ["tasks/resubscribe", unsupported],
      ["tasks/pushNotificationConfig/set", noPush],
      ["tasks/pushNotificationConfig/get", noPush],
      ["tasks/pushNotificationConfig/list", noPush],
      ["tasks/pushNotificationConfig/delete", noPush]
    ])
  }
}

interface Sent {
  readonly task: A2aTask
  readonly go: Effect.Effect<void>
}

/** One page of the tasks, the newest first; a page's token is the id of its predecessor's last task. */
const listed = (tasks: ReturnType<typeof makeA2aTasks>, wanted: typeof List.Type): Effect.Effect<Outcome, RpcError> =>
  Effect.gen(function* () {
    const { status, pageSize, pageToken = "" } = wanted
    const all = (yield* tasks.list(wanted.contextId || undefined, wanted.includeArtifacts)).filter(
      ({ state }) => status === undefined || status === "TASK_STATE_UNSPECIFIED" || stateName("1.0", state) === status
    )
    const last = pageToken === "" ? -1 : all.findIndex(({ id }) => id === pageToken)
    if (pageToken !== "" && last === -1)
      return yield* Effect.fail<RpcError>({ code: rpc.invalidParams, message: "pageToken: is none of this list." })
    const page = all.slice(last + 1, last + 1 + pageSize)
    const more = last + 1 + page.length < all.length
    return {
      result: {
        tasks: page.map((task) => taskIn("1.0", task)),
        nextPageToken: more ? (page.at(-1)?.id ?? "") : "",
        pageSize,
        totalSize: all.length
      },
      sent: Effect.void
    }
  })

const parse = <A, I>(schema: Schema.Schema<A, I>, params: Json): Effect.Effect<A, RpcError> =>
  Effect.mapError(Schema.decodeUnknown(schema)(params, { errors: "all" }), (error): RpcError => ({
    code: rpc.invalidParams,
    message: describe("params", error)
  }))
