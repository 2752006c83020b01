import { Either } from "effect"
import { findCredential, type SecretIn } from "./Credentials.js"
import { CredentialRefused, InvalidInput } from "./DispatchError.js"
import type { Json } from "./Json.js"
import type { RoutedRequest } from "./Task.js"

/** The most a request's input may weigh as compact JSON, in UTF-16 code units. */
export const inputLimit = 4 * 1024 * 1024

/** Comes before any other word about the value. */
export const refuseCredential = (
  path: string,
  value: Json,
  secretIn?: SecretIn
): Either.Either<void, CredentialRefused> => {
  const found = findCredential(value, path, secretIn)
  return found === undefined
    ? Either.void
    : Either.left(new CredentialRefused({ path: found.replace(/^input\.instruction$/, "instruction") }))
}

/** The checks that need the whole request: no credential in it, and nothing too big. */
export const finish = (
  request: RoutedRequest,
  named: ReadonlyArray<readonly [path: string, value: Json]>,
  secretIn?: SecretIn
) =>
  Either.gen(function* () {
    const parts: ReadonlyArray<readonly [string, Json]> = [
      ...named,
      ["input", request.input],
      ["target.details", request.target.details ?? null],
      ["metadata", request.metadata ?? null]
    ]
    for (const [path, value] of parts) yield* refuseCredential(path, value, secretIn)
    const weight = JSON.stringify(request.input).length
    if (weight > inputLimit) {
      return yield* Either.left(
        new InvalidInput({
          path: "input",
          problem: `is ${weight} characters of JSON, more than the ${inputLimit} that are kept; put the material in a file and name the file`
        })
      )
    }
    const nul = findNul(request.input, "input")
    if (nul !== undefined) {
      return yield* Either.left(
        new InvalidInput({
          path: nul,
          problem: "contains a NUL character (U+0000), which no program can receive; remove it"
        })
      )
    }
    return request
  })

const findNul = (value: Json, path: string): string | undefined => {
  if (typeof value === "string") return value.includes("\u0000") ? path : undefined
  if (typeof value !== "object" || value === null) return undefined
  for (const [key, member] of Object.entries(value)) {
    const found = findNul(member, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}
