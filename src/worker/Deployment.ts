import { Effect, Schema } from "effect"
import { describe } from "./JobContext.js"
import { DeploymentInvalid } from "./WorkerError.js"

const Port = Schema.NumberFromString.pipe(Schema.int(), Schema.between(0, 65_535))

const Names = Schema.split(",").pipe(Schema.compose(Schema.Array(Schema.Trim)))

const Command = Schema.NonEmptyArray(Schema.String)

/** An argument vector; `interactive` keeps its stdin open for the answers to what it asks. */
const Program = Schema.Union(
  Command,
  Schema.Struct({ command: Command, interactive: Schema.optionalWith(Schema.Boolean, { default: () => false }) })
)

const Programs = Schema.parseJson(Schema.Record({ key: Schema.String.pipe(Schema.minLength(1)), value: Program }))

/** What concerns a single task as well, wherever it comes from. */
const Work = Schema.Struct({
  AGENTDISPATCH_WORKER_FRAMEWORKS: Schema.optionalWith(Programs, { default: () => ({}) }),
  /** AgentCore kills a session 15 s after it told it to stop. */
  AGENTDISPATCH_WORKER_GRACE_SECONDS: Schema.optionalWith(Schema.NumberFromString.pipe(Schema.between(0, 8)), {
    default: () => 5
  }),
  AGENTDISPATCH_AGENT_FRAMEWORK: Schema.optional(Schema.String)
})

const Environment = Schema.Struct({
  ...Work.fields,
  PORT: Schema.optionalWith(Port, { default: () => 8080 }),
  A2A_PORT: Schema.optionalWith(Port, { default: () => 9000 }),
  AGENTDISPATCH_WORKER_HOST: Schema.optionalWith(Schema.NonEmptyString, { default: () => "0.0.0.0" }),
  /** `http`, `a2a`, or both with a comma. */
  AGENTDISPATCH_WORKER_PROTOCOL: Schema.optionalWith(Names, { default: () => ["http", "a2a"] }),
  AGENTDISPATCH_COMMAND_ALLOWLIST: Schema.optionalWith(Names, { default: () => [] }),
  AGENTDISPATCH_ARTIFACT_DIR: Schema.optional(Schema.NonEmptyString),
  AGENTDISPATCH_JOURNAL_DIR: Schema.optional(Schema.NonEmptyString),
  /** Where callers reach this agent, for its card. */
  AGENTCORE_RUNTIME_URL: Schema.optional(Schema.NonEmptyString)
})

/** What whoever deploys the worker has decided, as its environment tells. */
export type Deployment = typeof Environment.Type

const served: ReadonlySet<string> = new Set(["http", "a2a"])

type Variables = Readonly<Record<string, string | undefined>>

/** Empty variables count as absent ones. */
const read = <A, I>(schema: Schema.Schema<A, I>, env: Variables) =>
  Schema.decodeUnknown(schema)(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")), {
    errors: "all"
  }).pipe(Effect.mapError((error) => new DeploymentInvalid({ problem: describe("", error) })))

export const readWork = (env: Variables) => read(Work, env)

export const readDeployment = (env: Variables) =>
  Effect.filterOrFail(
    read(Environment, env),
    ({ AGENTDISPATCH_WORKER_PROTOCOL: wanted }) => wanted.length > 0 && wanted.every((name) => served.has(name)),
    ({ AGENTDISPATCH_WORKER_PROTOCOL: wanted }) =>
      new DeploymentInvalid({
        problem: `AGENTDISPATCH_WORKER_PROTOCOL: expected http, a2a or both, got "${wanted.join(",")}"`
      })
  )
