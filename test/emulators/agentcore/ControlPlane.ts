import { type Call } from "./Call.js"
import { conflict, invalid, notFound } from "./AwsError.js"
import { type Operation } from "./DataPlane.js"
import { endpointOperations } from "./Endpoints.js"
import { page } from "./Page.js"
import { settle } from "./Settle.js"
import { tagOperations } from "./TagOperations.js"
import { ClientToken, CreateRuntimeBody, UpdateRuntimeBody, validate } from "./RuntimeBody.js"
import { type Runtime, type Version, lifecycleOf, refuseWhileBusy } from "./Runtimes.js"
import { bodyFields, sendJson } from "./Wire.js"

const identity = (runtime: Runtime) => ({
  workloadIdentityDetails: {
    workloadIdentityArn: `${runtime.arn.split(":runtime/")[0]}:workload-identity-directory/default/workload-identity/${runtime.id}`
  }
})

const versionOf = (runtime: Runtime, number: string): Version => {
  const version = runtime.versions.get(number)
  if (version === undefined) throw notFound(`Agent runtime '${runtime.id}' has no version ${number}`)
  return version
}

export const latestOf = (runtime: Runtime) => String(Math.max(...[...runtime.versions.keys()].map(Number)))

export const runtimeOf = ({ world, caller, path }: Call) => world.runtimes.find(caller.region, path[0] ?? "")

const summary = (runtime: Runtime, number: string) => ({
  agentRuntimeArn: runtime.arn,
  agentRuntimeId: runtime.id,
  agentRuntimeVersion: number,
  agentRuntimeName: runtime.name,
  description: versionOf(runtime, number).config.description ?? "",
  lastUpdatedAt: runtime.lastUpdatedAt,
  status: runtime.status
})

const create = async (call: Call) => {
  const { world, caller } = call
  const body = validate(CreateRuntimeBody, bodyFields(call.body))
  const answer = await world.tokens.once(`CreateAgentRuntime ${caller.region}`, body.clientToken, body, () => {
    const runtime = world.runtimes.create(caller.region, body)
    settle(call, runtime, versionOf(runtime, "1"), [...runtime.endpoints.values()], "create")
    return {
      agentRuntimeArn: runtime.arn,
      agentRuntimeId: runtime.id,
      agentRuntimeVersion: "1",
      createdAt: runtime.createdAt,
      status: runtime.status,
      ...identity(runtime)
    }
  })
  return () => sendJson(call.response, 202, answer)
}

const get = async (call: Call) => {
  const runtime = runtimeOf(call)
  const number = call.query.get("version") ?? latestOf(runtime)
  const version = versionOf(runtime, number)
  const { idle, maxLifetime } = lifecycleOf(version)
  const { networkConfiguration, ...config } = version.config
  return () =>
    sendJson(call.response, 200, {
      ...config,
      ...summary(runtime, number),
      createdAt: runtime.createdAt,
      networkConfiguration: networkConfiguration ?? { networkMode: "PUBLIC" },
      lifecycleConfiguration: { idleRuntimeSessionTimeout: idle, maxLifetime },
      metadataConfiguration: { requireMMDSV2: runtime.requireMMDSV2 },
      ...(runtime.failureReason === undefined ? {} : { failureReason: runtime.failureReason }),
      ...identity(runtime)
    })
}

const update = async (call: Call) => {
  const { world, caller } = call
  const runtime = runtimeOf(call)
  const body = validate(UpdateRuntimeBody, bodyFields(call.body))
  const scope = `UpdateAgentRuntime ${caller.region} ${runtime.id}`
  const answer = await world.tokens.once(scope, body.clientToken, body, () => {
    refuseWhileBusy(runtime, `Agent runtime ${runtime.id}`)
    const { clientToken: _token, metadataConfiguration, ...config } = body
    const number = String(Number(latestOf(runtime)) + 1)
    runtime.versions.set(number, { number, config, createdAt: world.clock.iso() })
    runtime.requireMMDSV2 = metadataConfiguration?.requireMMDSV2 ?? runtime.requireMMDSV2
    const followers = [...runtime.endpoints.values()].filter(({ name }) => name === "DEFAULT")
    for (const endpoint of followers) endpoint.targetVersion = number
    settle(call, runtime, versionOf(runtime, number), followers, "update")
    return {
      agentRuntimeArn: runtime.arn,
      agentRuntimeId: runtime.id,
      agentRuntimeVersion: number,
      createdAt: runtime.createdAt,
      lastUpdatedAt: runtime.lastUpdatedAt,
      status: runtime.status,
      ...identity(runtime)
    }
  })
  return () => sendJson(call.response, 202, answer)
}

const deleteVersion = (runtime: Runtime, number: string) => {
  versionOf(runtime, number)
  const users = [...runtime.endpoints.values()].filter(({ targetVersion }) => targetVersion === number)
  if (users.length > 0) throw conflict(`Version ${number} is used by endpoint ${users[0]?.name ?? ""}`)
  runtime.versions.delete(number)
}

const remove = async (call: Call) => {
  const { world, caller, query } = call
  const id = call.path[0] ?? ""
  const given = query.get("clientToken")
  const token = given === null ? undefined : validate(ClientToken, given, "clientToken")
  const version = query.get("version")
  const scope = `DeleteAgentRuntime ${caller.region} ${id}`
  const answer = await world.tokens.once(scope, token, [id, version], () => {
    const runtime = runtimeOf(call)
    refuseWhileBusy(runtime, `Agent runtime ${runtime.id}`)
    for (const endpoint of runtime.endpoints.values()) refuseWhileBusy(endpoint, `Endpoint ${endpoint.name}`)
    if (version !== null) {
      deleteVersion(runtime, version)
      return { status: "DELETING", agentRuntimeId: id, agentRuntimeVersion: version }
    }
    if (runtime.endpoints.size > 1) throw conflict(`Agent runtime ${id} still has endpoints besides DEFAULT`)
    settle(call, runtime, undefined, [...runtime.endpoints.values()], "delete")
    return { status: "DELETING", agentRuntimeId: id }
  })
  return () => sendJson(call.response, 202, answer)
}

const list = async (call: Call) => {
  const items = call.world.runtimes.list(call.caller.region).map((runtime) => summary(runtime, latestOf(runtime)))
  const { items: agentRuntimes, nextToken } = page(call.query, items)
  return () => sendJson(call.response, 200, { agentRuntimes, nextToken })
}

const listVersions = async (call: Call) => {
  const runtime = runtimeOf(call)
  const numbers = [...runtime.versions.keys()].toSorted((a, b) => Number(b) - Number(a))
  const { items: agentRuntimes, nextToken } = page(
    call.query,
    numbers.map((number) => summary(runtime, number))
  )
  return () => sendJson(call.response, 200, { agentRuntimes, nextToken })
}

const unsupported = async () => {
  throw invalid("Capacity providers are not part of this emulator")
}

export const controlPlane: ReadonlyArray<Operation> = [
  { op: "CreateAgentRuntime", method: "PUT", path: /^\/runtimes\/$/, plane: "mutation", run: create },
  { op: "ListAgentRuntimes", method: "POST", path: /^\/runtimes\/$/, plane: "list", run: list },
  { op: "GetAgentRuntime", method: "GET", path: /^\/runtimes\/([^/]+)\/$/, plane: "get", run: get },
  { op: "UpdateAgentRuntime", method: "PUT", path: /^\/runtimes\/([^/]+)\/$/, plane: "mutation", run: update },
  { op: "DeleteAgentRuntime", method: "DELETE", path: /^\/runtimes\/([^/]+)\/$/, plane: "mutation", run: remove },
  {
    op: "ListAgentRuntimeVersions",
    method: "POST",
    path: /^\/runtimes\/([^/]+)\/versions\/$/,
    plane: "list",
    run: listVersions
  },
  ...endpointOperations,
  ...tagOperations,
  { op: "CapacityProviders", method: "*", path: /^\/capacity-providers/, plane: "get", run: unsupported }
]
