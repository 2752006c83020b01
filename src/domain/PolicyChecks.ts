import { Effect, Schema } from "effect"
import type { AdapterSpec } from "./AdapterSpec.js"
import type { Config } from "./Config.js"
import { ConfigInvalid, type ConfigIssue } from "./ConfigInvalid.js"
import { type Json, JsonObject } from "./Json.js"
import { suggestion } from "./Nearest.js"
import { Policy } from "./PolicyConfig.js"
import { formatPath, schemaIssues } from "./SchemaIssues.js"

type Named = Pick<Config, "accounts" | "backends" | "runtimes">

/** Names in a policy that stand for nothing that is configured, and names that two rules have. */
export const policyIssues = (
  policy: Policy,
  { accounts, backends, runtimes }: Named,
  specs: ReadonlyArray<AdapterSpec>
): ReadonlyArray<ConfigIssue> => {
  const issues: Array<ConfigIssue> = []
  const knows = (path: string, kind: string, names: ReadonlyArray<string>, known: ReadonlyArray<string>) => {
    for (const name of names) if (!known.includes(name)) issues.push({ path, message: missing(kind, name, known) })
  }
  const first = new Map<string, number>()
  policy.rules.forEach((rule, index) => {
    const path = `policy.rules.${index}`
    knows(`${path}.accountProfiles`, "account", rule.accountProfiles ?? [], Object.keys(accounts))
    knows(`${path}.runtimes`, "runtime", rule.runtimes ?? [], Object.keys(runtimes))
    const earlier = rule.name === undefined ? undefined : first.get(rule.name)
    if (earlier !== undefined) {
      issues.push({
        path: `${path}.name`,
        message: `is the name of policy.rules.${earlier} as well; each rule needs its own`
      })
    } else if (rule.name !== undefined) first.set(rule.name, index)
  })
  // A backend that nobody configured goes by the name of its adapter.
  const backendNames = [...Object.keys(backends), ...specs.map((spec) => spec.name)]
  knows("policy.prices", "backend", Object.keys(policy.prices ?? {}), backendNames)
  return issues
}

/** What a message says of a name that stands for nothing. */
export const missing = (kind: string, name: string, known: ReadonlyArray<string>): string =>
  `names ${kind} "${name}", which is not configured.${suggestion(name, known)} Known: ${known.join(", ") || "none"}`

const isObject = Schema.is(JsonObject)
const decode = Schema.decodeUnknown(Policy, { errors: "all", onExcessProperty: "error" })

/** Whether a file holds a policy by itself and not a config that has one. */
export const isPolicyAlone = (raw: Json): boolean =>
  isObject(raw) && Object.keys(raw).some((key) => Object.hasOwn(Policy.fields, key))

/** A policy by itself, for an installation as it is configured; `source` is how messages call it. */
export const policyFromJson = Effect.fn("policy.fromJson")(function* (
  raw: Json,
  config: Named,
  specs: ReadonlyArray<AdapterSpec>,
  source: string
) {
  const policy = yield* decode(raw).pipe(
    Effect.mapError(
      ({ issue }) =>
        new ConfigInvalid({
          source,
          issues: schemaIssues(issue).map(({ message, path }) => ({ path: formatPath(path), message }))
        })
    )
  )
  const issues = policyIssues(policy, config, specs)
  return issues.length > 0 ? yield* new ConfigInvalid({ source, issues }) : policy
})
