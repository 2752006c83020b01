import { Effect, Either, Option } from "effect"
import type { RoutedRequest } from "../../src/domain/Task.js"
import type { Check } from "../../src/services/Adapter.js"
import { clientsOf } from "./Clients.js"
import { type Fault, failureOf, faultOf } from "./Faults.js"
import { type Plan, problems, readArn, readPlan, sessionIdOf } from "./Plan.js"
import { endpointStatus, runtimeStatus } from "./Runtimes.js"

const pass = (name: string, message: string): Check => ({ name, status: "pass", message })
const warn = (name: string, message: string): Check => ({ name, status: "warn", message })
const fail = (name: string, message: string): Check => ({ name, status: "fail", message })

const servers = { http: "HTTP", a2a: "A2A", mcp: "MCP", "ag-ui": "AGUI" } as const

/** Whether a request of this kind could run. Asks the control plane alone, so no session is made and nothing is billed. */
export const check = (request: RoutedRequest, live: boolean): Effect.Effect<ReadonlyArray<Check>> =>
  Option.match(readPlan(request), {
    onNone: () => Effect.succeed([fail("details", "do not fit aws-agentcore; look at the backend's details")]),
    onSome: (plan) =>
      Effect.gen(function* () {
        const own = settings(request, plan)
        if (!live || own.some(({ status }) => status === "fail")) return own
        const credentials = yield* identity(plan)
        if (credentials.status === "fail") return [...own, credentials]
        return [...own, credentials, ...(request.target.mode === "session" ? yield* runtimeChecks(plan) : [])]
      })
  })

const settings = (request: RoutedRequest, plan: Plan): ReadonlyArray<Check> => {
  const { details, place, protocol, worker } = plan
  const wrong = problems(request, plan).map(({ path, problem }) => fail(path, `${path} ${problem}`))
  const id = sessionIdOf("task_00000000000000000000000000")
  return [
    ...wrong,
    place.region === undefined
      ? warn("region", "is not configured; the SDK takes it from AWS_REGION or the profile")
      : pass("region", place.region),
    pass("worker", `${worker}, protocol ${protocol}`),
    pass("session_id", `${id.length} characters, as the service wants at least 33`),
    ...(request.target.mode === "session" ? sessionSettings(plan) : runtimeSettings(plan)),
    ...(details.endpoint === undefined ? [] : [warn("endpoint", `${details.endpoint} is used instead of AWS`)])
  ]
}

const sessionSettings = ({ details }: Plan): ReadonlyArray<Check> => {
  const arn = details.runtimeArn === undefined ? undefined : readArn(details.runtimeArn)
  if (arn === undefined || details.runtimeArn === undefined) return []
  return [
    /^[A-Za-z][A-Za-z0-9_]{0,99}-[A-Za-z0-9]{10}$/.test(arn.id)
      ? pass("runtime_arn", details.runtimeArn)
      : warn("runtime_arn", `"${arn.id}" does not look like a runtime id, which is a name, a hyphen and ten characters`)
  ]
}

const runtimeSettings = ({ details }: Plan): ReadonlyArray<Check> => [
  ...(details.ecrImageUri === undefined
    ? []
    : [pass("image", `${details.ecrImageUri} (must be built for linux/arm64)`)]),
  ...(details.executionRoleArn === undefined ? [] : [pass("role", details.executionRoleArn)])
]

/** Whose credentials they are, as far as can be told without showing them. */
const identity = ({ place }: Plan): Effect.Effect<Check> =>
  Effect.gen(function* () {
    const { poll } = yield* clientsOf(place)
    const found = yield* Effect.either(
      Effect.tryPromise({ try: () => poll.config.credentials(), catch: faultOf }).pipe(
        Effect.timeoutFail({
          duration: "10 seconds",
          onTimeout: () => faultOf({ name: "TimeoutError", message: "no credentials were found in 10 s" })
        })
      )
    )
    if (Either.isLeft(found))
      return fail(
        "credentials",
        `No AWS credentials were found for "${place.credentialSource}" (${found.left.detail}). Sign in, for example with aws sso login, or name a profile as profile:NAME.`
      )
    const { accessKeyId, expiration, accountId } = found.right
    const account = accountId === undefined ? "" : ` of account ${accountId}`
    const until = expiration === undefined ? "" : `, valid until ${expiration.toISOString()}`
    return pass("credentials", `${place.credentialSource}: access key …${accessKeyId.slice(-4)}${account}${until}`)
  })

const runtimeChecks = (plan: Plan): Effect.Effect<ReadonlyArray<Check>> =>
  Effect.gen(function* () {
    const { details, place, protocol } = plan
    const id = readArn(details.runtimeArn ?? "")?.id ?? ""
    const refused = (name: string, permission: string) => (fault: Fault) =>
      fault.kind === "denied"
        ? warn(name, `cannot be looked at: ${failureOf(fault, { place, permission, resource: id }).message}`)
        : fail(name, failureOf(fault, { place, permission, resource: id }).message)
    const runtime = yield* Effect.either(runtimeStatus(place, id))
    if (Either.isLeft(runtime)) return [refused("runtime", "GetAgentRuntime")(runtime.left)]
    if (runtime.right === undefined)
      return [
        fail("runtime", `${details.runtimeArn} does not exist in this region and account; check runtimeArn and region`)
      ]
    const { status, failureReason, protocolConfiguration, lifecycleConfiguration } = runtime.right
    const server = protocolConfiguration?.serverProtocol ?? "HTTP"
    const lifetime = lifecycleConfiguration?.maxLifetime
    const qualifier = details.qualifier ?? "DEFAULT"
    const endpoint = yield* Effect.either(endpointStatus(place, id, qualifier))
    return [
      stateCheck("runtime", status, failureReason),
      server === servers[protocol]
        ? pass("protocol", `the runtime speaks ${server}`)
        : fail("protocol", `the runtime speaks ${server}, but the backend's protocol is ${protocol}; make them agree`),
      ...(plan.worker === "dispatch/1" && lifetime !== undefined && lifetime < details.maxLifetimeSeconds
        ? [
            warn(
              "lifetime",
              `the runtime ends sessions after ${lifetime} s; set the backend's maxLifetimeSeconds to that`
            )
          ]
        : []),
      ...(plan.worker === "a2a" && details.a2aVersion === "1.0" && !allows(runtime.right.requestHeaderConfiguration)
        ? [
            fail(
              "headers",
              "A2A 1.0 needs A2A-Version in the runtime's requestHeaderAllowlist; without it the agent is spoken to as 0.3"
            )
          ]
        : []),
      Either.isLeft(endpoint)
        ? refused("endpoint", "GetAgentRuntimeEndpoint")(endpoint.left)
        : endpoint.right === undefined
          ? fail("endpoint", `the runtime has no endpoint "${qualifier}"; check qualifier`)
          : stateCheck("endpoint", endpoint.right.status, endpoint.right.failureReason)
    ]
  })

const allows = (
  headers: { readonly requestHeaderAllowlist?: ReadonlyArray<string> | undefined } | undefined
): boolean => headers?.requestHeaderAllowlist?.some((name) => name.toLowerCase() === "a2a-version") ?? false

const stateCheck = (name: string, status: string | undefined, reason: string | undefined): Check =>
  status === "READY"
    ? pass(name, "READY")
    : status === "UPDATING"
      ? warn(name, "UPDATING; sessions begin on the version before")
      : fail(
          name,
          `is ${status ?? "of unknown status"}${reason === undefined ? "" : `: ${reason}`}; wait for it, or deploy it again`
        )
