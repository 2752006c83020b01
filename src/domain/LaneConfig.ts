import { Schema } from "effect"
import { Template } from "./LaneTemplate.js"
import { Ssh } from "./Ssh.js"

const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })

/** The most a lane's command may take, in seconds. */
export const timeoutLimit = 3_600

/** The word that stands for `{host}`; it can never be an option of the command it is given to. */
export const Host = Schema.String.pipe(
  Schema.filter((host) => /^[^-\s\p{Cc}][^\s\p{Cc}]*$/u.test(host) || "must be one word that does not begin with '-'")
)

const Path = Schema.String.pipe(Schema.filter((path) => path.trim() !== "" || "must not be blank"))

const Folder = Schema.String.pipe(Schema.filter((path) => path.startsWith("/") || "must be an absolute path"))

const Variable = Schema.String.pipe(
  Schema.filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || "must be the name of an environment variable")
)

/** The repository lanes of an installation: who may be dispatched to, and with which fixed commands. */
export const LaneConfig = Schema.Struct({
  /** The allowlist; the environment's DISPATCH_REPOS_JSON comes first. */
  reposJson: maybe(Path),
  host: maybe(Host),
  maxIterations: maybe(Schema.Int.pipe(Schema.positive())),
  timeoutSeconds: maybe(Schema.Number.pipe(Schema.positive(), Schema.lessThanOrEqualTo(timeoutLimit))),
  command: maybe(Template),
  status: maybe(Template),
  cancel: maybe(Template),
  ssh: maybe(Ssh),
  /** The variables of the server that the commands get; all others are not passed on. */
  env: maybe(Schema.Array(Variable)),
  /** The folder the commands start in; the server's own if left out. */
  cwd: maybe(Folder)
}).pipe(
  Schema.filter((lanes) =>
    lanes.cancel !== undefined && lanes.status === undefined
      ? [{ path: ["cancel"], message: "needs lanes.status as well: only that can confirm that the work has stopped" }]
      : []
  )
)
export type LaneConfig = typeof LaneConfig.Type
