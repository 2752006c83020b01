import { type Call } from "./Call.js"
import { conflict, notFound, quotaExceeded } from "./AwsError.js"
import { type Operation } from "./DataPlane.js"
import { page } from "./Page.js"
import { ClientToken, CreateEndpointBody, UpdateEndpointBody, validate } from "./RuntimeBody.js"
import { type Endpoint, type Runtime, refuseWhileBusy } from "./Runtimes.js"
import { settle } from "./Settle.js"
import { bodyFields, sendJson } from "./Wire.js"

const runtimeOf = ({ world, caller, path }: Call) => world.runtimes.find(caller.region, path[0] ?? "")

const endpointOf = (call: Call, runtime: Runtime): Endpoint => {
  const endpoint = runtime.endpoints.get(call.path[1] ?? "")
  if (endpoint === undefined) throw notFound(`Agent runtime '${runtime.id}' has no endpoint '${call.path[1] ?? ""}'`)
  return endpoint
}

const knownVersion = (runtime: Runtime, number: string) => {
  if (!runtime.versions.has(number)) throw notFound(`Agent runtime '${runtime.id}' has no version ${number}`)
  return number
}

const latestOf = (runtime: Runtime) => String(Math.max(...[...runtime.versions.keys()].map(Number)))

const full = (runtime: Runtime, endpoint: Endpoint) => ({
  name: endpoint.name,
  id: endpoint.id,
  agentRuntimeEndpointArn: endpoint.arn,
  agentRuntimeArn: runtime.arn,
  status: endpoint.status,
  createdAt: endpoint.createdAt,
  lastUpdatedAt: endpoint.lastUpdatedAt,
  liveVersion: endpoint.liveVersion,
  targetVersion: endpoint.targetVersion,
  description: endpoint.description,
  failureReason: endpoint.failureReason
})

const create = async (call: Call) => {
  const { world, caller } = call
  const runtime = runtimeOf(call)
  const body = validate(CreateEndpointBody, bodyFields(call.body))
  const scope = `CreateAgentRuntimeEndpoint ${caller.region} ${runtime.id}`
  const answer = await world.tokens.once(scope, body.clientToken, body, () => {
    refuseWhileBusy(runtime, `Agent runtime ${runtime.id}`)
    if (runtime.endpoints.has(body.name)) throw conflict(`Endpoint '${body.name}' already exists`)
    if (runtime.endpoints.size >= world.settings.limits.endpoints) throw quotaExceeded("Too many endpoints")
    const version = knownVersion(runtime, body.agentRuntimeVersion ?? latestOf(runtime))
    const endpoint = world.runtimes.addEndpoint(runtime, body.name, version, body.description, body.tags)
    settle(call, undefined, undefined, [endpoint], "create")
    return {
      targetVersion: version,
      agentRuntimeEndpointArn: endpoint.arn,
      agentRuntimeArn: runtime.arn,
      agentRuntimeId: runtime.id,
      endpointName: endpoint.name,
      status: endpoint.status,
      createdAt: endpoint.createdAt
    }
  })
  return () => sendJson(call.response, 202, answer)
}

const get = async (call: Call) => {
  const runtime = runtimeOf(call)
  const endpoint = endpointOf(call, runtime)
  return () => sendJson(call.response, 200, full(runtime, endpoint))
}

const update = async (call: Call) => {
  const { world, caller } = call
  const runtime = runtimeOf(call)
  const endpoint = endpointOf(call, runtime)
  const body = validate(UpdateEndpointBody, bodyFields(call.body))
  const scope = `UpdateAgentRuntimeEndpoint ${caller.region} ${endpoint.arn}`
  const answer = await world.tokens.once(scope, body.clientToken, body, () => {
    refuseWhileBusy(endpoint, `Endpoint ${endpoint.name}`)
    if (endpoint.name === "DEFAULT") throw conflict("The DEFAULT endpoint always serves the latest version")
    endpoint.targetVersion = knownVersion(runtime, body.agentRuntimeVersion ?? endpoint.targetVersion)
    endpoint.description = body.description ?? endpoint.description
    settle(call, undefined, undefined, [endpoint], "update")
    return full(runtime, endpoint)
  })
  return () => sendJson(call.response, 202, answer)
}

const remove = async (call: Call) => {
  const { world, caller } = call
  const [id = "", name = ""] = call.path
  const given = call.query.get("clientToken")
  const token = given === null ? undefined : validate(ClientToken, given, "clientToken")
  const scope = `DeleteAgentRuntimeEndpoint ${caller.region} ${id}`
  const answer = await world.tokens.once(scope, token, name, () => {
    const runtime = runtimeOf(call)
    const endpoint = endpointOf(call, runtime)
    if (name === "DEFAULT") throw conflict("The DEFAULT endpoint is deleted with its agent runtime")
    refuseWhileBusy(endpoint, `Endpoint ${name}`)
    settle(call, undefined, undefined, [endpoint], "delete", () => runtime.endpoints.delete(name))
    return { status: "DELETING", agentRuntimeId: runtime.id, endpointName: name }
  })
  return () => sendJson(call.response, 202, answer)
}

const list = async (call: Call) => {
  const runtime = runtimeOf(call)
  const all = [...runtime.endpoints.values()].map((endpoint) => full(runtime, endpoint))
  const { items: runtimeEndpoints, nextToken } = page(call.query, all)
  return () => sendJson(call.response, 200, { runtimeEndpoints, nextToken })
}

const one = /^\/runtimes\/([^/]+)\/runtime-endpoints\/([^/]+)\/$/
const several = /^\/runtimes\/([^/]+)\/runtime-endpoints\/$/

export const endpointOperations: ReadonlyArray<Operation> = [
  { op: "CreateAgentRuntimeEndpoint", method: "PUT", path: several, plane: "mutation", run: create },
  { op: "ListAgentRuntimeEndpoints", method: "POST", path: several, plane: "list", run: list },
  { op: "GetAgentRuntimeEndpoint", method: "GET", path: one, plane: "get", run: get },
  { op: "UpdateAgentRuntimeEndpoint", method: "PUT", path: one, plane: "mutation", run: update },
  { op: "DeleteAgentRuntimeEndpoint", method: "DELETE", path: one, plane: "mutation", run: remove }
]
