import { createHash, randomBytes } from "node:crypto"
import { Either, Option, Schema } from "effect"
import { canonical, defined, type Json, JsonObject } from "../domain/Json.js"
import { KeptRecord } from "../services/AuditTrail.js"

/** What the first record goes on from. */
export const genesis = "0".repeat(64)

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

const Hash = Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/))

/** Where a record stands in the chain. */
export const Link = Schema.Struct({
  v: Schema.Literal(1),
  ...KeptRecord.fields,
  seq: Schema.Int.pipe(Schema.positive()),
  /** By name; not copied, so that a name such as `__proto__` stays one. */
  sealed: Schema.optional(JsonObject),
  prev: Hash,
  hash: Hash
})
export type Link = typeof Link.Type

const Opened = Schema.Struct({ salt: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{32}$/)), value: Schema.Unknown })

const parsed = Schema.decodeUnknownOption(Schema.parseJson(JsonObject))
const linkOf = Schema.decodeUnknownEither(Link, { onExcessProperty: "error" })
const openedOf = Schema.decodeUnknownOption(Opened, { onExcessProperty: "error" })
const asObject = Schema.decodeUnknownOption(JsonObject)

/** The line of a record, and its hash; `sensitive` is committed to and stands beside what is hashed. */
export const sealed = (
  seq: number,
  prev: string,
  members: { readonly [key: string]: Json | undefined },
  sensitive: JsonObject | undefined
): { readonly line: string; readonly hash: string } => {
  const opened = Object.entries(sensitive ?? {}).map(
    ([name, value]) => [name, { salt: randomBytes(16).toString("hex"), value }] as const
  )
  const hashed = defined({
    ...members,
    v: 1,
    seq,
    prev,
    sealed:
      opened.length === 0
        ? undefined
        : Object.fromEntries(opened.map(([name, { salt, value }]) => [name, commitment(salt, value)]))
  })
  const hash = sha256(canonical(hashed))
  const line = canonical({ ...hashed, hash, ...(opened.length === 0 ? {} : { open: Object.fromEntries(opened) }) })
  return { line, hash }
}

const commitment = (salt: string, value: Json): string =>
  createHash("sha256").update(Buffer.from(salt, "hex")).update(canonical(value)).digest("hex")

/** A line as a record that is in itself as it was written, or what is wrong with it. */
export const read = (line: string): Either.Either<Link, string> => {
  const object = Option.getOrUndefined(parsed(line))
  if (object === undefined) return Either.left("is no JSON object")
  if (canonical(object) !== line) return Either.left("is not spelled as it was written")
  return Either.flatMap(
    Either.mapLeft(linkOf(object), () => "is no record of this audit"),
    (link) => {
      const { hash, open: _, ...hashed } = object
      if (sha256(canonical(hashed)) !== hash) return Either.left("was changed: its hash is another")
      const wrong = Object.entries(link.open ?? {}).find(([name, value]) => !commits(link, name, value))
      return wrong === undefined
        ? Either.right(link)
        : Either.left(`was changed: "${wrong[0]}" is not the value it commits to`)
    }
  )
}

const commits = ({ sealed: seals = {} }: Link, name: string, given: Json): boolean =>
  Option.match(openedOf(given), {
    onNone: () => false,
    onSome: ({ salt }) => {
      const value = Option.getOrUndefined(asObject(given))?.["value"]
      return value !== undefined && Object.hasOwn(seals, name) && seals[name] === commitment(salt, value)
    }
  })

/** The line without some of its sensitive values, all of them if none is named, and the names of those. */
export const withheld = (
  line: string,
  names: ReadonlyArray<string>
): { readonly line: string; readonly taken: ReadonlyArray<string> } => {
  const object = Option.getOrUndefined(parsed(line)) ?? {}
  const { open, ...rest } = object
  const values = Object.entries(Option.getOrElse(asObject(open), () => ({})))
  const taken = values.filter(([name]) => names.length === 0 || names.includes(name))
  const left = values.filter((entry) => !taken.includes(entry))
  return {
    line: canonical(left.length === 0 ? rest : { ...rest, open: Object.fromEntries(left) }),
    taken: taken.map(([name]) => name)
  }
}
