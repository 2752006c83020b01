import { join } from "node:path"
import { Clock, DateTime, Effect } from "effect"
import { defined, type JsonObject } from "../domain/Json.js"
import type { Identity } from "../services/Caller.js"
import { sealed } from "./AuditChain.js"
import { checkpointLine, headLine, interval, type Standing } from "./AuditCheckpoint.js"
import { appended, mended, names, overwritten } from "./AuditFile.js"
import type { SigningKey } from "./AuditKey.js"
import { grown } from "./AuditMerkle.js"
import { standing } from "./AuditStanding.js"

/** A record about to be written: who asked, the members that are hashed, and those that are only committed to. */
export interface Entry {
  readonly who: Identity
  readonly members: JsonObject
  readonly sensitive?: JsonObject | undefined
}

/**
 * Appends records in order, under the lock, in one write that is on disk before the head is signed over it: the head
 * is never ahead of the log, and a log behind its head was cut.
 */
export const append = Effect.fn("audit.write")(function* (
  folder: string,
  key: SigningKey,
  entries: ReadonlyArray<Entry>
) {
  const ground = yield* standing(folder, key)
  const at = DateTime.formatIso(DateTime.unsafeMake(yield* Clock.currentTimeMillis))
  const head = join(folder, names.head)
  if (ground.size + ground.since.length === 0) yield* overwritten(head, headLine(key, at, ground), true)

  let now: Standing = ground
  const checkpoints: Array<string> = []
  const advance = (hash: string) => {
    now = { size: now.size + 1, last: hash, frontier: grown(now.frontier, now.size, hash) }
    if (now.size % interval === 0) checkpoints.push(checkpointLine(key, at, now))
  }
  for (const link of ground.since) advance(link.hash)
  const [{ who } = { who: { principal: "user:unknown" } }] = entries
  const remarks = ground.remarks.map((members): Entry => ({ who, members: { ...members } }))
  const written = [...remarks, ...entries].map((entry) => {
    const members = { ...entry.members, at, who: whoOf(entry.who) }
    const { hash, line } = sealed(now.size + 1, now.last, members, entry.sensitive)
    advance(hash)
    return `${line}\n`
  })
  yield* appended(join(folder, names.log), `${ground.ragged ? "\n" : ""}${written.join("")}`)
  if (checkpoints.length > 0) {
    const path = join(folder, names.checkpoints)
    yield* mended(path)
    yield* appended(path, checkpoints.join(""))
  }
  yield* overwritten(head, headLine(key, at, now), false)
})

const whoOf = ({ client, principal }: Identity): JsonObject =>
  defined({ principal, client: client === undefined ? undefined : { name: client.name, version: client.version } })
