import { accessSync, constants, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path"
import { Effect, Either, Redacted } from "effect"
import type { AdapterSpec } from "../domain/AdapterSpec.js"
import { agentClis, builtIn } from "../domain/BuiltIn.js"
import { isPort } from "../domain/ClusterConfig.js"
import { type Backend, type Config, fromJson } from "../domain/Config.js"
import { ConfigInvalid } from "../domain/ConfigInvalid.js"
import { decodeText } from "../domain/Json.js"
import { jsonFault } from "../domain/JsonFault.js"
import type { Retention } from "../domain/RetentionConfig.js"
import { urlFault } from "../domain/StoreConfig.js"

export interface Origin {
  /** `--config`, if given; else `AGENTDISPATCH_CONFIG`, else nothing: the built-in profiles. */
  readonly path?: string | undefined
  readonly specs: ReadonlyArray<AdapterSpec>
  readonly worker: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** The settings of this process and its state folder. A config is never picked up from the working folder by itself. */
export const load = Effect.fn("settings.load")(function* (origin: Origin) {
  const { environment } = origin
  const path = origin.path ?? filled(environment["AGENTDISPATCH_CONFIG"])
  const source = path === undefined ? "the built-in profiles" : resolve(origin.cwd, path)
  const written = path === undefined ? zeroConfig(origin) : yield* read(source, origin)
  const config = yield* withCluster(yield* withStore(written, source, origin), source, origin)
  const base = path === undefined ? origin.cwd : dirname(source)
  return {
    settings: { config: withWaits(withFolders(config, origin, base), origin), source, environment: answers(origin) },
    stateDir: stateFolder(config, environment, base)
  }
})

/** The environment of one client's server is nearer to that client than a config it shares; what is no number says nothing. */
const withWaits = (config: Config, { environment }: Origin): Config => {
  const seconds = Number(filled(environment["AGENTDISPATCH_WAIT_SECONDS"]) ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? { ...config, waits: { ...config.waits, seconds } } : config
}

const databaseVariable = "AGENTDISPATCH_DATABASE_URL"

/** A URL in the environment is a wish for that database, whatever the config says. */
const withStore = Effect.fn("settings.store")(function* (config: Config, source: string, { environment }: Origin) {
  const url = filled(environment[databaseVariable])
  const refuse = (from: string, path: string, message: string) =>
    new ConfigInvalid({ source: from, issues: [{ path, message }] })
  if (url !== undefined) {
    const fault = urlFault(url)
    if (fault !== undefined) return yield* refuse("the environment", databaseVariable, fault)
    return { ...config, store: { ...config.store, kind: "postgres" as const, url: Redacted.make(url) } }
  }
  return config.store?.kind === "postgres" && config.store.url === undefined
    ? yield* refuse(source, "store.url", `is missing; write it, or set ${databaseVariable}`)
    : config
})

/** One config is the same for all machines of a team, and each has an address of its own. */
const withCluster = Effect.fn("settings.cluster")(function* (config: Config, source: string, { environment }: Origin) {
  const [host, port] = [
    filled(environment["AGENTDISPATCH_CLUSTER_HOST"]),
    filled(environment["AGENTDISPATCH_CLUSTER_PORT"])
  ]
  const refuse = (from: string, path: string, message: string) =>
    new ConfigInvalid({ source: from, issues: [{ path, message }] })
  if (port !== undefined && !isPort(Number(port)))
    return yield* refuse("the environment", "AGENTDISPATCH_CLUSTER_PORT", "must be a whole number from 1 to 65535")
  const address = host ?? config.cluster?.host
  if (address === undefined) return config
  if (config.store?.kind !== "postgres")
    return yield* refuse(source, "cluster", `needs the database of a team; set ${databaseVariable}, or write store.url`)
  return {
    ...config,
    cluster: { ...config.cluster, host: address, ...(port === undefined ? {} : { port: Number(port) }) }
  }
})

const filled = (text: string | undefined): string | undefined =>
  text === undefined || text.trim() === "" ? undefined : text

const read = Effect.fn("settings.read")(function* (source: string, { specs }: Origin) {
  const refuse = (message: string) => new ConfigInvalid({ source, issues: [{ path: "", message }] })
  const text = yield* Effect.try({
    try: () => readFileSync(source, "utf8"),
    catch: (cause) =>
      refuse(
        `cannot be read (${cause instanceof Error ? cause.message : String(cause)}); check the path given as --config`
      )
  })
  const json = yield* Effect.mapError(decodeText(text), () => refuse(notJson(text)))
  return yield* fromJson(json, specs, source)
})

const notJson = (text: string): string => {
  const fault = jsonFault(text)
  return fault === undefined
    ? "is not JSON"
    : `is not JSON: line ${fault.line}, column ${fault.column}: ${fault.problem}`
}

const zeroConfig = ({ cwd, environment, worker }: Origin): Config => {
  const folders = (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")
  const agents = agentClis.filter(({ executable }) => folders.some((folder) => isExecutable(join(folder, executable))))
  return builtIn({ worker, agents, cwd })
}

const isExecutable = (path: string): boolean => Either.isRight(Either.try(() => accessSync(path, constants.X_OK)))

/** A child's folder must not depend on which process happens to start it. */
const withFolders = (config: Config, { cwd, specs }: Origin, base: string): Config => {
  const local = new Set(specs.filter((spec) => spec.transport === "process").map((spec) => spec.name))
  const placed = (backend: Backend): Backend => {
    if (!local.has(backend.adapter)) return backend
    const details = backend.details ?? {}
    const absolute = (key: string, fallback: string | undefined) => {
      const value = details[key]
      const path = typeof value === "string" ? (isAbsolute(value) ? value : resolve(base, value)) : fallback
      return path === undefined ? {} : { [key]: path }
    }
    return { ...backend, details: { ...details, ...absolute("cwd", cwd), ...absolute("repository", undefined) } }
  }
  return {
    ...config,
    backends: Object.fromEntries(Object.entries(config.backends).map(([name, backend]) => [name, placed(backend)])),
    ...(config.retention === undefined ? {} : { retention: withExport(config.retention, base) })
  }
}

const withExport = (retention: Retention, base: string): Retention =>
  typeof retention.export === "string" ? { ...retention, export: resolve(base, retention.export) } : retention

const answers = ({ environment, specs }: Origin): Readonly<Record<string, string>> =>
  Object.fromEntries(
    specs.flatMap((spec) =>
      spec.needs.flatMap(({ environment: name }) => {
        const value = name === undefined ? undefined : filled(environment[name])
        return name === undefined || value === undefined ? [] : [[name, value]]
      })
    )
  )

const stateFolder = (config: Config, environment: Origin["environment"], base: string): string => {
  const chosen = filled(environment["AGENTDISPATCH_STATE_DIR"])
  if (chosen !== undefined) return resolve(chosen)
  if (config.stateDir !== undefined) return resolve(base, config.stateDir)
  return join(filled(environment["XDG_STATE_HOME"]) ?? join(homedir(), ".local", "state"), "agentdispatch")
}
