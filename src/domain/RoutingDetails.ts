import { Either, ParseResult } from "effect"
import type { AdapterSpec } from "./AdapterSpec.js"
import type { Question } from "./Clarification.js"
import { lookup } from "./Config.js"
import { AdapterUnsupported, InvalidInput } from "./DispatchError.js"
import type { Json, JsonObject } from "./Json.js"
import { suggestion } from "./Nearest.js"
import { formatPath, schemaIssues } from "./SchemaIssues.js"
import type { World } from "./RoutingBackend.js"
import type { TargetMode, TaskType } from "./Task.js"

/** Absent, null or only white space; `false` and `0` are answers. */
export const isBlank = (value: Json | undefined): boolean =>
  value === undefined || value === null || (typeof value === "string" && value.trim() === "")

const decode = (spec: AdapterSpec, details: JsonObject): Either.Either<JsonObject, InvalidInput> =>
  ParseResult.decodeUnknownEither(spec.details)(details, { onExcessProperty: "error" }).pipe(
    Either.mapLeft((error) => {
      const [issue] = schemaIssues(error)
      return new InvalidInput({
        path: formatPath(["target", "details", ...(issue?.path ?? [])]),
        problem: issue?.message ?? "does not fit this backend"
      })
    })
  )

/**
 * The configured details with the caller's on top. A caller may set only what the manifest lets it, and a number only
 * up to the configured one.
 */
export const mergeDetails = (
  spec: AdapterSpec,
  configured: ReadonlyArray<JsonObject | undefined>,
  caller: JsonObject
): Either.Either<JsonObject, InvalidInput> =>
  Either.gen(function* () {
    const base = yield* decode(
      spec,
      configured.reduce<JsonObject>((all, details) => ({ ...all, ...details }), {})
    )
    for (const [key, value] of Object.entries(caller)) {
      const path = `target.details.${key}`
      if (!spec.callerDetails.includes(key)) {
        const known = spec.callerDetails.length === 0 ? "nothing" : spec.callerDetails.join(", ")
        return yield* Either.left(
          new InvalidInput({
            path,
            problem: `cannot be set by a call to "${spec.name}".${suggestion(key, spec.callerDetails)} A call may set: ${known}`
          })
        )
      }
      const ceiling = base[key]
      if (typeof ceiling === "number" && typeof value === "number" && value > ceiling) {
        return yield* Either.left(
          new InvalidInput({ path, problem: `is ${value}; a call may only lower the configured ${ceiling}` })
        )
      }
    }
    return yield* decode(spec, { ...base, ...caller })
  })

export const supports = (
  spec: AdapterSpec,
  taskType: TaskType,
  mode: TargetMode
): Either.Either<void, AdapterUnsupported> => {
  const refuse = (wanted: string, offered: ReadonlyArray<string>) =>
    Either.left(new AdapterUnsupported({ adapter: spec.name, wanted, offered }))
  if (!spec.taskTypes.includes(taskType)) return refuse(`task type "${taskType}"`, spec.taskTypes)
  if (!spec.targetModes.includes(mode)) return refuse(`target mode "${mode}"`, spec.targetModes)
  return Either.void
}

const aliases: Readonly<Record<string, string>> = { agui: "ag-ui" }

export const checkProtocol = (
  spec: AdapterSpec,
  given: string | undefined
): Either.Either<string | undefined, AdapterUnsupported> => {
  const protocol = given === undefined ? undefined : (lookup(aliases, given) ?? given)
  return protocol === undefined || spec.protocols.length === 0 || spec.protocols.includes(protocol)
    ? Either.right(protocol)
    : Either.left(
        new AdapterUnsupported({ adapter: spec.name, wanted: `protocol "${protocol}"`, offered: spec.protocols })
      )
}

export const answerNeeds = (
  world: World,
  spec: AdapterSpec,
  mode: TargetMode,
  taskType: TaskType,
  details: JsonObject
) => {
  const questions: Array<Question> = []
  const answers: Record<string, Json> = {}
  for (const need of spec.needs) {
    if (!need.modes.includes(mode) || !need.taskTypes.includes(taskType) || !isBlank(details[need.id])) continue
    const fromEnvironment = need.environment === undefined ? undefined : lookup(world.environment, need.environment)
    if (isBlank(fromEnvironment)) questions.push({ id: need.id, question: need.question })
    else answers[need.id] = fromEnvironment ?? null
  }
  return { questions, details: { ...details, ...answers } }
}

export const firstMode = (spec: AdapterSpec): TargetMode => spec.targetModes[0] ?? "session"

/** A call that brings what only runtime mode needs means runtime mode. */
export const impliedMode = (spec: AdapterSpec, details: JsonObject | undefined): TargetMode | undefined => {
  const given = (need: { readonly id: string }) => !isBlank(details?.[need.id])
  const needed = (mode: TargetMode) => spec.needs.filter((need) => need.modes.includes(mode))
  if (needed("session").some(given)) return "session"
  return needed("runtime").some(given) ? "runtime" : undefined
}
