import { Effect, Schema } from "effect"
import { type Json, JsonObject } from "../../src/domain/Json.js"
import type { RawServer } from "./RawServer.js"
import { eventually } from "./Server.js"

export interface Declared {
  readonly tasks?: boolean
  readonly elicits?: boolean
  readonly name?: string
}

/** A request of protocol 2026-07-28: each says who sends it and what that can do. */
export const framed = (params: JsonObject, { elicits, name = "raw", tasks }: Declared): JsonObject => ({
  ...params,
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name, version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": {
      ...(elicits === true ? { elicitation: { form: {} } } : {}),
      ...(tasks === true ? { extensions: { "io.modelcontextprotocol/tasks": {} } } : {})
    }
  }
})

export const asking =
  (server: RawServer, declared: Declared = {}) =>
  (method: string, params: JsonObject = {}) =>
    server.ask(method, framed(params, declared))

export const object = Schema.decodeUnknownSync(JsonObject)
export const at = (value: Json | undefined, ...path: ReadonlyArray<string>): Json | undefined =>
  path.reduce<Json | undefined>((inner, key) => (inner === undefined ? undefined : object(inner)[key]), value)
export const text = (value: Json | undefined) => (typeof value === "string" ? value : fail(value))

export const withTasks: Declared = { tasks: true }

/** Spawns work of so many milliseconds and gives its id. */
export const spawned = (server: RawServer, delayMs: number) =>
  Effect.map(
    asking(server)("tools/call", {
      name: "spawn_cloud_agent",
      arguments: { runtime: "echo", instruction: "say it", context: { delayMs } }
    }),
    ({ result }) => text(at(result, "structuredContent", "taskId"))
  )

export const until = (server: RawServer, taskId: string, status: string) =>
  eventually(
    Effect.map(asking(server, withTasks)("tasks/get", { taskId }), ({ result }) =>
      at(result, "status") === status ? result : undefined
    )
  )

const fail = (value: Json | undefined): never => {
  throw new Error(`expected a text, got ${JSON.stringify(value)}`)
}
