import { Context, Effect, Layer } from "effect"
import { defined, type JsonObject } from "../domain/Json.js"
import { Audit, type AuditRecord } from "../services/Audit.js"
import { AuditTrail } from "../services/AuditTrail.js"
import { Caller, type Identity } from "../services/Caller.js"
import { Installation } from "../services/Installation.js"
import { type Redaction, Redactor } from "../services/Redactor.js"
import { append, type Entry } from "./AuditAppend.js"
import { exportTo, records, redact } from "./AuditExport.js"
import { type SigningKey, signingKey } from "./AuditKey.js"
import * as AuditLock from "./AuditLock.js"
import { verify } from "./AuditVerify.js"

/** So many records at most share one write; what else waits is written next. */
const batch = 64
/** What callers call things is kept up to so many characters. */
const longest = 200

/** The audit of a state folder: chained records, signed checkpoints and their proof. */
export const layer: Layer.Layer<Audit | AuditTrail, never, Installation> = Layer.scopedContext(
  Effect.gen(function* () {
    const { stateDir } = yield* Installation
    const lock = yield* AuditLock.make(stateDir)
    const kept = yield* keeper(stateDir, lock)
    const noted = (record: AuditRecord) => Effect.flatMap(named(record), kept)
    return Context.make(Audit, { append: noted }).pipe(
      Context.add(AuditTrail, {
        records: records(stateDir),
        verify: (evidence) => verify(stateDir, lock, evidence),
        exportTo: (folder) => lock(exportTo(stateDir, folder)),
        redact: (seq, names) =>
          Effect.tap(lock(redact(stateDir, seq, names)), (taken) =>
            noted({ event: "audit.redacted", outcome: "redacted", detail: { record: seq, names: taken } })
          )
      })
    )
  })
)

/** Whoever comes while records are being written waits in line, and the next in line writes for all of them. */
const keeper = Effect.fnUntraced(function* (folder: string, lock: AuditLock.Lock) {
  const turn = yield* Effect.makeSemaphore(1)
  const waiting: Array<Entry> = []
  let known: SigningKey | undefined
  const key = Effect.suspend(() =>
    known === undefined
      ? Effect.tap(signingKey(folder), (made) => Effect.sync(() => (known = made)))
      : Effect.succeed(known)
  )
  const write = (entries: ReadonlyArray<Entry>) =>
    Effect.catchAll(lock(Effect.flatMap(key, (found) => append(folder, found, entries))), (error) =>
      Effect.logError(
        `audit records could not be kept: ${error.message}`,
        entries.map(({ members, who }) => ({ ...members, who: { ...who } }))
      )
    )
  const writeAll = Effect.gen(function* () {
    while (waiting.length > 0) yield* write(waiting.splice(0, batch))
  })
  return (entry: Entry) =>
    Effect.uninterruptible(
      Effect.zipRight(
        Effect.sync(() => waiting.push(entry)),
        turn.withPermits(1)(writeAll)
      )
    )
})

/** A record with its caller, bounded and free of what this process knows to be secret. */
const named = Effect.fnUntraced(function* (record: AuditRecord) {
  const redaction = yield* Redactor
  const { client, principal } = yield* Caller
  const brief = (text: string) => redaction.text(text).slice(0, longest)
  const briefly = (text: string | undefined) => (text === undefined ? undefined : brief(text))
  const who: Identity = {
    principal: brief(principal),
    ...(client === undefined ? {} : { client: { name: brief(client.name), version: brief(client.version) } })
  }
  return {
    who,
    members: defined({
      event: brief(record.event),
      taskId: briefly(record.taskId),
      handle: briefly(record.handle),
      outcome: brief(record.outcome),
      code: briefly(record.code),
      rule: briefly(record.rule),
      detail: cleaned(redaction, record.detail)
    }),
    sensitive: cleaned(redaction, record.sensitive)
  } satisfies Entry
})

const cleaned = (redaction: Redaction, members: JsonObject | undefined): JsonObject | undefined =>
  members === undefined
    ? undefined
    : Object.fromEntries(
        Object.entries(members).map(([name, value]) => [redaction.text(name), redaction.json(value)] as const)
      )
