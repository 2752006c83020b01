import { Either, ParseResult, Schema } from "effect"
import { invalid } from "./AwsError.js"

const says = (message: string) => ({ message: () => message })
const matching = (pattern: RegExp) =>
  Schema.String.pipe(Schema.pattern(pattern, says(`Member must satisfy regular expression pattern: ${pattern.source}`)))
const sized = (min: number, max: number) =>
  Schema.String.pipe(
    Schema.minLength(min, says(`Member must have length greater than or equal to ${min}`)),
    Schema.maxLength(max, says(`Member must have length less than or equal to ${max}`))
  )

export const ResourceName = matching(/^[a-zA-Z][a-zA-Z0-9_]{0,47}$/)
export const VersionNumber = matching(/^[1-9][0-9]{0,4}$/)
export const SessionId = sized(33, 256)
export const ClientToken = sized(33, 256).pipe(
  Schema.pattern(
    /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}$/,
    says("Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}")
  )
)
const RoleArn = matching(/^arn:aws(-[^:]+)?:iam::([0-9]{12})?:role\/.+$/)
const Description = sized(1, 4096)
const Lifetime = Schema.Int.pipe(Schema.between(60, 28_800, says("Member must be between 60 and 28800")))

const atMost = (count: number, what: string) => (members: object) =>
  Object.keys(members).length <= count ? undefined : `Member must have at most ${count} ${what}`

/** Keys are checked here, because a record's key schema would leave out what it does not match. */
const keysMatching = (pattern: RegExp) => (members: object) => {
  const bad = Object.keys(members).find((key) => !pattern.test(key))
  return bad === undefined ? undefined : `Key '${bad}' must satisfy regular expression pattern: ${pattern.source}`
}

export const Tags = Schema.Record({
  key: Schema.String,
  value: sized(0, 256).pipe(Schema.pattern(/^[a-zA-Z0-9\s._:/=+@-]*$/))
}).pipe(Schema.filter(atMost(50, "tags")), Schema.filter(keysMatching(/^[a-zA-Z0-9\s._:/=+@-]{1,128}$/)))

const Artifact = Schema.Union(
  Schema.Struct({
    containerConfiguration: Schema.Struct({
      containerUri: matching(/^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/.+$/)
    })
  }),
  Schema.Struct({
    codeConfiguration: Schema.Struct({
      code: Schema.Struct({
        s3: Schema.Struct({ bucket: Schema.String, prefix: Schema.String, versionId: Schema.optional(Schema.String) })
      }),
      runtime: Schema.Literal("PYTHON_3_10", "PYTHON_3_11", "PYTHON_3_12", "PYTHON_3_13", "PYTHON_3_14", "NODE_22"),
      entryPoint: Schema.Array(Schema.String)
    })
  })
)

const MountPath = matching(/^\/mnt\/[a-zA-Z0-9._-]+\/?$/)
const FileSystem = Schema.Union(
  Schema.Struct({ sessionStorage: Schema.Struct({ mountPath: MountPath }) }),
  Schema.Struct({ s3FilesAccessPoint: Schema.Struct({ accessPointArn: Schema.String, mountPath: MountPath }) }),
  Schema.Struct({ efsAccessPoint: Schema.Struct({ accessPointArn: Schema.String, mountPath: MountPath }) })
)

/** `x-amz-…` and `x-amzn-…` belong to the platform, but for the one prefix it leaves to apps. */
const AllowedHeader = Schema.String.pipe(
  Schema.filter((name) =>
    /^[A-Za-z0-9-]{1,256}$/.test(name) &&
    (!/^x-amzn?-/i.test(name) || /^x-amzn-bedrock-agentcore-runtime-custom-/i.test(name))
      ? undefined
      : `Header ${name} may not be allow-listed`
  )
)

const bytesOf = (variables: Readonly<Record<string, string>>) =>
  Object.entries(variables).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0)

const EnvironmentVariables = Schema.Record({ key: Schema.String, value: sized(0, 5000) }).pipe(
  Schema.filter(atMost(50, "variables")),
  Schema.filter(keysMatching(/^.{1,100}$/s)),
  Schema.filter((variables) => (bytesOf(variables) <= 4096 ? undefined : "Environment variables exceed 4 KB"))
)

const Lifecycle = Schema.Struct({
  idleRuntimeSessionTimeout: Schema.optional(Lifetime),
  maxLifetime: Schema.optional(Lifetime)
}).pipe(
  Schema.filter(({ idleRuntimeSessionTimeout: idle, maxLifetime: max }) =>
    idle === undefined || max === undefined || idle <= max
      ? undefined
      : "idleRuntimeSessionTimeout must be less than or equal to maxLifetime"
  )
)

const shared = {
  agentRuntimeArtifact: Artifact,
  roleArn: RoleArn,
  networkConfiguration: Schema.optional(
    Schema.Struct({ networkMode: Schema.Literal("PUBLIC", "VPC"), networkModeConfig: Schema.optional(Schema.Unknown) })
  ),
  clientToken: Schema.optional(ClientToken),
  description: Schema.optional(Description),
  authorizerConfiguration: Schema.optional(Schema.Struct({ customJWTAuthorizer: Schema.optional(Schema.Unknown) })),
  requestHeaderConfiguration: Schema.optional(
    Schema.Struct({
      requestHeaderAllowlist: Schema.optional(Schema.Array(AllowedHeader).pipe(Schema.minItems(1), Schema.maxItems(20)))
    })
  ),
  protocolConfiguration: Schema.optional(
    Schema.Struct({ serverProtocol: Schema.Literal("HTTP", "MCP", "A2A", "AGUI") })
  ),
  lifecycleConfiguration: Schema.optional(Lifecycle),
  environmentVariables: Schema.optional(EnvironmentVariables),
  filesystemConfigurations: Schema.optional(Schema.Array(FileSystem).pipe(Schema.maxItems(5))),
  platformVersion: Schema.optional(Schema.String)
}

export const CreateRuntimeBody = Schema.Struct({
  agentRuntimeName: ResourceName,
  ...shared,
  tags: Schema.optional(Tags)
})
export type CreateRuntimeBody = typeof CreateRuntimeBody.Type

export const UpdateRuntimeBody = Schema.Struct({
  ...shared,
  metadataConfiguration: Schema.optional(Schema.Struct({ requireMMDSV2: Schema.optional(Schema.Boolean) }))
})
export type UpdateRuntimeBody = typeof UpdateRuntimeBody.Type

export const CreateEndpointBody = Schema.Struct({
  name: ResourceName,
  agentRuntimeVersion: Schema.optional(VersionNumber),
  description: Schema.optional(sized(1, 256)),
  clientToken: Schema.optional(ClientToken),
  tags: Schema.optional(Tags)
})

export const UpdateEndpointBody = Schema.Struct({
  agentRuntimeVersion: Schema.optional(VersionNumber),
  description: Schema.optional(sized(1, 256)),
  clientToken: Schema.optional(ClientToken)
})

export const CommandBody = Schema.Struct({
  command: sized(1, 65_536),
  timeout: Schema.optional(Schema.Int.pipe(Schema.between(1, 3600, says("Member must be between 1 and 3600"))))
})

/** The value as the schema has it, or the service's ValidationException naming every member at fault. */
export const validate = <A, I>(schema: Schema.Schema<A, I>, value: unknown, at = ""): A =>
  Either.getOrThrowWith(Schema.decodeUnknownEither(schema, { errors: "all" })(value), (error) => {
    const faults = ParseResult.ArrayFormatter.formatErrorSync(error).map((issue) => ({
      name: [...(at === "" ? [] : [at]), ...issue.path.map(String)].join("."),
      message: issue.message
    }))
    const told = faults.map((fault) => `Value at '${fault.name}' failed to satisfy constraint: ${fault.message}`)
    return invalid(
      `${faults.length} validation error${faults.length === 1 ? "" : "s"} detected: ${told.join("; ")}`,
      faults
    )
  })
