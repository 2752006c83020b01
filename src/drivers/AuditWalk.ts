import { Effect, Either, Option, Schema, Stream } from "effect"
import type { Finding } from "../services/AuditTrail.js"
import { genesis, type Link, read } from "./AuditChain.js"
import type { Claim, Standing } from "./AuditCheckpoint.js"
import { type Line, lines, names } from "./AuditFile.js"
import { grown, rootOf } from "./AuditMerkle.js"

/** A signed claim about the log, and where it stands. */
export interface Expected {
  readonly file: string
  readonly claim: Claim
}

/** What the first record says of the files of older versions. */
const Started = Schema.Struct({
  key: Schema.String,
  earlier: Schema.optional(
    Schema.Array(Schema.Struct({ file: Schema.String, sha256: Schema.String, bytes: Schema.Int }))
  )
})
export type Started = typeof Started.Type
const startedOf = Schema.decodeUnknownOption(Started)

/** So many notes of a kind are worth reading. */
const most = 20

export interface Walked {
  /** So many records are whole, from the first. */
  readonly records: number
  readonly started: Started | undefined
  readonly broken: ReadonlyArray<Finding>
  readonly notes: ReadonlyArray<Finding>
}

/** Goes through a log from its first record to the first one that is not as it was written and signed for. */
export const walk = Effect.fn("audit.walk")(function* (path: string, expected: ReadonlyArray<Expected>) {
  const walker = makeWalker(expected)
  yield* Stream.runForEach(Stream.takeWhile(lines(path), walker.goesOn), (line) => Effect.sync(() => walker.take(line)))
  return walker.end()
})

const makeWalker = (expected: ReadonlyArray<Expected>) => {
  const claims = new Map<number, ReadonlyArray<Expected>>()
  for (const wanted of expected) claims.set(wanted.claim.size, [...(claims.get(wanted.claim.size) ?? []), wanted])
  let now: Standing = { size: 0, last: genesis, frontier: [] }
  let proven = 0
  let at = ""
  let started: Started | undefined
  let torn: Line | undefined
  let broken: Finding | undefined
  const notes: Array<Finding> = []

  const note = (record: number, line: number, what: string) => {
    if (notes.length < most) notes.push({ file: names.log, record, line, what })
  }
  const breaks = (line: Line, record: number, what: string) => {
    broken = { file: names.log, record, line: line.number, what: `record ${record} ${what}` }
  }

  const take = (line: Line) => {
    if (!line.ended) return void (torn = line)
    const record = now.size + 1
    const link = read(line.text)
    if (Either.isLeft(link)) return breaks(line, record, link.left)
    const problem = misplaced(link.right, now)
    if (problem !== undefined) return breaks(line, record, problem)
    now = { size: record, last: link.right.hash, frontier: grown(now.frontier, now.size, link.right.hash) }
    const claim = (claims.get(record) ?? []).find((wanted) => !holds(wanted.claim, now))
    if (claim !== undefined) {
      const which = proven + 1 === record ? "is" : `or one up to ${record} is`
      return breaks(line, proven + 1, `${which} not what was signed for at ${claim.claim.at} in ${claim.file}`)
    }
    if (claims.has(record)) proven = record
    if (link.right.at < at) note(record, line.number, `the clock went back from ${at} to ${link.right.at}`)
    at = link.right.at
    if (record === 1) started = Option.getOrUndefined(startedOf(link.right.detail))
    const said = confessed(link.right)
    if (said?.breaks === true) breaks(line, record, said.what)
    else if (said !== undefined) note(record, line.number, said.what)
  }

  const end = (): Walked => {
    const [furthest] = [...expected].sort((a, b) => b.claim.size - a.claim.size)
    const next = now.size + 1
    if (broken === undefined && furthest !== undefined && furthest.claim.size > now.size) {
      const state = torn === undefined ? "is missing" : "is cut off"
      const what = `record ${next} ${state}: the log ends there, and ${furthest.claim.size} records were signed for at ${furthest.claim.at} in ${furthest.file}`
      broken = { file: names.log, record: next, ...(torn === undefined ? {} : { line: torn.number }), what }
    } else if (broken === undefined && torn !== undefined) {
      note(
        next,
        torn.number,
        `${torn.bytes.length} bytes of an unfinished record; the next append drops them and says so`
      )
    }
    if (broken === undefined && proven < now.size && expected.length > 0) {
      notes.push({ file: names.log, record: proven + 1, what: "the records from here on are not signed for yet" })
    }
    return { records: now.size, started, broken: broken === undefined ? [] : [broken], notes }
  }

  return { take, end, goesOn: () => broken === undefined }
}

const misplaced = (link: Link, { last, size }: Standing): string | undefined => {
  if (link.seq !== size + 1) return `is not in its place, record ${link.seq} is: one was deleted, inserted or moved`
  if (link.prev !== last) return `does not go on from record ${size}: one of the two was replaced`
  if (size === 0 && link.event !== "audit.started") return "does not begin a log: what stood before it is gone"
  return undefined
}

const holds = (claim: Claim, { frontier, last }: Standing): boolean =>
  claim.root === rootOf(frontier) && claim.last === last

/** What a record says about the log itself. */
const confessed = ({ detail = {}, event }: Link): { readonly what: string; readonly breaks?: true } | undefined => {
  if (event === "audit.key_replaced") return { what: "the signing key was replaced here" }
  if (event !== "audit.recovered") return undefined
  const head = detail["head"]
  return head === undefined
    ? { what: `${String(detail["bytes"])} bytes of an unfinished record were dropped here` }
    : {
        what: `was written while ${names.head} was ${String(head)}: whether records stood before it cannot be proven`,
        breaks: true
      }
}
