import { Either, type ParseResult, Schema } from "effect"
import type { JsonObject } from "./Json.js"
import { argvOf, Template } from "./LaneTemplate.js"
import { formatPath, schemaIssues } from "./SchemaIssues.js"
import { Ssh, sshArgv } from "./Ssh.js"
import type { RoutedRequest } from "./Task.js"

const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })

/** A lane's task as its request fixed it; a later change of the allowlist or of the config does not change it. */
export const LaneWork = Schema.Struct({
  orguser: Schema.String,
  repo: Schema.String,
  github: Schema.String,
  host: Schema.String,
  maxIterations: Schema.Int,
  timeoutSeconds: Schema.Number,
  command: Template,
  status: maybe(Template),
  cancel: maybe(Template),
  ssh: maybe(Ssh),
  env: Schema.Array(Schema.String),
  cwd: maybe(Schema.String)
})
export type LaneWork = typeof LaneWork.Type

const decode = Schema.decodeUnknownEither(LaneWork)

/** The work, or the first thing wrong with its details and where. */
export const workOf = (
  details: JsonObject
): Either.Either<LaneWork, { readonly path: string; readonly problem: string }> =>
  Either.mapLeft(decode(details), (error: ParseResult.ParseError) => {
    const [issue] = schemaIssues(error.issue)
    return {
      path: formatPath(["details", ...(issue?.path ?? [])]),
      problem: issue?.message ?? "are no lane's"
    }
  })

/** What the lane is to do. Only the details say where: nothing a caller puts beside the task can. */
export const taskOf = ({ input }: RoutedRequest): string => {
  const text = input["task"] ?? input["instruction"]
  return typeof text === "string" ? text.trim() : ""
}

/** Everything that the task's text is put into. */
export const templatesOf = ({ cancel, command, status }: LaneWork): ReadonlyArray<Template> =>
  [command, status, cancel].flatMap((template) => (template === undefined ? [] : [template]))

/** One of the lane's fixed commands as it runs here, word for word. */
export const commandOf = (
  work: LaneWork,
  template: Template,
  given: { readonly task: string; readonly handle: string }
): readonly [string, ...ReadonlyArray<string>] => {
  const argv = argvOf(template, {
    orguser: work.orguser,
    repo: work.repo,
    github: work.github,
    host: work.host,
    max: String(work.maxIterations),
    ...given
  })
  return work.ssh === undefined ? argv : sshArgv(work.ssh, argv)
}
