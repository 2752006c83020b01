import { createHash } from "node:crypto"
import { Effect, Option, Schema } from "effect"
import { encodeText, type JsonObject } from "../../src/domain/Json.js"
import type { RoutedRequest, Task } from "../../src/domain/Task.js"
import { Details, SettingInvalid } from "./Spec.generated.js"

export const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex")

/** Recomputable from the task alone, and as unguessable as its id. */
export const sessionIdOf = (taskId: string): string => `ad-${sha256(taskId).slice(0, 32)}`

/** A runtime's and its endpoint's name; the service allows no hyphen in it. */
export const resourceNameOf = (taskId: string): string => `adp_${sha256(taskId).slice(0, 12)}`

/** Whom to call, and as whom. */
export interface Place {
  /** Left to the SDK's own search (AWS_REGION, the profile) if absent. */
  readonly region?: string
  readonly endpoint?: string
  readonly credentialSource: string
}

export type Protocol = "http" | "a2a" | "mcp" | "ag-ui"
export type WorkerKind = "dispatch/1" | "prompt" | "a2a" | "command"

/** A request as this adapter understands it. */
export interface Plan {
  readonly details: Details
  readonly place: Place
  readonly protocol: Protocol
  /** How the far side is spoken to: as configured, or the service's own command operation. */
  readonly worker: WorkerKind
}

/** One session of one runtime. */
export interface Session {
  readonly runtimeArn: string
  readonly qualifier: string
  readonly sessionId: string
}

const arn = /^arn:aws(?:-[a-z-]+)?:bedrock-agentcore:([a-z0-9-]+):(\d{12}):runtime\/([A-Za-z][A-Za-z0-9_-]{0,110})$/

/** The parts of a runtime ARN, or nothing if it is none. */
export const readArn = (text: string): { readonly region: string; readonly id: string } | undefined => {
  const found = arn.exec(text)
  return found?.[1] === undefined || found[3] === undefined ? undefined : { region: found[1], id: found[3] }
}

export const textOf = (record: JsonObject, key: string): string | undefined => {
  const value = record[key]
  return typeof value === "string" && value.trim() !== "" ? value : undefined
}

export const instructionOf = (input: JsonObject): string | undefined => textOf(input, "instruction")

const isProtocol = Schema.is(Schema.Literal("http", "a2a", "mcp", "ag-ui"))

const protocolOf = (request: RoutedRequest, details: Details): Protocol => {
  const named = request.target.protocol ?? details.protocol ?? "http"
  return isProtocol(named) ? named : named === "agui" ? "ag-ui" : "http"
}

const workerOf = (request: RoutedRequest, details: Details, protocol: Protocol): WorkerKind => {
  if (details.worker === "dispatch/1") return "dispatch/1"
  if (request.taskType === "command.run") return "command"
  return details.worker ?? (protocol === "a2a" ? "a2a" : "prompt")
}

const regionOf = (request: RoutedRequest, details: Details): string | undefined =>
  details.region ?? textOf(request.account, "region") ?? readArn(details.runtimeArn ?? "")?.region

/** What the request means, without judging its settings; nothing if its details are not ours. */
export const readPlan = (request: RoutedRequest): Option.Option<Plan> =>
  Option.map(Schema.decodeUnknownOption(Details)(request.details), (details) => {
    const protocol = protocolOf(request, details)
    const region = regionOf(request, details)
    return {
      details,
      protocol,
      worker: workerOf(request, details, protocol),
      place: {
        ...(region === undefined ? {} : { region }),
        ...(details.endpoint === undefined ? {} : { endpoint: details.endpoint }),
        credentialSource: textOf(request.account, "credentialSource") ?? "aws-sdk-default"
      }
    }
  })

const loopback = new Set(["127.0.0.1", "localhost", "[::1]"])

const endpointProblem = (endpoint: string): string | undefined => {
  if (!URL.canParse(endpoint)) return `"${endpoint}" is not a URL`
  const { protocol, hostname } = new URL(endpoint)
  return protocol === "https:" || (protocol === "http:" && loopback.has(hostname))
    ? undefined
    : "only https, or http on this machine (127.0.0.1, localhost): requests carry signed credentials"
}

/** The longest an app that is not ours can be listened to, in seconds: without and with streaming. */
export const promptLimits = { whole: 15 * 60, streamed: 60 * 60 }

/** Every setting that cannot work, with its place; nothing is asked of AWS. */
export const problems = (request: RoutedRequest, { details, place, protocol, worker }: Plan) => {
  const found: Array<{ readonly path: string; readonly problem: string }> = []
  const at = (path: string, problem: string) => found.push({ path, problem })
  const arnParts = details.runtimeArn === undefined ? undefined : readArn(details.runtimeArn)
  if (request.target.mode === "session") {
    if (details.runtimeArn === undefined) at("runtimeArn", "is missing; name the runtime that sessions run on")
    else if (arnParts === undefined) {
      at(
        "runtimeArn",
        `"${details.runtimeArn}" is no runtime ARN; expected arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME`
      )
    } else if (place.region !== undefined && place.region !== arnParts.region) {
      at("region", `is ${place.region}, but the runtime is in ${arnParts.region}; make them agree`)
    }
  } else {
    if (details.ecrImageUri === undefined) at("ecrImageUri", "is missing; name the image a runtime is made from")
    if (details.executionRoleArn === undefined) at("executionRoleArn", "is missing; name the role it runs under")
    else if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(details.executionRoleArn)) {
      at("executionRoleArn", `"${details.executionRoleArn}" is no role ARN; expected arn:aws:iam::ACCOUNT:role/NAME`)
    }
    if (
      details.ecrImageUri !== undefined &&
      !/^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\/.+/.test(details.ecrImageUri)
    ) {
      at(
        "ecrImageUri",
        `"${details.ecrImageUri}" is no private ECR image; expected ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG`
      )
    }
    if (details.idleTimeoutSeconds > details.maxLifetimeSeconds) {
      at("idleTimeoutSeconds", "must not be above maxLifetimeSeconds")
    }
  }
  if (details.endpoint !== undefined) {
    const problem = endpointProblem(details.endpoint)
    if (problem !== undefined) at("endpoint", problem)
  }
  if (worker === "a2a" && protocol !== "a2a") at("worker", `is a2a, but the protocol is ${protocol}`)
  if (worker === "prompt" && protocol === "a2a")
    at("worker", "is prompt, but an A2A server takes JSON-RPC; set it to a2a")
  if (worker === "prompt" && (details.deadlineSeconds ?? 0) > promptLimits.streamed) {
    at(
      "deadlineSeconds",
      "is above 3600: the service ends an answer after 60 minutes; a dispatch/1 worker may run for hours"
    )
  }
  if (worker === "command" && (details.deadlineSeconds ?? 0) > 3600) {
    at("deadlineSeconds", "is above 3600, which is the most the service lets one command run")
  }
  if (worker === "dispatch/1" && (details.deadlineSeconds ?? 0) > details.maxLifetimeSeconds) {
    at("deadlineSeconds", `is above the session's own lifetime of ${details.maxLifetimeSeconds} s`)
  }
  if (!/^(aws-sdk-default|profile:\S.*|role:arn:aws[a-z-]*:iam::\d{12}:role\/.+)$/.test(place.credentialSource)) {
    at("credentialSource", `"${place.credentialSource}" is unknown; use aws-sdk-default, profile:NAME or role:ARN`)
  }
  return found
}

/** The plan of a request that can work. */
export const planOf = (request: RoutedRequest): Effect.Effect<Plan, SettingInvalid> =>
  Option.match(readPlan(request), {
    onNone: () => new SettingInvalid({ path: "details", problem: "do not fit aws-agentcore; look at the backend" }),
    onSome: (plan) => {
      const [first] = problems(request, plan)
      return first === undefined ? Effect.succeed(plan) : new SettingInvalid(first)
    }
  })

/** The session of a task: where it was started, else where it will be. */
export const sessionOf = (task: Pick<Task, "id" | "request" | "providerRefs">, { details }: Plan): Session => ({
  runtimeArn: textOf(task.providerRefs, "runtimeArn") ?? details.runtimeArn ?? "",
  qualifier: textOf(task.providerRefs, "qualifier") ?? details.qualifier ?? "DEFAULT",
  sessionId: sessionIdOf(task.id)
})

/** What the worker is told, as every AgentCore app gets it. */
export const payloadOf = ({ request }: Pick<Task, "request">) => {
  const prompt = instructionOf(request.input)
  const context = request.input["context"]
  return {
    taskType: request.taskType,
    input: request.input,
    metadata: request.metadata ?? {},
    ...(prompt === undefined ? {} : { prompt }),
    ...(context === undefined ? {} : { context })
  }
}

/** A stable idempotency token: 64 hex digits, as the service wants them. */
export const tokenOf = (...parts: ReadonlyArray<string>): string => sha256(encodeText(parts))

/** When the work must have ended, in seconds from its start. */
export const deadlineOf = ({ deadlineSeconds, maxLifetimeSeconds }: Details): number =>
  deadlineSeconds ?? Math.max(30, maxLifetimeSeconds - 120)
