import { createHash, timingSafeEqual } from "node:crypto"
import { DateTime, type Effect, Option, Schema } from "effect"
import type { HttpToken } from "../domain/HttpConfig.js"

/** Whom a bearer token stands for. */
export interface Bearer {
  readonly name: string
  readonly scopes: ReadonlyArray<string>
  /** In seconds since 1970; nothing if it never ends. */
  readonly expiresAt: number | undefined
}

/** The token lets nobody in. */
export class TokenRefused extends Schema.TaggedError<TokenRefused>()("TokenRefused", { problem: Schema.String }) {
  override get message() {
    return this.problem
  }
}

/** Whether a token is good cannot be told now. */
export class KeysUnreachable extends Schema.TaggedError<KeysUnreachable>()("KeysUnreachable", {
  jwksUri: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `The keys at ${this.jwksUri} cannot be had (${this.detail}), so no JWT can be verified. Check http.jwt.jwksUri and that this machine reaches it.`
  }
}

export type Verify = (token: string) => Effect.Effect<Bearer, TokenRefused | KeysUnreachable>

const digest = (text: string) => createHash("sha256").update(text).digest()

/** Tokens the config knows by their hash; how long the comparison takes tells nothing about any of them. */
export const staticTokens = (
  tokens: Readonly<Record<string, HttpToken>>
): ((token: string) => Option.Option<Bearer>) => {
  const known = Object.entries(tokens).map(([name, { expiresAt, scopes, sha256 }]) => ({
    hash: Buffer.from(sha256, "hex"),
    bearer: { name, scopes: scopes ?? [], expiresAt: secondsOf(expiresAt) }
  }))
  return (token) => {
    const given = digest(token)
    const found = known.filter(({ hash }) => timingSafeEqual(hash, given))
    return Option.map(Option.fromNullable(found[0]), ({ bearer }) => bearer)
  }
}

const secondsOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Math.floor(DateTime.toEpochMillis(DateTime.unsafeMake(time)) / 1_000)
