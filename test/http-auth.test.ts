import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { JsonObject } from "../src/domain/Json.js"
import {
  asked,
  hashOf,
  httpClient,
  type HttpServer,
  httpServer,
  posted,
  tokenOf,
  tokens
} from "./support/HttpServer.js"
import { audience, issuer, issuing, jwtConfig } from "./support/Issuer.js"
import { kinds, place } from "./support/Server.js"
import * as Bench from "./support/Workbench.js"

const object = Schema.decodeUnknownSync(JsonObject)
const listing = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })
const workbench = Bench.workbench()
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** What a request with this header comes to: the status, and the error a 401 or 403 names. */
const outcome = ({ url }: HttpServer, headers: Readonly<Record<string, string>>) =>
  Effect.map(posted(url, listing, headers), (reply) => {
    const challenge = reply.headers.get("www-authenticate") ?? ""
    const error = /error="([^"]*)"/.exec(challenge)?.[1]
    return {
      status: reply.status,
      challenge,
      told: error === undefined ? `${reply.status}` : `${reply.status} ${error}`
    }
  })

describe("a bearer token from the config", () => {
  it.scopedLive(
    "lets its principal in; without one, or with a wrong or an old one, nobody is told more than where to go",
    () =>
      Effect.gen(function* () {
        const server = yield* httpServer(yield* place, {
          ...workbench,
          http: {
            tokens: {
              ...tokens("alice"),
              old: { sha256: hashOf(tokenOf("old")), expiresAt: "2024-01-31T00:00:00Z" },
              young: { sha256: hashOf(tokenOf("young")), expiresAt: "2999-01-31T00:00:00Z" }
            }
          }
        })
        const cases: ReadonlyArray<readonly [Readonly<Record<string, string>>, string]> = [
          [bearer(tokenOf("alice")), "200"],
          [bearer(tokenOf("young")), "200"],
          [{ Authorization: `bearer ${tokenOf("alice")}` }, "200"],
          [{}, "401 invalid_token"],
          [bearer(""), "401 invalid_token"],
          [bearer(tokenOf("eve")), "401 invalid_token"],
          [bearer(tokenOf("old")), "401 invalid_token"],
          [bearer(hashOf(tokenOf("alice"))), "401 invalid_token"],
          [bearer(`${tokenOf("alice")}x`), "401 invalid_token"],
          [{ Authorization: `Basic ${tokenOf("alice")}` }, "401 invalid_token"],
          [{ Authorization: tokenOf("alice") }, "401 invalid_token"],
          [bearer(`${base64({ alg: "none" })}.${base64({ sub: "alice" })}.`), "401 invalid_token"]
        ]
        for (const [headers, told] of cases) {
          assert.strictEqual((yield* outcome(server, headers)).told, told, JSON.stringify(headers))
        }
        const { challenge } = yield* outcome(server, {})
        const metadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? ""
        assert.strictEqual(metadata, server.at("/.well-known/oauth-protected-resource/mcp"))
        const document = yield* asked(metadata)
        assert.strictEqual(document.status, 200)
        assert.strictEqual(object(document.json)["resource"], server.url)
        assert.notInclude(JSON.stringify(object(document.json)), "alice")
        assert.strictEqual((yield* asked(`${server.url}?token=${tokenOf("alice")}`)).status, 401)
      })
  )

  it.scopedLive("is asked for before a request is looked into", () =>
    Effect.gen(function* () {
      const server = yield* httpServer(yield* place, {
        ...workbench,
        http: { tokens: tokens("alice"), maxBodyBytes: 1_024 }
      })
      for (const body of ["{", "[]", "x".repeat(5_000)])
        assert.strictEqual((yield* posted(server.url, body)).status, 401)
      assert.strictEqual((yield* asked(server.url)).status, 401)
      assert.strictEqual((yield* asked(server.url, { method: "DELETE" })).status, 401)
    })
  )
})

describe("a JWT", () => {
  for (const kind of kinds) {
    it.scopedLive(`lets its subject work as itself, with ${kind}`, () =>
      Effect.gen(function* () {
        const provider = yield* issuing
        const server = yield* httpServer(yield* place, { ...workbench, http: { jwt: jwtConfig(provider) } })
        const carol = yield* httpClient(kind, server, yield* provider.sign({ sub: "carol" }))
        const task_id = yield* Bench.spawned(carol.call, { runtime: "echo", instruction: "hello" })
        assert.strictEqual((yield* Bench.finished(carol.call, task_id)).status, "succeeded")
        const again = yield* httpClient(kind, server, yield* provider.sign({ sub: "carol", jti: "another token" }))
        assert.isFalse((yield* again.call("get_task_status", { task_id })).isError)
        const dave = yield* httpClient(kind, server, yield* provider.sign({ sub: "dave" }))
        assert.isTrue((yield* dave.call("get_task_status", { task_id })).isError)
        assert.strictEqual(provider.asked(), 1, "the keys are asked for once")
      })
    )
  }

  it.scopedLive("that is forged, stale or meant for somebody else is refused", () =>
    Effect.gen(function* () {
      const provider = yield* issuing
      const server = yield* httpServer(yield* place, {
        ...workbench,
        http: { jwt: jwtConfig(provider), tokens: tokens("alice") }
      })
      const claims = { sub: "carol", iss: issuer, aud: audience, exp: 4_000_000_000 }
      const confused = `${base64({ alg: "HS256", kid: "k1" })}.${base64(claims)}`
      const good = yield* provider.sign({ sub: "carol" })
      const [head = "", , signature = ""] = good.split(".")
      const refused: Readonly<Record<string, string>> = {
        "with a key nobody published": yield* provider.sign({ sub: "carol" }, { forged: true }),
        "of a key that is not known": yield* provider.sign({ sub: "carol" }, { kid: "k2", forged: true }),
        "that is over": yield* provider.sign({ sub: "carol" }, { expires: -60 }),
        "that never ends": yield* provider.sign({ sub: "carol" }, { expires: undefined }),
        "not valid yet": yield* provider.sign({ sub: "carol", nbf: Math.floor(Date.now() / 1_000) + 600 }),
        "of another issuer": yield* provider.sign({ sub: "carol" }, { issuer: "https://login.example.com" }),
        "for another audience": yield* provider.sign({ sub: "carol" }, { audience: "https://other.example.com" }),
        "of nobody": yield* provider.sign({}),
        "of a blank": yield* provider.sign({ sub: " " }),
        "of an invisible name": yield* provider.sign({ sub: "carol\u200b" }),
        "of a static token's principal": yield* provider.sign({ sub: "alice" }),
        "without a signature": `${base64({ alg: "none" })}.${base64(claims)}.`,
        "with none, spelled otherwise": `${base64({ alg: "nOnE" })}.${base64(claims)}.`,
        "signed with the public key as a secret": `${confused}.${createHmac("sha256", provider.publicKey).update(confused).digest("base64url")}`,
        "with other claims under a good signature": `${head}.${base64(claims)}.${signature}`,
        "with an empty header": `e30.${base64(claims)}.${signature}`,
        "that is none": "a.b.c"
      }
      assert.strictEqual((yield* outcome(server, bearer(good))).told, "200")
      assert.strictEqual((yield* outcome(server, bearer(tokenOf("alice")))).told, "200")
      for (const [what, token] of Object.entries(refused)) {
        assert.strictEqual((yield* outcome(server, bearer(token))).told, "401 invalid_token", what)
      }
      assert.strictEqual(provider.asked(), 1, "unknown keys do not make it ask again and again")
    })
  )

  it.scopedLive("needs the scopes, by whichever name its issuer gives them, and static tokens need them too", () =>
    Effect.gen(function* () {
      const provider = yield* issuing
      const jwt = jwtConfig(provider, { requiredScopes: ["dispatch", "read"], principalClaim: "preferred_username" })
      const full = { sha256: hashOf(tokenOf("full")), scopes: ["read", "dispatch"] }
      const server = yield* httpServer(yield* place, {
        ...workbench,
        http: { jwt, tokens: { full, ...tokens("bare") }, publicUrl: "https://dispatch.example.com/mcp" }
      })
      const named = { preferred_username: "carol" }
      const cases: ReadonlyArray<readonly [string, string]> = [
        [yield* provider.sign({ ...named, scope: "read dispatch more" }), "200"],
        [yield* provider.sign({ ...named, scp: ["dispatch", "read"] }), "200"],
        [yield* provider.sign({ ...named, scope: "read" }), "403 insufficient_scope"],
        [yield* provider.sign({ ...named, scope: { read: true, dispatch: true } }), "403 insufficient_scope"],
        [yield* provider.sign({ sub: "carol", scope: "read dispatch" }), "401 invalid_token"],
        [tokenOf("full"), "200"],
        [tokenOf("bare"), "403 insufficient_scope"]
      ]
      for (const [token, told] of cases) assert.strictEqual((yield* outcome(server, bearer(token))).told, told)
      const { challenge } = yield* outcome(server, {})
      assert.include(
        challenge,
        'resource_metadata="https://dispatch.example.com/.well-known/oauth-protected-resource/mcp"'
      )
      const document = yield* asked(server.at("/.well-known/oauth-protected-resource"))
      assert.deepInclude(object(document.json), {
        resource: "https://dispatch.example.com/mcp",
        authorization_servers: [issuer],
        scopes_supported: ["dispatch", "read"]
      })
    })
  )

  it.scopedLive("cannot be judged while the keys cannot be had, which is nobody's fault and soon over", () =>
    Effect.gen(function* () {
      const provider = yield* issuing
      provider.breakDown(true)
      const server = yield* httpServer(yield* place, {
        ...workbench,
        http: { jwt: jwtConfig(provider), tokens: tokens("alice") }
      })
      const token = yield* provider.sign({ sub: "carol" })
      const first = yield* posted(server.url, listing, bearer(token))
      assert.deepStrictEqual([first.status, first.headers.get("retry-after")], [503, "5"])
      for (const _ of [1, 2, 3]) assert.strictEqual((yield* outcome(server, bearer(token))).status, 503)
      assert.strictEqual(provider.asked(), 1, "a provider in trouble is left alone for a while")
      assert.strictEqual((yield* outcome(server, bearer(tokenOf("alice")))).status, 200)
      assert.include(server.stderr(), provider.jwksUri)
      assert.notInclude(server.stderr(), token)
      provider.breakDown(false)
      const waits = Effect.repeat(outcome(server, bearer(token)), { until: ({ status }) => status !== 503 })
      assert.strictEqual((yield* Effect.timeout(waits, "15 seconds")).told, "200")
    })
  )
})
