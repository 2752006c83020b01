import { Either, Schema } from "effect"
import { InvalidInput } from "./DispatchError.js"
import type { JsonObject } from "./Json.js"
import { formatPath, schemaIssues } from "./SchemaIssues.js"
import { Terms } from "./Terms.js"

const decodeTerms = Schema.decodeUnknownEither(Terms, { errors: "all", onExcessProperty: "error" })

/** What a call says goes before its profile's terms, and those before the defaults. */
export const readTerms = (
  given: JsonObject | undefined,
  profile: Terms | undefined,
  defaults: Terms | undefined
): Either.Either<Terms | undefined, InvalidInput> => {
  const merged = { ...defaults, ...profile, ...given }
  if (Object.keys(merged).length === 0) return Either.right(undefined)
  return Either.mapLeft(decodeTerms(merged), (error) => {
    const [first] = schemaIssues(error.issue)
    return new InvalidInput({
      path: formatPath(["terms", ...(first?.path ?? [])]),
      problem: first?.message ?? "is not what terms look like"
    })
  })
}
