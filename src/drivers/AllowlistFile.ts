import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, isAbsolute, join, resolve } from "node:path"
import { Effect, Either, Layer, Schema } from "effect"
import { JsonObject, JsonText } from "../domain/Json.js"
import { jsonFault } from "../domain/JsonFault.js"
import { Host, timeoutLimit } from "../domain/LaneConfig.js"
import { AllowlistInvalid, LaneSettingInvalid } from "../domain/LaneError.js"
import { Allowlist } from "../services/Allowlist.js"
import { Settings } from "../services/Settings.js"

const defaultName = ".repos.json"
/** The most an allowlist may weigh, in bytes. */
const sizeLimit = 4 * 1024 * 1024

const variable = (name: string): string | undefined => {
  const value = process.env[name]?.trim()
  return value === undefined || value === "" ? undefined : value
}

/** `~` is the user's home, as a shell would have it; a relative path in a config is beside the config. */
const placed = (path: string, base: string): string => {
  if (path === "~" || path.startsWith("~/")) return join(homedir(), path.slice(2))
  return isAbsolute(path) ? path : resolve(base, path)
}

/** The allowlist as a file, and the settings as variables, both read at each call. */
export const layer = Layer.effect(
  Allowlist,
  Effect.map(Settings, ({ config: { lanes = {} }, source }) => {
    const beside = isAbsolute(source) ? dirname(source) : process.cwd()
    const path = () => {
      const named = variable("DISPATCH_REPOS_JSON")
      if (named !== undefined) return placed(named, process.cwd())
      return lanes.reposJson === undefined ? join(homedir(), defaultName) : placed(lanes.reposJson, beside)
    }
    return {
      configured: variable("DISPATCH_REPOS_JSON") !== undefined || lanes.reposJson !== undefined || existsSync(path()),
      read: Effect.suspend(() => read(path())),
      settings: Effect.suspend(() => {
        const host = variable("DISPATCH_SSH_HOST") ?? lanes.host ?? "localhost"
        return isHost(host)
          ? Effect.succeed({
              host,
              maxIterations: integer("DISPATCH_MAX_ITERATIONS") ?? lanes.maxIterations ?? 50,
              timeoutSeconds: Math.min(timeoutLimit, seconds("DISPATCH_TIMEOUT") ?? lanes.timeoutSeconds ?? 60)
            })
          : new LaneSettingInvalid({
              setting: "DISPATCH_SSH_HOST",
              problem: "must be one word that does not begin with '-'"
            })
      })
    }
  })
)

const isHost = Schema.is(Host)

const integer = (name: string): number | undefined => {
  const text = variable(name)
  const value = Number(text)
  return text !== undefined && /^\d+$/.test(text) && value > 0 && Number.isSafeInteger(value) ? value : undefined
}

const seconds = (name: string): number | undefined => {
  const text = variable(name)
  const value = Number(text)
  return text !== undefined && /^(\d+\.?\d*|\.\d+)$/.test(text) && value >= 0.001 ? value : undefined
}

const decodeJson = Schema.decode(JsonText)
const isObject = Schema.is(JsonObject)

const read = Effect.fn("allowlist.read")(function* (source: string) {
  const refuse = (problem: string, place: { readonly line?: number; readonly column?: number } = {}) =>
    new AllowlistInvalid({ source, problem, ...place })
  const text = yield* Effect.try({
    try: () => textOf(source),
    catch: (cause) => refuse(`it cannot be read (${cause instanceof Error ? cause.message : String(cause)})`)
  })
  const json = yield* Effect.mapError(decodeJson(text), () => {
    const { problem = "it is not JSON", ...place } = jsonFault(text) ?? {}
    return refuse(problem, place)
  })
  if (!isObject(json)) return yield* refuse('expected an object with "orgs" and "repos"', { line: 1, column: 1 })
  const { orgs = {}, repos = {} } = json
  if (!isObject(orgs)) return yield* refuse('"orgs" must be an object', placeOf(text, "orgs"))
  if (!isObject(repos)) return yield* refuse('"repos" must be an object', placeOf(text, "repos"))
  return { orgs, repos }
})

/** Opened without waiting, so that a pipe under this name does not hold the server up. */
const textOf = (path: string): string => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const bounded = Either.try({
    try: () => {
      if (!fstatSync(file).isFile()) throw new Error("it is no file")
      const bytes = Buffer.alloc(sizeLimit + 1)
      let length = 0
      for (let got = -1; got !== 0 && length <= sizeLimit; length += got) {
        got = readSync(file, bytes, length, bytes.length - length, null)
      }
      if (length > sizeLimit) throw new Error(`it is larger than ${sizeLimit} bytes`)
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length))
    },
    catch: (cause) => cause
  })
  closeSync(file)
  return Either.getOrThrowWith(bounded, (cause) => cause)
}

/** Where a member of the top object is named, for a person to look at. */
const placeOf = (text: string, key: string) => {
  const before = text.slice(0, Math.max(0, text.search(new RegExp(`"${key}"\\s*:`)))).split("\n")
  return { line: before.length, column: (before[before.length - 1]?.length ?? 0) + 1 }
}
