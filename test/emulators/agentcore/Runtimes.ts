import { randomBytes } from "node:crypto"
import { conflict, invalid, notFound, quotaExceeded } from "./AwsError.js"
import { type EmulatedClock } from "./EmulatedClock.js"
import { type SeedRuntime, type Settings } from "./Options.js"
import { type CreateRuntimeBody, type UpdateRuntimeBody } from "./RuntimeBody.js"

export type Status =
  | "CREATING"
  | "CREATE_FAILED"
  | "UPDATING"
  | "UPDATE_FAILED"
  | "READY"
  | "DELETING"
  | "DELETE_FAILED"

/** A runtime's configuration at one version; never changed once made. */
export interface Version {
  readonly number: string
  readonly config: Omit<UpdateRuntimeBody, "clientToken" | "metadataConfiguration">
  readonly createdAt: string
}

export interface Endpoint {
  readonly name: string
  readonly id: string
  readonly arn: string
  readonly createdAt: string
  lastUpdatedAt: string
  status: Status
  liveVersion: string | undefined
  targetVersion: string
  description: string | undefined
  failureReason: string | undefined
  tags: Record<string, string>
}

export interface Runtime {
  readonly id: string
  readonly name: string
  readonly arn: string
  readonly region: string
  readonly createdAt: string
  readonly versions: Map<string, Version>
  readonly endpoints: Map<string, Endpoint>
  lastUpdatedAt: string
  status: Status
  failureReason: string | undefined
  requireMMDSV2: boolean
  tags: Record<string, string>
}

const alphanumerics = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
export const tenAlphanumerics = () =>
  Array.from(randomBytes(10), (byte) => alphanumerics.charAt(byte % alphanumerics.length)).join("")

const busy: ReadonlyArray<Status> = ["CREATING", "UPDATING", "DELETING"]

/** Changes are refused until the last one has come to its end. */
export const refuseWhileBusy = (thing: { readonly status: Status }, name: string) => {
  if (busy.includes(thing.status)) throw conflict(`${name} is in status ${thing.status} and cannot be changed now`)
}

/** Every runtime of the account, in all regions. */
export class Runtimes {
  private readonly all = new Map<string, Runtime>()

  constructor(
    private readonly clock: EmulatedClock,
    private readonly settings: Settings
  ) {}

  list(region?: string): ReadonlyArray<Runtime> {
    return [...this.all.values()].filter((runtime) => region === undefined || runtime.region === region)
  }

  remove(runtime: Runtime) {
    this.all.delete(runtime.arn)
  }

  arnOf(region: string, id: string) {
    return `arn:aws:bedrock-agentcore:${region}:${this.settings.accountId}:runtime/${id}`
  }

  find(region: string, id: string): Runtime {
    const runtime = this.all.get(this.arnOf(region, id))
    if (runtime === undefined) throw notFound(`Agent runtime with id '${id}' was not found`)
    return runtime
  }

  /** What the data plane's path names: an ARN, or a bare id beside `?accountId=`. */
  resolve(region: string, reference: string, accountId: string | undefined): Runtime {
    if (!reference.startsWith("arn:")) {
      if (!/^[a-zA-Z][a-zA-Z0-9_-]*$/.test(reference))
        throw invalid(`Value at 'agentRuntimeArn' is malformed: ${reference}`)
      if (accountId === undefined) throw invalid("accountId is required when agentRuntimeArn is an agent id")
      if (accountId !== this.settings.accountId) throw notFound(`No agent '${reference}' in account ${accountId}`)
      return this.find(region, reference)
    }
    const parts = /^arn:aws(?:-[^:]+)?:bedrock-agentcore:([a-z0-9-]+):(\d{12}):runtime\/([a-zA-Z][a-zA-Z0-9_-]*)$/.exec(
      reference
    )
    if (parts === null) throw invalid(`Value at 'agentRuntimeArn' is malformed: ${reference}`)
    const runtime = parts[1] === region ? this.all.get(reference) : undefined
    if (runtime === undefined)
      throw notFound(`No endpoint or agent found with qualifier 'DEFAULT' for agent '${reference}'`)
    return runtime
  }

  create(region: string, body: CreateRuntimeBody, seed?: SeedRuntime): Runtime {
    const { agentRuntimeName: name, clientToken: _token, tags, ...config } = body
    if (this.list(region).some((runtime) => runtime.name === name))
      throw conflict(`An agent runtime with the name '${name}' already exists`)
    if (this.list(region).length >= this.settings.limits.runtimes) throw quotaExceeded("Too many agent runtimes")
    const id = seed?.agentRuntimeId ?? `${name}-${tenAlphanumerics()}`
    const now = this.clock.iso()
    const runtime: Runtime = {
      id,
      name,
      arn: this.arnOf(region, id),
      region,
      createdAt: now,
      lastUpdatedAt: now,
      versions: new Map([["1", { number: "1", config, createdAt: now }]]),
      endpoints: new Map(),
      status: "CREATING",
      failureReason: undefined,
      requireMMDSV2: seed?.requireMMDSV2 ?? true,
      tags: { ...tags }
    }
    this.all.set(runtime.arn, runtime)
    this.addEndpoint(runtime, "DEFAULT", "1")
    return runtime
  }

  addEndpoint(
    runtime: Runtime,
    name: string,
    version: string,
    description?: string,
    tags?: Readonly<Record<string, string>>
  ) {
    const now = this.clock.iso()
    const endpoint: Endpoint = {
      name,
      id: name,
      arn: `${runtime.arn}/runtime-endpoint/${name}`,
      createdAt: now,
      lastUpdatedAt: now,
      status: "CREATING",
      liveVersion: undefined,
      targetVersion: version,
      description,
      failureReason: undefined,
      tags: { ...tags }
    }
    runtime.endpoints.set(name, endpoint)
    return endpoint
  }

  seed(seed: SeedRuntime): Runtime {
    const runtime = this.create(
      seed.region ?? this.settings.region,
      {
        agentRuntimeName: seed.agentRuntimeName,
        agentRuntimeArtifact: {
          containerConfiguration: {
            containerUri: seed.containerUri ?? `${this.settings.accountId}.dkr.ecr.us-east-1.amazonaws.com/worker:1`
          }
        },
        roleArn: `arn:aws:iam::${this.settings.accountId}:role/agent`,
        networkConfiguration: { networkMode: "PUBLIC" },
        protocolConfiguration: { serverProtocol: seed.serverProtocol ?? "HTTP" },
        lifecycleConfiguration: {
          ...(seed.idleRuntimeSessionTimeout === undefined
            ? {}
            : { idleRuntimeSessionTimeout: seed.idleRuntimeSessionTimeout }),
          ...(seed.maxLifetime === undefined ? {} : { maxLifetime: seed.maxLifetime })
        },
        ...(seed.requestHeaderAllowlist === undefined
          ? {}
          : { requestHeaderConfiguration: { requestHeaderAllowlist: seed.requestHeaderAllowlist } }),
        ...(seed.environmentVariables === undefined ? {} : { environmentVariables: seed.environmentVariables }),
        ...(seed.sessionStorage === undefined
          ? {}
          : { filesystemConfigurations: [{ sessionStorage: { mountPath: seed.sessionStorage } }] }),
        ...(seed.platformVersion === undefined ? {} : { platformVersion: seed.platformVersion }),
        ...(seed.tags === undefined ? {} : { tags: seed.tags })
      },
      seed
    )
    runtime.status = "READY"
    for (const endpoint of runtime.endpoints.values()) {
      endpoint.status = "READY"
      endpoint.liveVersion = endpoint.targetVersion
    }
    return runtime
  }
}

/** The seconds a session may idle and live; only a short maxLifetime given stands for both. */
export const lifecycleOf = (version: Version) => {
  const given = version.config.lifecycleConfiguration
  const maxLifetime = given?.maxLifetime ?? 28_800
  return { maxLifetime, idle: given?.idleRuntimeSessionTimeout ?? Math.min(900, maxLifetime) }
}

export const protocolOf = (version: Version) => version.config.protocolConfiguration?.serverProtocol ?? "HTTP"

export const isV2 = (version: Version) => /^v?2/i.test(version.config.platformVersion ?? "")
