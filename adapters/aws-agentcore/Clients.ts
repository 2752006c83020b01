import type { BedrockAgentCoreClient } from "@aws-sdk/client-bedrock-agentcore"
import type { BedrockAgentCoreControlClient } from "@aws-sdk/client-bedrock-agentcore-control"
import { Effect } from "effect"
import { globalValue } from "effect/GlobalValue"
import { type Fault, faultOf } from "./Faults.js"
import type { Place } from "./Plan.js"

/**
 * One client per purpose, each with sockets of its own, so that unread answers of one can never hold up another.
 * `start` and `poll` send once whatever AWS_MAX_ATTEMPTS says: the SDK's own retry would run an agent a second time.
 */
export interface Clients {
  readonly start: BedrockAgentCoreClient
  readonly poll: BedrockAgentCoreClient
  readonly stop: BedrockAgentCoreClient
}

/** The operations of the two SDKs, loaded when the first task needs them. */
export const dataSdk = Effect.promise(() => import("@aws-sdk/client-bedrock-agentcore"))
export const controlSdk = Effect.promise(() => import("@aws-sdk/client-bedrock-agentcore-control"))

const connectMillis = 5_000
const retries = 5

const sockets = (keepAlive: boolean) => {
  const agent = { keepAlive, maxSockets: 500 }
  return { connectionTimeout: connectMillis, httpAgent: agent, httpsAgent: agent }
}

const assumed = async (roleArn: string, { endpoint, region }: Place) => {
  const { fromTemporaryCredentials } = await import("@aws-sdk/credential-providers")
  return fromTemporaryCredentials({
    params: { RoleArn: roleArn, RoleSessionName: "agentdispatch" },
    clientConfig: { ...(region === undefined ? {} : { region }), ...(endpoint === undefined ? {} : { endpoint }) }
  })
}

const identityOf = async (place: Place) => {
  const { credentialSource } = place
  if (credentialSource.startsWith("profile:")) return { profile: credentialSource.slice("profile:".length) }
  return credentialSource.startsWith("role:")
    ? { credentials: await assumed(credentialSource.slice("role:".length), place) }
    : {}
}

const configOf = async (place: Place) => ({
  ...(await identityOf(place)),
  ...(place.region === undefined ? {} : { region: place.region }),
  ...(place.endpoint === undefined ? {} : { endpoint: place.endpoint })
})

const makeData = async (place: Place): Promise<Clients> => {
  const { BedrockAgentCoreClient } = await import("@aws-sdk/client-bedrock-agentcore")
  const config = await configOf(place)
  const client = (maxAttempts: number, keepAlive: boolean) =>
    new BedrockAgentCoreClient({ ...config, maxAttempts, requestHandler: sockets(keepAlive) })
  // A start gets a connection of its own: one that the far side has just closed would make it ambiguous.
  return { start: client(1, false), poll: client(1, true), stop: client(retries, true) }
}

const makeControl = async (place: Place): Promise<BedrockAgentCoreControlClient> => {
  const { BedrockAgentCoreControlClient } = await import("@aws-sdk/client-bedrock-agentcore-control")
  return new BedrockAgentCoreControlClient({
    ...(await configOf(place)),
    maxAttempts: retries,
    requestHandler: sockets(true)
  })
}

const made = globalValue("agentdispatch/aws-agentcore/clients", () => ({
  data: new Map<string, Promise<Clients>>(),
  control: new Map<string, Promise<BedrockAgentCoreControlClient>>()
}))

const once = <A>(known: Map<string, Promise<A>>, place: Place, make: (place: Place) => Promise<A>): Effect.Effect<A> =>
  Effect.promise(() => {
    const key = JSON.stringify([place.region, place.endpoint, place.credentialSource])
    const found = known.get(key) ?? make(place)
    known.set(key, found)
    return found
  })

export const clientsOf = (place: Place): Effect.Effect<Clients> => once(made.data, place, makeData)

export const controlOf = (place: Place): Effect.Effect<BedrockAgentCoreControlClient> =>
  once(made.control, place, makeControl)

/** One call of the SDK; interrupting it destroys its socket. */
export const send = <A>(run: (options: { readonly abortSignal: AbortSignal }) => Promise<A>): Effect.Effect<A, Fault> =>
  Effect.tryPromise({ try: (abortSignal) => run({ abortSignal }), catch: faultOf })
