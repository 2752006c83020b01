import { Effect } from "effect"
import { controlOf, controlSdk, send } from "./Clients.js"
import type { Fault } from "./Faults.js"
import type { Place } from "./Plan.js"

/** The runtime of a name, page by page; the list knows names where a crash has lost the id. */
export const findRuntime = (
  place: Place,
  name: string
): Effect.Effect<{ readonly id: string; readonly arn: string } | undefined, Fault> =>
  Effect.gen(function* () {
    const control = yield* controlOf(place)
    const { ListAgentRuntimesCommand } = yield* controlSdk
    let nextToken: string | undefined
    do {
      const input = { maxResults: 100, ...(nextToken === undefined ? {} : { nextToken }) }
      const page = yield* send((options) => control.send(new ListAgentRuntimesCommand(input), options))
      const found = page.agentRuntimes?.find(({ agentRuntimeName }) => agentRuntimeName === name)
      if (found !== undefined) return { id: found.agentRuntimeId ?? "", arn: found.agentRuntimeArn ?? "" }
      nextToken = page.nextToken
    } while (nextToken !== undefined)
    return undefined
  })

/** All runtimes of a place by their names. */
export const listRuntimes = (
  place: Place
): Effect.Effect<ReadonlyMap<string, { readonly id: string; readonly arn: string }>, Fault> =>
  Effect.gen(function* () {
    const control = yield* controlOf(place)
    const { ListAgentRuntimesCommand } = yield* controlSdk
    const found = new Map<string, { readonly id: string; readonly arn: string }>()
    let nextToken: string | undefined
    do {
      const input = { maxResults: 100, ...(nextToken === undefined ? {} : { nextToken }) }
      const page = yield* send((options) => control.send(new ListAgentRuntimesCommand(input), options))
      for (const {
        agentRuntimeArn: arn = "",
        agentRuntimeId: id = "",
        agentRuntimeName: name = ""
      } of page.agentRuntimes ?? [])
        found.set(name, { id, arn })
      nextToken = page.nextToken
    } while (nextToken !== undefined)
    return found
  })

/** The status of a runtime, or nothing once it is gone. */
export const runtimeStatus = (place: Place, id: string) =>
  Effect.gen(function* () {
    const control = yield* controlOf(place)
    const { GetAgentRuntimeCommand } = yield* controlSdk
    const command = new GetAgentRuntimeCommand({ agentRuntimeId: id })
    return yield* orGone(send((options) => control.send(command, options)))
  })

export const endpointStatus = (place: Place, id: string, name: string) =>
  Effect.gen(function* () {
    const control = yield* controlOf(place)
    const { GetAgentRuntimeEndpointCommand } = yield* controlSdk
    const command = new GetAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: name })
    return yield* orGone(send((options) => control.send(command, options)))
  })

const orGone = <A>(effect: Effect.Effect<A, Fault>): Effect.Effect<A | undefined, Fault> =>
  Effect.catchIf(
    effect,
    ({ kind }) => kind === "missing",
    () => Effect.succeed<A | undefined>(undefined)
  )
