import { Option, Schema } from "effect"
import { canonical, type Json, JsonObject } from "../domain/Json.js"
import type { PublicKey, SigningKey } from "./AuditKey.js"
import { type Frontier, rootOf } from "./AuditMerkle.js"

/** A checkpoint is kept for every so many records. */
export const interval = 64

/** What is signed: that the first `size` records are the leaves under `root`, and the last of them has the hash `last`. */
const Claim = Schema.Struct({
  size: Schema.Int.pipe(Schema.nonNegative()),
  root: Schema.String,
  last: Schema.String,
  at: Schema.String
})
export type Claim = typeof Claim.Type

const Checkpoint = Schema.Struct({
  v: Schema.Literal(1),
  checkpoint: Claim,
  /** The id of the key that signed. */
  key: Schema.String,
  signature: Schema.String
})
export type Checkpoint = typeof Checkpoint.Type

const Head = Schema.Struct({
  ...Checkpoint.fields,
  frontier: Schema.Array(Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/)))
})
export type Head = typeof Head.Type

const exact = { onExcessProperty: "error" } as const
const checkpointOf = Schema.decodeUnknownOption(Schema.parseJson(Checkpoint), exact)
const headOf = Schema.decodeUnknownOption(Schema.parseJson(Head), exact)
const objectOf = Schema.decodeUnknownOption(Schema.parseJson(JsonObject))

/** What the log has come to. */
export interface Standing {
  readonly size: number
  readonly last: string
  readonly frontier: Frontier
}

const spelled = (claim: Claim): string => `agentdispatch audit checkpoint\n${canonical(claim)}`

const signed = (key: SigningKey, at: string, { frontier, last, size }: Standing) => {
  const checkpoint = { size, root: rootOf(frontier), last, at }
  return { v: 1, checkpoint, key: key.id, signature: key.sign(spelled(checkpoint)) } satisfies Json
}

export const checkpointLine = (key: SigningKey, at: string, standing: Standing): string =>
  `${canonical(signed(key, at, standing))}\n`

/** A head is written over an older one without cutting it, so it ends where its line does. */
export const headLine = (key: SigningKey, at: string, standing: Standing): string =>
  `${canonical({ ...signed(key, at, standing), frontier: standing.frontier })}\n`

export const readCheckpoint = (line: string): Checkpoint | undefined =>
  Option.getOrUndefined(checkpointOf(asWritten(line)))

export const readHead = (text: string): Head | undefined =>
  Option.getOrUndefined(
    Option.filter(
      headOf(asWritten(text.slice(0, Math.max(0, text.indexOf("\n"))))),
      ({ checkpoint: { root, size }, frontier }) => frontier.length === subtrees(size) && rootOf(frontier) === root
    )
  )

/** How many perfect subtrees a log of a size consists of. */
const subtrees = (size: number): number => size.toString(2).replaceAll("0", "").length

export const isSignedBy = (key: PublicKey, { checkpoint, key: id, signature }: Checkpoint): boolean =>
  id === key.id && key.verifies(spelled(checkpoint), signature)

/** Text that is not spelled as it was written is no text of ours. */
const asWritten = (line: string): string =>
  Option.match(objectOf(line), { onNone: () => "", onSome: (object) => (canonical(object) === line ? line : "") })
