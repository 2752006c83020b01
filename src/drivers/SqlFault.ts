import { SqlError } from "@effect/sql/SqlError"
import { ParseResult, Predicate } from "effect"
import { StoreFailed } from "../domain/DispatchError.js"
import type { StoreFault } from "../domain/StoreFault.js"

/**
 * What the beginning of a code says: SQLite's (https://www.sqlite.org/rescode.html), PostgreSQL's
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html) and the system's. The longer of two beginnings stands first.
 */
const faults: ReadonlyArray<readonly [prefix: string, fault: StoreFault]> = [
  ["SQLITE_BUSY", "busy"],
  ["SQLITE_LOCKED", "busy"],
  ["SQLITE_FULL", "full"],
  ["SQLITE_READONLY", "read_only"],
  ["SQLITE_CANTOPEN", "read_only"],
  ["SQLITE_NOTADB", "corrupt"],
  ["SQLITE_CORRUPT", "corrupt"],
  ["SQLITE_CONSTRAINT_TRIGGER", "moved"],
  ["08", "unreachable"],
  ["57P", "unreachable"],
  // The server ended a transaction in which nothing happened for too long.
  ["25P03", "unreachable"],
  ["40", "busy"],
  ["55P03", "busy"],
  ["53100", "full"],
  ["53", "busy"],
  ["25006", "refused"],
  ["28", "refused"],
  ["3D000", "refused"],
  ["42501", "refused"],
  ["XX001", "corrupt"],
  ["ECONN", "unreachable"],
  ["ENOTFOUND", "unreachable"],
  ["ENOENT", "unreachable"],
  ["EAI_", "unreachable"],
  ["EPIPE", "unreachable"],
  ["ETIMEDOUT", "unreachable"],
  ["EHOSTUNREACH", "unreachable"],
  ["ENETUNREACH", "unreachable"],
  ["ERR_TLS", "untrusted"],
  ["CERT_", "untrusted"],
  ["DEPTH_ZERO", "untrusted"],
  ["SELF_SIGNED", "untrusted"],
  ["UNABLE_TO", "untrusted"]
]

/** PostgreSQL's client has no codes for a connection that it lost, only these words. */
const lost =
  /^(?:Connection terminated|Connection timed out|Client has encountered a connection error|timeout exceeded)/i

const codeOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""

/** A server without TLS is refused by the client, in words alone. */
const bare = /^The server does not support SSL/

const faultOf = (cause: unknown): StoreFault => {
  // The only file that is opened on the way to a server is a certificate or a key.
  if (Predicate.hasProperty(cause, "syscall") && cause.syscall === "open") return "untrusted"
  if (cause instanceof Error && bare.test(cause.message)) return "refused"
  const code = codeOf(cause)
  const known = faults.find(([prefix]) => code.startsWith(prefix))?.[1]
  return known ?? (cause instanceof Error && lost.test(cause.message) ? "unreachable" : "io")
}

/** Somebody else holds the lock that is needed; it pays to try again. */
export const isBusy = (error: SqlError): boolean => faultOf(error.cause) === "busy"

/** The database gave up what was asked, or was lost meanwhile; nothing of a transaction is done, and it pays to try again. */
export const isTransient = (error: unknown): boolean => error instanceof SqlError && transient.has(faultOf(error.cause))

const transient = new Set<StoreFault>(["busy", "unreachable"])

const wordsOf = ({ cause, message }: SqlError): string =>
  cause instanceof Error && cause.message !== "" ? cause.message : codeOf(cause) || message

/** A database error as a state of the world, with the engine's own words as its detail. */
export const storeFailed = (error: SqlError | ParseResult.ParseError): StoreFailed =>
  error._tag === "ParseError"
    ? new StoreFailed({
        fault: "corrupt",
        detail: `a row does not read as what was written: ${ParseResult.TreeFormatter.formatErrorSync(error)}`,
        cause: error
      })
    : new StoreFailed({
        fault: faultOf(error.cause),
        detail: wordsOf(error),
        cause: error
      })
