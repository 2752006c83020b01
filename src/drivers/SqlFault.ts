import type { SqlError } from "@effect/sql/SqlError"
import { ParseResult, Predicate } from "effect"
import { StoreFailed, type StoreFault } from "../domain/DispatchError.js"

/** What the beginning of a result code says; https://www.sqlite.org/rescode.html */
const faults: ReadonlyArray<readonly [prefix: string, fault: StoreFault]> = [
  ["SQLITE_BUSY", "busy"],
  ["SQLITE_LOCKED", "busy"],
  ["SQLITE_FULL", "full"],
  ["SQLITE_READONLY", "read_only"],
  ["SQLITE_CANTOPEN", "read_only"],
  ["SQLITE_NOTADB", "corrupt"],
  ["SQLITE_CORRUPT", "corrupt"]
]

const codeOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : ""

const faultOf = (cause: unknown): StoreFault => {
  const code = codeOf(cause)
  return faults.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "io"
}

/** Somebody else holds the lock that is needed; it pays to try again. */
export const isBusy = (error: SqlError): boolean => faultOf(error.cause) === "busy"

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
        detail: error.cause instanceof Error ? error.cause.message : error.message,
        cause: error
      })
