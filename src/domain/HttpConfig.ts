import { Option, Schema } from "effect"

const maybe = <A, I>(value: Schema.Schema<A, I>) => Schema.optionalWith(value, { exact: true })
const NonBlank = Schema.String.pipe(Schema.filter((text) => text.trim() !== "" || "must not be blank"))
const Names = Schema.Array(NonBlank)

const urlOf = Option.liftThrowable((text: string) => new URL(text))

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"]

/** Names and addresses that only this machine reaches. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host)

const isSecure = ({ hostname, protocol }: URL): boolean =>
  protocol === "https:" || (protocol === "http:" && loopbackNames.includes(hostname))

const SecureUrl = Schema.String.pipe(
  Schema.filter(
    (text) => Option.exists(urlOf(text), isSecure) || "must be an https:// address; http:// is for this machine alone"
  )
)

/** An origin as browsers send it. */
const Origin = Schema.String.pipe(
  Schema.filter(
    (text) =>
      Option.exists(urlOf(text), ({ origin }) => origin === text) || "must be an origin such as https://example.com"
  )
)

/** A name, without a port; never a pattern. */
const HostName = Schema.String.pipe(
  Schema.filter(
    (text) =>
      (/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/.test(text) &&
        Option.exists(urlOf(`http://${text}`), ({ hostname }) => hostname === text)) ||
      "must be a host's name in lower case, without a port"
  )
)

const whole = (least: number, most: number) =>
  Schema.Number.pipe(
    Schema.filter(
      (value) =>
        (Number.isInteger(value) && value >= least && value <= most) ||
        `must be a whole number from ${least} to ${most}`
    )
  )

const Moment = Schema.String.pipe(
  Schema.filter(
    (text) =>
      (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text))) ||
      "must be a time such as 2027-01-31T00:00:00Z"
  )
)

/** A bearer token of one principal, known by its hash alone. */
export const HttpToken = Schema.Struct({
  sha256: Schema.String.pipe(
    Schema.filter(
      (text) =>
        /^[0-9a-f]{64}$/.test(text) ||
        "must be the SHA-256 of a token, 64 hex digits in lower case; `agentdispatch token new NAME` makes both"
    )
  ),
  scopes: maybe(Names),
  expiresAt: maybe(Moment)
})
export type HttpToken = typeof HttpToken.Type

/** Only what is verified with a public key: a shared secret would let every verifier forge. */
const JwtAlgorithm = Schema.Literal(
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519"
)

export const HttpJwt = Schema.Struct({
  issuer: NonBlank,
  audience: NonBlank,
  jwksUri: SecureUrl,
  algorithms: maybe(Schema.Array(JwtAlgorithm).pipe(Schema.minItems(1))),
  /** The claim that names the principal; `sub` without it. */
  principalClaim: maybe(NonBlank),
  /** Every bearer token must have all of them, or is answered with 403. */
  requiredScopes: maybe(Names)
})
export type HttpJwt = typeof HttpJwt.Type

const distinct = (tokens: Readonly<Record<string, HttpToken>>): string | undefined => {
  const seen = new Map<string, string>()
  for (const [name, { sha256 }] of Object.entries(tokens)) {
    const first = seen.get(sha256)
    if (first !== undefined) return `gives "${first}" and "${name}" the same token; each principal needs one of its own`
    seen.set(sha256, name)
  }
  return undefined
}

/** How `serve --http` listens and whom it lets in. */
export const HttpConfig = Schema.Struct({
  /** 127.0.0.1 without it; anything beyond this machine needs `tokens` or `jwt`. */
  host: maybe(NonBlank),
  port: maybe(whole(0, 65_535)),
  /** Names this server is called by, besides this machine's own and that of `publicUrl`. */
  allowedHosts: maybe(Schema.Array(HostName)),
  /** Web pages that may call, besides those of this machine. */
  allowedOrigins: maybe(Schema.Array(Origin)),
  /** The address clients use, up to and including /mcp. */
  publicUrl: maybe(SecureUrl),
  /** By the name of their principal. */
  tokens: maybe(
    Schema.Record({ key: Schema.String, value: HttpToken }).pipe(Schema.filter((tokens) => distinct(tokens)))
  ),
  jwt: maybe(HttpJwt),
  /** The largest request, in bytes; 4 MiB without it. */
  maxBodyBytes: maybe(whole(1_024, 64 * 1_048_576)),
  /** How long requests under way may still take after SIGTERM; 10 s without it. */
  drainSeconds: maybe(whole(0, 3_600))
})
export type HttpConfig = typeof HttpConfig.Type

/** Somebody must say who they are. */
export const isGuarded = ({ jwt, tokens }: HttpConfig): boolean =>
  jwt !== undefined || Object.keys(tokens ?? {}).length > 0

/** Why a config must not be served at an address; nothing if it may. */
export const exposure = (host: string, http: HttpConfig): string | undefined =>
  isLoopback(host) || isGuarded(http)
    ? undefined
    : `is "${host}", which other machines reach, and nobody has to say who they are. Configure http.tokens (\`agentdispatch token new NAME\` makes one) or http.jwt first, or listen on 127.0.0.1`
