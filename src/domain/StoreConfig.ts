import { Option, Schema } from "effect"

const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })

const urlOf = Option.liftThrowable((text: string) => new URL(text))

const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"]

/** What is wrong with the URL of a database, without a word of it: it may hold a password. */
export const urlFault = (text: string): string | undefined =>
  Option.match(urlOf(text), {
    onNone: () => "is no URL; write postgres://USER@HOST:5432/DATABASE, with %40 for an @ in the password",
    onSome: ({ pathname, protocol, searchParams }) => {
      if (protocol !== "postgres:" && protocol !== "postgresql:") return "must begin with postgres://"
      if (pathname.length < 2) return "names no database; put /DATABASE behind the host"
      const mode = searchParams.get("sslmode")
      return mode === null || sslModes.includes(mode)
        ? undefined
        : `needs an sslmode that is one of ${sslModes.join(", ")}`
    }
  })

const DatabaseUrl = Schema.String.pipe(Schema.filter((text) => urlFault(text) ?? true))

/** Connections of one process: one listens, one can stop a statement, and the rest work. */
const Connections = Schema.Number.pipe(
  Schema.filter(
    (value) => (Number.isInteger(value) && value >= 3 && value <= 200) || "must be a whole number from 3 to 200"
  )
)

/** Shorter would take a slow server for a lost one, longer is more than clients wait. */
const WaitSeconds = Schema.Number.pipe(
  Schema.filter((value) => (value >= 2 && value <= 300) || "must be a number from 2 to 300")
)

/** Where tasks are kept: in the state folder, or in the database of a team. */
export const StoreConfig = Schema.Struct({
  kind: Schema.Literal("sqlite", "postgres"),
  /** `AGENTDISPATCH_DATABASE_URL` stands above it and need not be written into a file. */
  url: maybe(Schema.Redacted(DatabaseUrl)),
  maxConnections: maybe(Connections),
  /** How long a caller waits for the database in all before it is told to try again. */
  waitSeconds: maybe(WaitSeconds)
})
export type StoreConfig = typeof StoreConfig.Type

export const defaultConnections = 5
export const defaultWaitSeconds = 15
