import { Clock, Effect, Option, Schema, type Scope } from "effect"
import { JsonObject } from "../../src/domain/Json.js"
import { framed } from "../support/ModernClient.js"
import { line, rawServer, request } from "../support/RawServer.js"
import { eventually, type Place, type Start } from "../support/Server.js"
import { CallResult, type Sight, sightsOf } from "./Model.js"
import { type Profile, showsForms, speaksTasks } from "./Profile.js"

/** What came of one call. */
export interface Seen {
  /** What the model was shown; nothing if the call came to no answer. */
  readonly sights: ReadonlyArray<Sight>
  readonly seconds: number
  /** The call goes on as an MCP task. */
  readonly taskId?: string
  /** Why the client took no answer. */
  readonly fault?: string
}

export interface ListedTool {
  readonly name: string
  /** A client that plans, or that asks before it lets a tool write, lets this one run. */
  readonly free: boolean
  readonly promisesStructure: boolean
}

/** A client that does what its profile says, with the server it started. */
export interface ScriptedClient {
  readonly tools: ReadonlyArray<ListedTool>
  /** What the list costs in each conversation. */
  readonly listBytes: number
  /** Gives up after so many seconds, a minute unless told. */
  readonly call: (tool: string, args?: JsonObject, seconds?: number) => Effect.Effect<Seen>
  /** Begins a call and gives it up at once. */
  readonly abandon: (tool: string, args: JsonObject) => Effect.Effect<void>
  /** Where an MCP task stands, with its result once there is one. */
  readonly task: (taskId: string) => Effect.Effect<Seen>
  readonly kill: Effect.Effect<void>
}

const usualSeconds = 60
const mostRounds = 5

const decodeLine = Schema.decodeOption(Schema.parseJson(JsonObject))
const decodeResult = Schema.decodeUnknownOption(CallResult)
const Form = Schema.Struct({ params: Schema.Struct({ requestedSchema: Schema.Struct({ properties: JsonObject }) }) })
const decodeForm = Schema.decodeUnknownSync(Form)
const Asked = Schema.Struct({
  resultType: Schema.Literal("input_required"),
  inputRequests: Schema.Record({ key: Schema.String, value: Form }),
  requestState: Schema.optional(Schema.String)
})
const decodeAsked = Schema.decodeUnknownOption(Asked)
const decodeTask = Schema.decodeUnknownOption(
  Schema.Struct({ resultType: Schema.Literal("task", "complete"), taskId: Schema.String, status: Schema.String })
)
const decodeTools = Schema.decodeUnknownSync(
  Schema.Struct({
    tools: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        outputSchema: Schema.optional(JsonObject),
        annotations: Schema.optional(Schema.Struct({ readOnlyHint: Schema.optional(Schema.Boolean) }))
      })
    )
  })
)

interface Answered {
  readonly seconds: number
  readonly message?: JsonObject
}

/** Connects as the profile does; `user` is what its user puts into a form that asks for it. */
export const connected = (
  profile: Profile,
  at: Place,
  start: Start,
  user: JsonObject
): Effect.Effect<ScriptedClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* rawServer(at, start)
    const answers = new Map<number, JsonObject>()
    let [last, read, heard] = [0, 0, 0]

    const filled = ({ params }: typeof Form.Type) => ({
      action: "accept",
      content: Object.fromEntries(
        Object.keys(params.requestedSchema.properties).flatMap((id) => (id in user ? [[id, user[id] ?? null]] : []))
      )
    })
    const receive = Effect.gen(function* () {
      const until = server.stdout().lastIndexOf("\n") + 1
      const lines = server.stdout().slice(read, until).split("\n")
      read = until
      for (const message of lines.flatMap((text) => Option.toArray(decodeLine(text)))) {
        const { id, method } = message
        if (method === "notifications/progress" && profile.progressExtends) heard = yield* Clock.currentTimeMillis
        else if (method === "elicitation/create")
          yield* server.write(line({ jsonrpc: "2.0", id: id ?? null, result: filled(decodeForm(message)) }))
        else if (typeof id === "number") answers.set(id, message)
      }
    })
    const send = (method: string, params: JsonObject) =>
      Effect.as(server.write(request(++last, method, framedFor(profile, params, last))), last)
    const giveUp = (id: number) =>
      server.write(line({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }))
    const ask = (method: string, params: JsonObject = {}, limit = usualSeconds): Effect.Effect<Answered> =>
      Effect.gen(function* () {
        const began = (heard = yield* Clock.currentTimeMillis)
        const id = yield* send(method, params)
        return yield* eventually(
          Effect.gen(function* () {
            yield* receive
            const now = yield* Clock.currentTimeMillis
            const message = answers.get(id)
            const seconds = (now - began) / 1000
            if (message !== undefined) return { seconds, message }
            if (now - heard <= limit * 1000) return undefined
            yield* giveUp(id)
            return { seconds }
          })
        )
      })

    if (profile.protocol === "2026-07-28") yield* ask("server/discover")
    else {
      const { capabilities, info: clientInfo, protocol: protocolVersion } = profile
      yield* ask("initialize", { protocolVersion, capabilities, clientInfo: { ...clientInfo } })
      yield* server.write(line({ jsonrpc: "2.0", method: "notifications/initialized" }))
    }
    const listed = (yield* ask("tools/list")).message?.["result"]
    const tools = decodeTools(listed).tools.map(({ annotations, name, outputSchema }) => ({
      name,
      free: annotations?.readOnlyHint === true,
      promisesStructure: outputSchema !== undefined
    }))

    /** As clients check it: a tool that promises structured content and brings none is refused. */
    const seenOf = (result: unknown, seconds: number, promised: boolean): Seen => {
      const called = Option.getOrUndefined(decodeResult(result))
      if (called === undefined) return { sights: [], seconds, fault: `no result: ${JSON.stringify(result)}` }
      if (promised && called.isError !== true && called.structuredContent === undefined)
        return { sights: [], seconds, fault: "structured content is promised and not there" }
      return { sights: sightsOf(profile, called), seconds }
    }
    const call = (name: string, args: JsonObject = {}, limit?: number) =>
      Effect.gen(function* () {
        const promised = tools.some((tool) => tool.name === name && tool.promisesStructure)
        let more: JsonObject = {}
        for (let rounds = 0; rounds < mostRounds; rounds++) {
          const { message, seconds } = yield* ask("tools/call", { name, arguments: args, ...more }, limit)
          if (message === undefined) return { sights: [], seconds, fault: `gave up after ${seconds} s` }
          const { error, result } = message
          if (error !== undefined) return { sights: [], seconds, fault: JSON.stringify(error) }
          const task = Option.getOrUndefined(decodeTask(result))
          if (task?.resultType === "task" && speaksTasks(profile)) return { sights: [], seconds, taskId: task.taskId }
          const asked = Option.getOrUndefined(decodeAsked(result))
          if (asked === undefined) return seenOf(result, seconds, promised)
          if (!showsForms(profile)) return { sights: [], seconds, fault: "it was asked and shows no forms" }
          const inputResponses = Object.fromEntries(
            Object.entries(asked.inputRequests).map(([key, form]) => [key, filled(form)])
          )
          const { requestState } = asked
          more = { inputResponses, ...(requestState === undefined ? {} : { requestState }) }
        }
        return { sights: [], seconds: 0, fault: `was asked ${mostRounds} times` }
      })

    return {
      tools,
      listBytes: Buffer.byteLength(JSON.stringify(listed)),
      call,
      abandon: (name, args) => Effect.flatMap(send("tools/call", { name, arguments: args }), giveUp),
      task: (taskId) =>
        Effect.map(ask("tasks/get", { taskId }), ({ message, seconds }) => {
          const result = message?.["result"]
          const status = Option.getOrUndefined(decodeTask(result))?.status
          return status === "completed"
            ? seenOf(Option.getOrUndefined(decodeEnded(result))?.result, seconds, false)
            : { sights: [], seconds, fault: status ?? JSON.stringify(message) }
        }),
      kill: Effect.zipRight(server.signal("SIGKILL"), Effect.asVoid(server.ended))
    }
  })

const decodeEnded = Schema.decodeUnknownOption(Schema.Struct({ result: JsonObject }))

/** The newer revision says with each request who sends it; a progress token asks to hear how it goes. */
const framedFor = (profile: Profile, params: JsonObject, id: number): JsonObject => {
  const token = profile.progressExtends ? { progressToken: id } : {}
  if (profile.protocol !== "2026-07-28") return profile.progressExtends ? { ...params, _meta: token } : params
  return framed(params, {
    name: profile.info.name,
    elicits: showsForms(profile),
    tasks: speaksTasks(profile)
  })
}
