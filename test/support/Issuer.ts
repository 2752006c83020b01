import { createServer } from "node:http"
import { Effect, type Scope } from "effect"
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose"
import type { JsonObject } from "../../src/domain/Json.js"

export const issuer = "https://login.example.com/"
export const audience = "https://dispatch.example.com/mcp"

/** An identity provider: its keys are at an address of this machine. */
export interface Issuer {
  readonly jwksUri: string
  /** The public key as text, which is no secret. */
  readonly publicKey: string
  readonly sign: (claims: JWTPayload, given?: Signing) => Effect.Effect<string>
  /** How often the keys were asked for. */
  readonly asked: () => number
  /** Answers with an error from now on. */
  readonly breakDown: (broken: boolean) => void
}

export interface Signing {
  readonly issuer?: string
  readonly audience?: string
  /** In seconds from now. */
  readonly expires?: number | undefined
  readonly kid?: string
  /** Signs with a key of its own that nobody published. */
  readonly forged?: boolean
}

export const jwtConfig = ({ jwksUri }: Pick<Issuer, "jwksUri">, more: JsonObject = {}): JsonObject => ({
  issuer,
  audience,
  jwksUri,
  ...more
})

export const issuing: Effect.Effect<Issuer, never, Scope.Scope> = Effect.gen(function* () {
  const [real, other] = yield* Effect.promise(() => Promise.all([generateKeyPair("ES256"), generateKeyPair("ES256")]))
  const key = yield* Effect.promise(() => exportJWK(real.publicKey))
  const state = { asked: 0, broken: false }
  const server = createServer((_, response) => {
    state.asked += 1
    response.writeHead(state.broken ? 500 : 200, { "Content-Type": "application/json" })
    response.end(JSON.stringify({ keys: [{ ...key, kid: "k1", alg: "ES256", use: "sig" }] }))
  })
  const port = yield* Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.async<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )
  return {
    jwksUri: `http://127.0.0.1:${port}/jwks.json`,
    publicKey: JSON.stringify(key),
    asked: () => state.asked,
    breakDown: (broken) => void (state.broken = broken),
    sign: (claims, given = {}) =>
      Effect.promise(() => {
        const now = Math.floor(Date.now() / 1_000)
        const jwt = new SignJWT(claims)
          .setProtectedHeader({ alg: "ES256", kid: given.kid ?? "k1" })
          .setIssuer(given.issuer ?? issuer)
          .setAudience(given.audience ?? audience)
          .setIssuedAt(now)
        const timed =
          "expires" in given && given.expires === undefined ? jwt : jwt.setExpirationTime(now + (given.expires ?? 600))
        return timed.sign(given.forged === true ? other.privateKey : real.privateKey)
      })
  }
})
