import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  OAuthError,
  OAuthErrorCode,
  type OAuthTokenVerifier,
  verifyBearerToken
} from "@modelcontextprotocol/server"
import { Effect, Either, Option } from "effect"
import type { HttpConfig } from "../domain/HttpConfig.js"
import { makeJwt } from "./HttpJwt.js"
import { type Bearer, type KeysUnreachable, staticTokens, TokenRefused, type Verify } from "./HttpTokens.js"

/** Who may come in: what the `Authorization` header says, and where a refused one is told to go. */
export type Gate = (authorization: string | undefined, metadataUrl: string) => Effect.Effect<AuthInfo, Response>

const nobody = () => new TokenRefused({ problem: "the token is not known here" })

/** Static tokens first: they need nobody else. */
const makeVerify = ({ jwt, tokens = {} }: HttpConfig): Effect.Effect<Verify> =>
  Effect.gen(function* () {
    const known = staticTokens(tokens)
    const signed: Verify = jwt === undefined ? nobody : yield* makeJwt(jwt)
    return (token) =>
      Option.match(known(token), {
        onSome: Effect.succeed,
        onNone: () =>
          Effect.filterOrFail(
            signed(token),
            ({ name }) => !Object.hasOwn(tokens, name),
            () => new TokenRefused({ problem: "its principal's name belongs to a static token" })
          )
      })
  })

/** The bearer check; a principal is known to the core as `principal:NAME`. */
export const makeGate = (http: HttpConfig): Effect.Effect<Gate> =>
  Effect.map(makeVerify(http), (verify) => {
    const requiredScopes = [...(http.jwt?.requiredScopes ?? [])]
    return Effect.fn("http.gate")(function* (authorization, resourceMetadataUrl) {
      const options = { requiredScopes, resourceMetadataUrl }
      const verified = yield* Effect.either(verify(authorization?.split(" ")[1] ?? ""))
      return yield* Effect.tryPromise({
        try: () => verifyBearerToken(authorization, { ...options, verifier: verifierOf(verified) }),
        catch: (error) => bearerAuthChallengeResponse(error, options)
      }).pipe(
        Effect.mapError((challenge) =>
          Either.isLeft(verified) && verified.left._tag === "KeysUnreachable" ? keysAway() : challenge
        )
      )
    })
  })

/** The SDK checks the header, the scopes and the end; it wants every token to end some time. */
const verifierOf = (verified: Either.Either<Bearer, TokenRefused | KeysUnreachable>): OAuthTokenVerifier => ({
  verifyAccessToken: () =>
    Either.match(verified, {
      onLeft: ({ message }) => Promise.reject(new OAuthError(OAuthErrorCode.InvalidToken, message)),
      onRight: ({ expiresAt, name, scopes }) =>
        Promise.resolve({
          token: "",
          clientId: `principal:${name}`,
          scopes: [...scopes],
          expiresAt: expiresAt ?? Number.MAX_SAFE_INTEGER
        })
    })
})

/** No fault of the caller's, who may come again; where the keys should be is the operator's business. */
const keysAway = (): Response =>
  Response.json(
    {
      error: "temporarily_unavailable",
      error_description: "The keys that tokens are verified with cannot be had now; try again soon."
    },
    { status: 503, headers: { "Retry-After": "5" } }
  )
