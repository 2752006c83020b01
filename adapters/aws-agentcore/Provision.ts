import type { CreateAgentRuntimeCommandInput } from "@aws-sdk/client-bedrock-agentcore-control"
import { Clock, Effect } from "effect"
import { encodeText, type JsonObject } from "../../src/domain/Json.js"
import type { Resource, Task } from "../../src/domain/Task.js"
import type { AdapterFailure, Progress } from "../../src/services/Adapter.js"
import { controlOf, controlSdk, send } from "./Clients.js"
import { describe } from "./Describe.js"
import { type Fault, failureOf } from "./Faults.js"
import { type Plan, type Protocol, resourceNameOf, sessionIdOf, tokenOf } from "./Plan.js"
import { findRuntime } from "./Runtimes.js"
import { RuntimeFailed, RuntimeStuck } from "./Spec.generated.js"

const protocols: Record<Protocol, "HTTP" | "A2A" | "MCP" | "AGUI"> = {
  http: "HTTP",
  a2a: "A2A",
  mcp: "MCP",
  "ag-ui": "AGUI"
}

/** All that will be made for a task, on record before any of it is. */
export const intended = (task: Task, { details, place }: Plan): ReadonlyArray<Resource> => {
  const name = resourceNameOf(task.id)
  const sessionId = sessionIdOf(task.id)
  const made = task.request.target.mode === "runtime"
  const where: JsonObject = made ? { name } : { runtimeArn: details.runtimeArn ?? "" }
  const qualifier = made ? name : (details.qualifier ?? "DEFAULT")
  const region: JsonObject = place.region === undefined ? {} : { region: place.region }
  const resource = (key: string, ref: JsonObject): Resource => ({
    key,
    kind: `aws.agentcore.${key}`,
    ref: { ...region, ...ref },
    state: "intended"
  })
  return [
    ...(made ? [resource("runtime", { name }), resource("endpoint", { name })] : []),
    resource("session", { ...where, qualifier, sessionId })
  ]
}

/** The same for the same task, so that asking again after a crash makes nothing new. */
const wanted = (task: Task, { details, protocol }: Plan): Omit<CreateAgentRuntimeCommandInput, "clientToken"> => ({
  agentRuntimeName: resourceNameOf(task.id),
  description: `Made by agentdispatch for one task at ${new Date(task.createdAt).toISOString()}.`,
  agentRuntimeArtifact: { containerConfiguration: { containerUri: details.ecrImageUri ?? "" } },
  roleArn: details.executionRoleArn ?? "",
  networkConfiguration:
    details.subnets === undefined
      ? { networkMode: "PUBLIC" }
      : {
          networkMode: "VPC",
          networkModeConfig: { subnets: [...details.subnets], securityGroups: [...(details.securityGroups ?? [])] }
        },
  protocolConfiguration: { serverProtocol: protocols[protocol] },
  ...(protocol === "a2a" && details.a2aVersion === "1.0"
    ? { requestHeaderConfiguration: { requestHeaderAllowlist: ["A2A-Version"] } }
    : {}),
  lifecycleConfiguration: {
    idleRuntimeSessionTimeout: details.idleTimeoutSeconds,
    maxLifetime: details.maxLifetimeSeconds
  },
  environmentVariables: { ...details.environmentVariables, AGENTDISPATCH_WORKER_PROTOCOL: protocol },
  tags: {
    "agentdispatch:managed-by": "agentdispatch",
    "agentdispatch:created-at": new Date(task.createdAt).toISOString(),
    "agentdispatch:expires-at": new Date(task.createdAt + details.keepRuntimeHours * 3_600_000).toISOString()
  }
})

interface Status {
  readonly status?: string | undefined
  readonly failureReason?: string | undefined
}

/** Looks until it is ready, by our own deadline: the service has been seen to stay CREATING. */
const ready = <A extends Status>(
  resource: string,
  look: Effect.Effect<A, AdapterFailure>,
  seconds: number
): Effect.Effect<A, AdapterFailure> =>
  Effect.gen(function* () {
    const until = (yield* Clock.currentTimeMillis) + seconds * 1000
    for (let pause = 100; ; pause = Math.min(5_000, pause * 1.5)) {
      const found = yield* look
      const status = found.status ?? "of unknown status"
      if (status === "READY") return found
      if (status.endsWith("_FAILED") || status === "DELETING")
        return yield* new RuntimeFailed({ resource, status, reason: found.failureReason ?? "no reason was given" })
      if ((yield* Clock.currentTimeMillis) > until) return yield* new RuntimeStuck({ resource, status, seconds })
      yield* Effect.sleep(pause)
    }
  })

/** Makes the runtime and its endpoint, or finds those that an interrupted attempt has made. */
export const provision = (task: Task, plan: Plan): Effect.Effect<Progress, AdapterFailure> =>
  Effect.gen(function* () {
    const name = resourceNameOf(task.id)
    const control = yield* controlOf(plan.place)
    const sdk = yield* controlSdk
    const failing = (permission: string) =>
      Effect.mapError((fault: Fault) => failureOf(fault, { place: plan.place, permission, resource: name }))
    const seconds = plan.details.readyTimeoutSeconds

    const input = wanted(task, plan)
    const create = new sdk.CreateAgentRuntimeCommand({
      ...input,
      clientToken: tokenOf("runtime", name, encodeText(plain(input)))
    })
    const { id } = yield* send((options) => control.send(create, options)).pipe(
      Effect.map(({ agentRuntimeId }) => ({ id: agentRuntimeId ?? "" })),
      Effect.catchIf(
        ({ kind }) => kind === "conflict",
        (fault) =>
          Effect.flatMap(findRuntime(plan.place, name), (found) =>
            found === undefined ? fault : Effect.succeed(found)
          )
      ),
      failing("CreateAgentRuntime")
    )
    const runtime = yield* ready(
      `Runtime ${name}`,
      send((options) => control.send(new sdk.GetAgentRuntimeCommand({ agentRuntimeId: id }), options)).pipe(
        failing("GetAgentRuntime")
      ),
      seconds
    )

    const createEndpoint = new sdk.CreateAgentRuntimeEndpointCommand({
      agentRuntimeId: id,
      name,
      clientToken: tokenOf("endpoint", id, name)
    })
    yield* send((options) => control.send(createEndpoint, options)).pipe(
      Effect.catchIf(
        ({ kind }) => kind === "conflict",
        () => Effect.void
      ),
      failing("CreateAgentRuntimeEndpoint")
    )
    yield* ready(
      `Endpoint ${name}`,
      send((options) =>
        control.send(new sdk.GetAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: name }), options)
      ).pipe(failing("GetAgentRuntimeEndpoint")),
      seconds
    )

    const providerRefs: JsonObject = {
      runtimeArn: runtime.agentRuntimeArn ?? "",
      runtimeId: id,
      qualifier: name,
      sessionId: sessionIdOf(task.id)
    }
    const cloudAgent = describe(task, providerRefs)
    return {
      providerRefs,
      ...(cloudAgent === undefined ? {} : { cloudAgent }),
      resources: intended(task, plan).map((resource) => ({
        ...resource,
        ref: { ...resource.ref, runtimeId: id, runtimeArn: runtime.agentRuntimeArn ?? "" },
        state: resource.key === "session" ? resource.state : "created"
      })),
      entries: [{ type: "runtime.provisioned", payload: { runtimeArn: runtime.agentRuntimeArn ?? "", endpoint: name } }]
    }
  })

/** The input as plain JSON, for its digest. */
const plain = (input: object): string => JSON.stringify(input)
