import { Effect, Option, ParseResult, Record, Schema } from "effect"
import type { AdapterSpec } from "./AdapterSpec.js"
import { ClusterConfig } from "./ClusterConfig.js"
import { Concurrency } from "./Concurrency.js"
import { ConfigInvalid, type ConfigIssue } from "./ConfigInvalid.js"
import { HttpConfig } from "./HttpConfig.js"
import { type Json, JsonObject } from "./Json.js"
import { LaneConfig } from "./LaneConfig.js"
import { missing, policyIssues } from "./PolicyChecks.js"
import { Policy } from "./PolicyConfig.js"
import { formatPath, schemaIssues } from "./SchemaIssues.js"
import { Retention } from "./RetentionConfig.js"
import { StoreConfig } from "./StoreConfig.js"
import { Target, TargetMode } from "./Task.js"
import { Terms } from "./Terms.js"

const NonBlank = Schema.String.pipe(Schema.filter((text) => text.trim() !== "" || "must not be blank"))
const Names = Schema.Array(NonBlank)

/** Exact, so that a wrong value is one issue and not a second one that asks for undefined. */
const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })

export const Account = Schema.Struct({
  provider: NonBlank,
  region: maybe(NonBlank),
  credentialSource: NonBlank,
  details: maybe(JsonObject)
})
export type Account = typeof Account.Type

export const Backend = Schema.Struct({
  adapter: NonBlank,
  account: NonBlank,
  provider: maybe(NonBlank),
  capability: maybe(NonBlank),
  details: maybe(JsonObject)
})
export type Backend = typeof Backend.Type

const Model = Schema.Union(NonBlank, JsonObject)

export const RuntimeProfile = Schema.Struct({
  provider: NonBlank,
  account: NonBlank,
  capability: NonBlank,
  backend: NonBlank,
  target: maybe(Target),
  protocol: maybe(NonBlank),
  framework: maybe(NonBlank),
  model: maybe(Model),
  runtimeTools: maybe(JsonObject),
  requiredInputs: maybe(Names),
  metadata: maybe(JsonObject),
  terms: maybe(Terms)
})
export type RuntimeProfile = typeof RuntimeProfile.Type

export const Defaults = Schema.Struct({
  runtime: maybe(NonBlank),
  accountProfile: maybe(NonBlank),
  provider: maybe(NonBlank),
  capability: maybe(NonBlank),
  backend: maybe(NonBlank),
  targetMode: maybe(TargetMode),
  protocol: maybe(NonBlank),
  framework: maybe(NonBlank),
  model: maybe(Model),
  runtimeTools: maybe(JsonObject),
  terms: maybe(Terms)
})
export type Defaults = typeof Defaults.Type

/** A group that repeats and holds something that repeats may take longer than anybody waits; so may a text that refers back. */
const patternFault = (source: string): string | undefined => {
  if (source.length > 512) return "is longer than 512 characters; make several patterns of it"
  if (/\((?:[^()\\]|\\.)*[*+}](?:[^()\\]|\\.)*\)[*+{]/.test(source) || /\\[1-9k]/.test(source)) {
    return "repeats a group that itself repeats something, or refers back to a group, which can take forever; write it without"
  }
  return Option.match(Option.liftThrowable(() => new RegExp(source, "g"))(), {
    onNone: () => "is no regular expression",
    onSome: (looks) => (looks.test("") ? "matches the empty text; say what the secret looks like" : undefined)
  })
}

export const RedactionRules = Schema.Struct({
  /** Regular expressions (JavaScript, no flags); each is matched within one line, or 4,096 characters of a longer one. */
  patterns: maybe(Schema.Array(NonBlank.pipe(Schema.filter((source) => patternFault(source) ?? true)))),
  /** The server's own variables whose values are secret though their names do not say so. */
  variables: maybe(Names)
})
export type RedactionRules = typeof RedactionRules.Type

const WaitSeconds = Schema.Number.pipe(Schema.between(0, 3_600))

/** How long one call may wait, in seconds, where the built-in table of clients does not fit. */
export const Waits = Schema.Struct({
  seconds: maybe(WaitSeconds),
  /** By the client's name, or its beginning. */
  clients: maybe(Schema.Record({ key: Schema.String, value: WaitSeconds }))
})
export type Waits = typeof Waits.Type

const named = <A, I>(value: Schema.Schema<A, I>) =>
  Schema.optionalWith(Schema.Record({ key: Schema.String, value }), { default: () => ({}), exact: true })

/** Everything an installation may be told; all keys are optional. */
export const Config = Schema.Struct({
  stateDir: maybe(NonBlank),
  store: maybe(StoreConfig),
  cluster: maybe(ClusterConfig),
  accounts: named(Account),
  backends: named(Backend),
  runtimes: named(RuntimeProfile),
  defaults: Schema.optionalWith(Defaults, { default: () => ({}), exact: true }),
  policy: Schema.optionalWith(Policy, { default: () => ({ rules: [] }), exact: true }),
  /** How many tasks may be under way at once; the others wait in the queue. */
  concurrency: maybe(Concurrency),
  waits: maybe(Waits),
  http: maybe(HttpConfig),
  redaction: maybe(RedactionRules),
  lanes: maybe(LaneConfig),
  retention: maybe(Retention)
})
export type Config = typeof Config.Type

const isRecord = Schema.is(JsonObject)
const validName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** What accounts, backends, runtime profiles and principals may be called. */
export const isName = (name: string): boolean => validName.test(name)

/** Names are checked before decoding, because a key such as `__proto__` does not survive being copied. */
const nameIssues = (raw: Json): ReadonlyArray<ConfigIssue> =>
  [["accounts"], ["backends"], ["runtimes"], ["policy", "prices"], ["http", "tokens"]].flatMap((section) => {
    const entries = section.reduce<Json | undefined>(
      (value, key) => (isRecord(value) && has(value, key) ? value[key] : undefined),
      raw
    )
    return isRecord(entries)
      ? Object.keys(entries)
          .filter((name) => !isName(name))
          .map((name) => ({
            path: `${section.join(".")}.${name}`,
            message:
              "is no valid name: begin with a letter or digit, then letters, digits, '.', '_' and '-', 128 at most"
          }))
      : []
  })

const issuesAt = (error: ParseResult.ParseIssue, prefix: ReadonlyArray<string>): ReadonlyArray<ConfigIssue> =>
  schemaIssues(error).map((issue) => ({ path: formatPath([...prefix, ...issue.path]), message: issue.message }))

const has = (record: Readonly<Record<string, unknown>>, name: string) => Object.hasOwn(record, name)

const referenceIssues = (config: Config, specs: ReadonlyArray<AdapterSpec>): ReadonlyArray<ConfigIssue> => {
  const issues: Array<ConfigIssue> = []
  const at = (path: string, message: string) => issues.push({ path, message })
  const accounts = Object.keys(config.accounts)
  const backends = Object.keys(config.backends)
  const adapters = specs.map((spec) => spec.name)

  for (const [name, account] of Object.entries(config.accounts)) {
    const owners = specs.filter((spec) => spec.provider === account.provider)
    const refusals = owners.map((spec) =>
      detailIssues(spec.accountDetails, account.details ?? {}, ["accounts", name, "details"])
    )
    if (refusals.every((refused) => refused.length > 0)) issues.push(...(refusals[0] ?? []))
  }

  for (const [name, backend] of Object.entries(config.backends)) {
    const path = `backends.${name}`
    const spec = specs.find((candidate) => candidate.name === backend.adapter)
    const account = has(config.accounts, backend.account) ? config.accounts[backend.account] : undefined
    if (account === undefined) at(`${path}.account`, missing("account", backend.account, accounts))
    if (spec === undefined) {
      at(`${path}.adapter`, missing("adapter", backend.adapter, adapters))
      continue
    }
    if (account !== undefined && account.provider !== spec.provider) {
      at(
        `${path}.account`,
        `belongs to provider "${account.provider}", but adapter "${spec.name}" needs "${spec.provider}"`
      )
    }
    if (backend.provider !== undefined && backend.provider !== spec.provider) {
      at(`${path}.provider`, `is "${backend.provider}", but adapter "${spec.name}" belongs to "${spec.provider}"`)
    }
    if (backend.capability !== undefined && backend.capability !== spec.capability) {
      at(`${path}.capability`, `is "${backend.capability}", but adapter "${spec.name}" offers "${spec.capability}"`)
    }
    issues.push(...detailIssues(spec.details, backend.details ?? {}, ["backends", name, "details"]))
  }

  for (const [name, profile] of Object.entries(config.runtimes)) {
    const path = `runtimes.${name}`
    const account = has(config.accounts, profile.account) ? config.accounts[profile.account] : undefined
    const backend = has(config.backends, profile.backend) ? config.backends[profile.backend] : undefined
    if (account === undefined) at(`${path}.account`, missing("account", profile.account, accounts))
    else if (account.provider !== profile.provider) {
      at(
        `${path}.provider`,
        `is "${profile.provider}", but account "${profile.account}" belongs to "${account.provider}"`
      )
    }
    if (backend === undefined) at(`${path}.backend`, missing("backend", profile.backend, backends))
    else if (backend.account !== profile.account) {
      at(`${path}.account`, `is "${profile.account}", but backend "${profile.backend}" uses "${backend.account}"`)
    }
    const spec = specs.find((candidate) => candidate.name === backend?.adapter)
    if (spec === undefined) continue
    if (profile.capability !== spec.capability) {
      at(`${path}.capability`, `is "${profile.capability}", but adapter "${spec.name}" offers "${spec.capability}"`)
    }
    const mode = profile.target?.mode
    if (mode !== undefined && !spec.targetModes.includes(mode)) {
      at(`${path}.target.mode`, `is "${mode}", but adapter "${spec.name}" offers ${spec.targetModes.join(", ")}`)
    }
    const own = profile.target?.details ?? {}
    const prefix = ["runtimes", name, "target", "details"]
    issues.push(
      ...detailIssues(spec.details, { ...backend?.details, ...own }, prefix).filter((issue) =>
        Object.keys(own).some((key) => issue.path.startsWith(formatPath([...prefix, key])))
      )
    )
  }

  const { defaults } = config
  const runtimes = Object.keys(config.runtimes)
  if (defaults.runtime !== undefined && !has(config.runtimes, defaults.runtime)) {
    at("defaults.runtime", missing("runtime", defaults.runtime, runtimes))
  }
  if (defaults.accountProfile !== undefined && !has(config.accounts, defaults.accountProfile)) {
    at("defaults.accountProfile", missing("account", defaults.accountProfile, accounts))
  }
  if (defaults.backend !== undefined && !has(config.backends, defaults.backend)) {
    at("defaults.backend", missing("backend", defaults.backend, backends))
  }
  issues.push(...policyIssues(config.policy, config, specs))
  return issues
}

const detailIssues = (
  schema: AdapterSpec["details"],
  details: JsonObject,
  prefix: ReadonlyArray<string>
): ReadonlyArray<ConfigIssue> => {
  const decoded = ParseResult.decodeUnknownEither(schema)(details, { errors: "all", onExcessProperty: "error" })
  return decoded._tag === "Right" ? [] : issuesAt(decoded.left, prefix)
}

const decode = Schema.decodeUnknown(Config, { errors: "all", onExcessProperty: "error" })

/** A config from its JSON value, every name in it resolved; `source` is how messages call it. */
export const fromJson = Effect.fn("config.fromJson")(function* (
  raw: Json,
  specs: ReadonlyArray<AdapterSpec>,
  source: string
) {
  const names = nameIssues(raw)
  if (names.length > 0) return yield* new ConfigInvalid({ source, issues: names })
  const config = yield* decode(raw).pipe(
    Effect.mapError((error) => new ConfigInvalid({ source, issues: issuesAt(error.issue, []) }))
  )
  const issues = referenceIssues(config, specs)
  return issues.length > 0 ? yield* new ConfigInvalid({ source, issues }) : config
})

/** A member by its own name; never something inherited such as `constructor`. */
export const lookup = <A>(record: { readonly [name: string]: A }, name: string): A | undefined =>
  Record.has(record, name) ? record[name] : undefined
