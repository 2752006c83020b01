import { Clock, Effect, Either, Option, Schema } from "effect"
import type { createRemoteJWKSet } from "jose"
import type { HttpJwt } from "../domain/HttpConfig.js"
import { type Bearer, KeysUnreachable, TokenRefused, type Verify } from "./HttpTokens.js"

/** What every identity provider signs with by default. */
const usualAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const

/** A key set that could not be fetched is not asked for again so soon, however many tokens arrive. */
const pauseMillis = 5_000
const fetchMillis = 5_000
/** Tokens that name unknown keys make it fetch the set no oftener than this. */
const cooldownMillis = 30_000
const leewaySeconds = 5

/** jose's codes for tokens that are wrong; everything else it may throw is about the keys. */
const refusals = new Set([
  "ERR_JOSE_ALG_NOT_ALLOWED",
  "ERR_JOSE_NOT_SUPPORTED",
  "ERR_JWKS_MULTIPLE_MATCHING_KEYS",
  "ERR_JWKS_NO_MATCHING_KEY",
  "ERR_JWS_INVALID",
  "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  "ERR_JWT_CLAIM_VALIDATION_FAILED",
  "ERR_JWT_EXPIRED",
  "ERR_JWT_INVALID"
])

const Failure = Schema.Struct({ code: Schema.String, message: Schema.String })
const decodeFailure = Schema.decodeUnknownOption(Failure)

const ScopeClaims = Schema.Struct({
  scope: Schema.optional(Schema.String),
  scp: Schema.optional(Schema.Union(Schema.String, Schema.Array(Schema.String)))
})
const decodeScopes = Schema.decodeUnknownOption(ScopeClaims)

/** A name is stored, shown and compared, so it is short and has no invisible characters. */
const decodeName = Schema.decodeUnknownEither(Schema.String.pipe(Schema.pattern(/^[^\p{C}\p{Z}]{1,256}$/u)))

/** Verifies JWTs of one issuer with its published keys. */
export const makeJwt = (config: HttpJwt): Effect.Effect<Verify> =>
  Effect.sync(() => {
    const { audience, issuer, jwksUri } = config
    const claim = config.principalClaim ?? "sub"
    let known: ReturnType<typeof createRemoteJWKSet> | undefined
    // Not `Effect.cached`, which would remember the interruption of a request that came first.
    const prepared = Effect.map(
      Effect.promise(() => import("jose")),
      ({ createRemoteJWKSet: make, jwtVerify }) => ({
        jwtVerify,
        keys: (known ??= make(new URL(jwksUri), {
          cooldownDuration: cooldownMillis,
          timeoutDuration: fetchMillis
        }))
      })
    )
    let unreachable: { readonly at: number; readonly error: KeysUnreachable } | undefined

    return Effect.fn("http.jwt")(function* (token) {
      const { jwtVerify, keys } = yield* prepared
      const now = yield* Clock.currentTimeMillis
      if (unreachable !== undefined && !keys.fresh && now < unreachable.at + pauseMillis)
        return yield* unreachable.error
      const { payload } = yield* Effect.tryPromise({
        try: () =>
          jwtVerify(token, keys, {
            issuer,
            audience,
            algorithms: [...(config.algorithms ?? usualAlgorithms)],
            requiredClaims: ["exp", claim],
            clockTolerance: leewaySeconds,
            currentDate: new Date(now)
          }),
        catch: (error) => failureOf(error, jwksUri)
      }).pipe(
        Effect.tapErrorTag("KeysUnreachable", (error) => {
          unreachable = { at: now, error }
          return Effect.logWarning(error.message)
        })
      )
      const name = decodeName(payload[claim])
      if (Either.isLeft(name)) return yield* new TokenRefused({ problem: `the claim "${claim}" names nobody` })
      return { name: name.right, scopes: scopesOf(payload), expiresAt: payload.exp } satisfies Bearer
    })
  })

const failureOf = (error: unknown, jwksUri: string): TokenRefused | KeysUnreachable => {
  const known = Option.getOrUndefined(decodeFailure(error))
  if (known !== undefined && refusals.has(known.code)) return new TokenRefused({ problem: known.message })
  return new KeysUnreachable({ jwksUri, detail: error instanceof Error ? error.message : String(error) })
}

/** `scope` as RFC 8693 has it, or `scp` as some providers do. */
const scopesOf = (payload: unknown): ReadonlyArray<string> => {
  const { scope, scp } = Option.getOrElse(decodeScopes(payload), (): typeof ScopeClaims.Type => ({}))
  const text = typeof scp === "string" ? scp : (scp ?? []).join(" ")
  return `${scope ?? ""} ${text}`.split(" ").filter((name) => name !== "")
}
