import { SUBSCRIPTION_ID_META_KEY } from "@modelcontextprotocol/server"
import { Effect, Either, Option, Schema, Stream } from "effect"
import { Awaiting } from "../dispatch/Awaiting.js"
import { Watch } from "../dispatch/Watch.js"
import { JsonObject } from "../domain/Json.js"
import type { Task, TaskId } from "../domain/Task.js"
import { type Client, clientOf, tasksExtension } from "./Client.js"
import { taskOfUri } from "./ResourceUri.js"
import { detailed, type Handle, handleId, handleOf, unasked } from "./TaskHandle.js"
import type { Core } from "./Tool.js"

/** How many tasks one subscription may name. */
const mostListened = 1_000

const Listen = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.Union(Schema.String, Schema.Number),
  method: Schema.Literal("subscriptions/listen"),
  params: Schema.Struct({
    _meta: Schema.optional(JsonObject),
    notifications: Schema.Struct({
      taskIds: Schema.optional(Schema.Array(Schema.String)),
      resourceSubscriptions: Schema.optional(Schema.Array(Schema.String))
    })
  })
})
export type Listen = typeof Listen.Type

const decodeListen = Schema.decodeUnknownOption(Listen)

/** A subscription that is about tasks, which the SDK does not serve; any other is the SDK's. */
export const listenOf = (message: unknown): Listen | undefined =>
  Option.getOrUndefined(
    Option.filter(
      decodeListen(message),
      ({ params: { notifications } }) =>
        notifications.taskIds !== undefined || (notifications.resourceSubscriptions ?? []).length > 0
    )
  )

export type Outgoing = { readonly [member: string]: unknown }

interface Refusal extends Outgoing {
  readonly error: { readonly code: number; readonly message: string; readonly data?: object }
}

/** Why a subscription is refused, as a JSON-RPC error. */
export const refusalOf = (request: Listen): Refusal | undefined => {
  const { id, params } = request
  const { taskIds = [], resourceSubscriptions = [] } = params.notifications
  if (params.notifications.taskIds !== undefined && !clientOfListen(request).tasks) {
    const requiredCapabilities = { extensions: { [tasksExtension]: {} } }
    return errorTo(id, -32_021, "Missing required client capability", { requiredCapabilities })
  }
  return taskIds.length + resourceSubscriptions.length > mostListened
    ? errorTo(id, -32_602, `A subscription may name ${mostListened} tasks and resources at most`)
    : undefined
}

export const errorTo = (id: string | number, code: number, message: string, data?: object): Refusal => ({
  jsonrpc: "2.0",
  id,
  error: { code, message, ...(data === undefined ? {} : { data }) }
})

export const clientOfListen = ({ params }: Listen): Client =>
  clientOf(params._meta, { info: undefined, capabilities: undefined })

/** The stream's regular end, told by whoever ends it. */
export const goodbye = ({ id }: Listen): Outgoing => ({
  jsonrpc: "2.0",
  id,
  result: { resultType: "complete", _meta: { [SUBSCRIPTION_ID_META_KEY]: id } }
})

/**
 * Everything a subscription is told: that it is taken, and for what; each task as it is now and after each change; each
 * resource of a task when it changed. Ids and URIs that do not exist for this caller are left out of what is taken.
 */
export const listen = (request: Listen): Stream.Stream<Outgoing, never, Core> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { id, params } = request
      const { elicits } = clientOfListen(request)
      const awaiting = yield* Awaiting
      const watch = yield* Watch
      const found = (ids: ReadonlyArray<string>) => Effect.option(awaiting.find(ids))
      const { taskIds, resourceSubscriptions } = params.notifications
      const handles: Array<Handle> = []
      const tasks = new Map<TaskId, Task>()
      for (const handle of (taskIds ?? []).map(handleOf)) {
        const members = Option.getOrElse(yield* found(handle.ids), (): ReadonlyArray<Task> => [])
        if (members.length > 0) handles.push(handle)
        for (const member of members) tasks.set(member.id, member)
      }
      const uris = new Map<TaskId, ReadonlyArray<string>>()
      for (const uri of resourceSubscriptions ?? []) {
        const [member] = Option.getOrElse(yield* found([taskOfUri(uri) ?? ""]), (): ReadonlyArray<Task> => [])
        if (member === undefined) continue
        tasks.set(member.id, member)
        uris.set(member.id, [...(uris.get(member.id) ?? []), uri])
      }
      const tell = (method: string, said: Outgoing): Outgoing => ({
        jsonrpc: "2.0",
        method,
        params: { ...said, _meta: { [SUBSCRIPTION_ID_META_KEY]: id } }
      })
      const taken = {
        ...(taskIds === undefined ? {} : { taskIds: handles.map(handleId) }),
        ...(resourceSubscriptions === undefined ? {} : { resourceSubscriptions: [...uris.values()].flat() })
      }
      const changed = (task: Task) =>
        Effect.gen(function* () {
          const first = tasks.get(task.id)?.revision === task.revision
          tasks.set(task.id, task)
          const told: Array<Outgoing> = first
            ? []
            : (uris.get(task.id) ?? []).map((uri) => tell("notifications/resources/updated", { uri }))
          for (const handle of handles.filter(({ ids }) => ids.includes(task.id))) {
            const members = handle.ids.flatMap((member) => [...tasks.values()].filter((known) => known.id === member))
            const state = yield* Effect.either(detailed(handle, members))
            if (Either.isRight(state))
              told.push(tell("notifications/tasks", elicits ? state.right : unasked(state.right)))
          }
          return told
        })
      const acknowledged = tell("notifications/subscriptions/acknowledged", { notifications: taken })
      return Stream.concat(
        Stream.make(acknowledged),
        watch.tasks([...tasks.keys()]).pipe(
          Stream.mapConcatEffect(changed),
          Stream.catchAll((error) => Stream.execute(Effect.logWarning(`a subscription ended: ${error.message}`)))
        )
      )
    })
  )
