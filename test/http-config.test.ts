import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { fromJson } from "../src/domain/Config.js"
import type { HttpConfig } from "../src/domain/HttpConfig.js"
import type { JsonObject } from "../src/domain/Json.js"
import { ranOnce } from "./support/HttpServer.js"
import { place } from "./support/Server.js"

const sha256 = "a".repeat(64)
const jwt = { issuer: "https://login.example.com", audience: "dispatch", jwksUri: "https://login.example.com/jwks" }

/** What is wrong with the `http` part of a config, or nothing. */
const wrong = (http: JsonObject | HttpConfig | string) =>
  fromJson(typeof http === "string" ? JSON.parse(http) : { http }, [], "it").pipe(
    Effect.match({ onFailure: ({ message }) => message, onSuccess: () => "" })
  )

describe("http in the config", () => {
  it.effect("takes every key of its own", () =>
    Effect.gen(function* () {
      const http: HttpConfig = {
        host: "0.0.0.0",
        port: 443,
        allowedHosts: ["dispatch.example.com", "[::1]"],
        allowedOrigins: ["https://app.example.com", "http://localhost:3000"],
        publicUrl: "https://dispatch.example.com/mcp",
        tokens: { ci: { sha256, scopes: ["read"], expiresAt: "2027-01-31T00:00:00Z" } },
        jwt: { ...jwt, algorithms: ["RS256", "EdDSA"], principalClaim: "email", requiredScopes: ["read"] },
        maxBodyBytes: 1_000_000,
        drainSeconds: 0
      }
      assert.strictEqual(yield* wrong(http), "")
      assert.deepStrictEqual((yield* fromJson({ http }, [], "it")).http, http)
      assert.strictEqual(yield* wrong({}), "")
    })
  )

  it.effect("names the key that is wrong", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [JsonObject | string, RegExp]> = [
        [{ prot: 80 }, /http\.prot/],
        [{ port: 70_000 }, /http\.port: must be a whole number from 0 to 65535/],
        [{ port: 80.5 }, /http\.port/],
        [{ host: " " }, /http\.host: must not be blank/],
        [{ allowedHosts: ["example.com:443"] }, /http\.allowedHosts\[0\]: must be a host's name/],
        [{ allowedHosts: ["https://example.com"] }, /http\.allowedHosts\[0\]/],
        [{ allowedHosts: ["*"] }, /http\.allowedHosts\[0\]/],
        [{ allowedOrigins: ["example.com"] }, /http\.allowedOrigins\[0\]: must be an origin/],
        [{ allowedOrigins: ["https://example.com/"] }, /http\.allowedOrigins\[0\]/],
        [{ publicUrl: "http://dispatch.example.com/mcp" }, /http\.publicUrl: must be an https/],
        [{ tokens: { ci: { sha256: "secret" } } }, /http\.tokens\.ci\.sha256: .*agentdispatch token new NAME/],
        [{ tokens: { ci: { sha256, expiresAt: "tomorrow" } } }, /http\.tokens\.ci\.expiresAt: must be a time/],
        [{ tokens: { ci: { token: "adt_x" } } }, /http\.tokens\.ci\.token/],
        [{ tokens: { a: { sha256 }, b: { sha256 } } }, /http\.tokens: gives "a" and "b" the same token/],
        [{ tokens: { "a b": { sha256 } } }, /http\.tokens\.a b: is no valid name/],
        [`{"http":{"tokens":{"__proto__":{"sha256":"${sha256}"}}}}`, /http\.tokens\.__proto__: is no valid name/],
        [{ jwt: { ...jwt, jwksUri: "http://login.example.com/jwks" } }, /http\.jwt\.jwksUri: must be an https/],
        [{ jwt: { ...jwt, algorithms: ["HS256"] } }, /http\.jwt\.algorithms\[0\]/],
        [{ jwt: { ...jwt, algorithms: ["none"] } }, /http\.jwt\.algorithms\[0\]/],
        [{ jwt: { ...jwt, algorithms: [] } }, /http\.jwt\.algorithms/],
        [{ jwt: { issuer: "x", jwksUri: jwt.jwksUri } }, /http\.jwt\.audience/],
        [{ maxBodyBytes: 10 }, /http\.maxBodyBytes/]
      ]
      for (const [http, told] of cases) assert.match(yield* wrong(http), told)
    })
  )
})

describe("agentdispatch token new", () => {
  const Made = Schema.parseJson(
    Schema.Struct({
      token: Schema.String,
      http: Schema.Struct({ tokens: Schema.Struct({ alice: Schema.Struct({ sha256: Schema.String }) }) })
    })
  )

  it.scopedLive("prints a token once, and a config line that knows only its hash", () =>
    Effect.gen(function* () {
      const at = yield* place
      const { code, stderr, stdout } = yield* ranOnce(at, "token", "new", "alice")
      assert.strictEqual(code, 0)
      assert.match(stdout, /^adt_[0-9a-z]{26}\n$/)
      const hash = createHash("sha256").update(stdout.trim()).digest("hex")
      assert.include(stderr, `"http": {"tokens":{"alice":{"sha256":"${hash}"}}}`)
      assert.notInclude(stderr, stdout.trim())

      const made = yield* Schema.decode(Made)((yield* ranOnce(at, "token", "new", "alice", "--json")).stdout)
      assert.notStrictEqual(made.token, stdout.trim())
      assert.strictEqual(yield* wrong({ tokens: made.http.tokens }), "")
    })
  )

  it.scopedLive("refuses a name no principal can have", () =>
    Effect.gen(function* () {
      const at = yield* place
      assert.deepInclude(yield* ranOnce(at, "token", "new", "a b"), { code: 2, stdout: "" })
      assert.deepInclude(yield* ranOnce(at, "token", "old", "alice"), { code: 2, stdout: "" })
      assert.deepInclude(yield* ranOnce(at, "token", "new"), { code: 2, stdout: "" })
    })
  )
})
