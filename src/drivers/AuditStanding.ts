import { readdir, rename } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Either, Stream } from "effect"
import type { Json, JsonObject } from "../domain/Json.js"
import { genesis, type Link, read } from "./AuditChain.js"
import { type Head, isSignedBy, readHead, type Standing } from "./AuditCheckpoint.js"
import { attempt, fingerprint, found, isBefore, lines, mended, names, tail } from "./AuditFile.js"
import type { SigningKey } from "./AuditKey.js"
import { grown } from "./AuditMerkle.js"

/** What the log says of itself before it goes on. */
export interface Remark {
  readonly event: string
  readonly outcome: string
  readonly detail: JsonObject
}

export interface Ground extends Standing {
  /** The standing that the last head was signed over; what came since is in `since`. */
  readonly since: ReadonlyArray<Link>
  readonly remarks: ReadonlyArray<Remark>
  /** The log ends in the middle of a line that is evidence and stays. */
  readonly ragged: boolean
}

const nothing: Standing = { size: 0, last: genesis, frontier: [] }

/**
 * Where the log of a folder stands, under the lock: at its signed head and what a crash kept from being signed. A log
 * that is shorter than its head goes on from the head, so that what is missing stays missing for everybody to see.
 */
export const standing = Effect.fn("audit.standing")(function* (folder: string, key: SigningKey) {
  const log = join(folder, names.log)
  const head = readHead((yield* found(join(folder, names.head))) ?? "")
  if (head === undefined || (head.key === key.id && !isSignedBy(key, head))) {
    return yield* headless(folder, key, head === undefined ? "missing" : "not signed with this key")
  }
  const { last, size } = head.checkpoint
  const { lines: ending, torn } = yield* tail(log, (line) =>
    Either.match(read(line), { onLeft: () => false, onRight: (link) => link.seq <= size })
  )
  const links = ending.flatMap((line) => Either.match(read(line), { onLeft: () => [], onRight: (link) => [link] }))
  const shortened = size > 0 && (links[0]?.seq ?? 0) < size
  const signed: Standing = { size, last, frontier: head.frontier }
  const since = shortened ? [] : following(signed, links.reverse())
  const dropped = shortened ? 0 : torn === 0 ? 0 : yield* mended(log)
  return {
    ...signed,
    since,
    ragged: shortened && torn > 0,
    remarks: [
      ...(dropped === 0 ? [] : [recovered({ bytes: dropped })]),
      ...(head.key === key.id ? [] : [replaced(head, key)]),
      ...(size + since.length === 0 ? [yield* started(folder, key)] : [])
    ]
  } satisfies Ground
})

/** The links that go on from a standing, as far as they do. */
const following = ({ last, size }: Standing, links: ReadonlyArray<Link>): ReadonlyArray<Link> => {
  const chained: Array<Link> = []
  let [seq, prev] = [size, last]
  for (const link of links) {
    if (link.seq !== seq + 1 || link.prev !== prev) continue
    chained.push(link)
    seq = link.seq
    prev = link.hash
  }
  return chained
}

/** A log without its head: one of a version that kept no chain is moved aside, any other goes on as far as it reads. */
const headless = Effect.fnUntraced(function* (folder: string, key: SigningKey, why: string) {
  const log = join(folder, names.log)
  const first = yield* Stream.runHead(lines(log))
  if (first._tag === "Some" && Either.isLeft(read(first.value.text)) && !first.value.text.includes('"hash":')) {
    yield* setAside(folder)
    return { ...nothing, since: [], ragged: false, remarks: [yield* started(folder, key)] } satisfies Ground
  }
  const dropped = yield* mended(log)
  const soFar = yield* Stream.runFold(lines(log), nothing, (before, line) =>
    Either.match(read(line.text), { onLeft: () => before, onRight: (link) => after(before, link) })
  )
  return {
    ...soFar,
    since: [],
    ragged: false,
    remarks:
      first._tag === "None"
        ? [yield* started(folder, key)]
        : [recovered({ head: why, records: soFar.size, ...(dropped === 0 ? {} : { bytes: dropped }) })]
  } satisfies Ground
})

const after = ({ frontier, size }: Standing, link: Link): Standing => ({
  size: size + 1,
  last: link.hash,
  frontier: grown(frontier, size, link.hash)
})

const setAside = Effect.fnUntraced(function* (folder: string) {
  const log = join(folder, names.log)
  const taken = (yield* found(join(folder, names.before))) !== undefined
  const { sha256 } = yield* fingerprint(log)
  const name = taken ? `audit.before-chain.${sha256.slice(0, 12)}.ndjson` : names.before
  yield* attempt(log, () => rename(log, join(folder, name)))
})

const recovered = (detail: { readonly [key: string]: Json }): Remark => ({
  event: "audit.recovered",
  outcome: "recovered",
  detail
})

const replaced = (head: Head, key: SigningKey): Remark => ({
  event: "audit.key_replaced",
  outcome: "replaced",
  detail: { was: head.key, is: key.id }
})

/** The first record names the key and vouches for what older versions wrote. */
const started = Effect.fnUntraced(function* (folder: string, key: SigningKey) {
  const earlier = (yield* attempt(folder, () => readdir(folder))).filter(isBefore).sort()
  const files = yield* Effect.forEach(earlier, (name) => fingerprint(join(folder, name)))
  return {
    event: "audit.started",
    outcome: "started",
    detail: { key: key.id, publicKey: key.pem, ...(files.length === 0 ? {} : { earlier: files }) }
  } satisfies Remark
})
