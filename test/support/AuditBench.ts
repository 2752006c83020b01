import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { strict as assert } from "node:assert"
import { Chunk, Effect, Layer, Stream } from "effect"
import * as AuditLog from "../../src/drivers/AuditLog.js"
import { Audit, type AuditRecord } from "../../src/services/Audit.js"
import { AuditTrail, type Evidence } from "../../src/services/AuditTrail.js"
import { installationAt } from "./StateFolder.js"

/** The audit of a folder, as one more process has it. */
export const auditAt = (folder: string) => Layer.fresh(Layer.provide(AuditLog.layer, installationAt(folder)))

export const some: AuditRecord = {
  event: "spawn_cloud_agent",
  taskId: "task_1",
  outcome: "accepted",
  rule: "policy.rules.0",
  detail: { provider: "local" },
  sensitive: { instruction: "find the bug" }
}

export const append = (...records: ReadonlyArray<AuditRecord>) =>
  Effect.flatMap(Audit, (audit) => Effect.forEach(records, audit.append, { discard: true }))
/** At once, so that they share writes. */
export const times = (count: number) =>
  Effect.flatMap(Audit, (audit) =>
    Effect.replicateEffect(audit.append(some), count, { concurrency: "unbounded", discard: true })
  )
export const verify = (evidence: Evidence = {}) => Effect.flatMap(AuditTrail, (trail) => trail.verify(evidence))
export const records = Effect.flatMap(AuditTrail, (trail) =>
  Effect.map(Stream.runCollect(trail.records), Chunk.toReadonlyArray)
)

export const log = (folder: string) => join(folder, "audit.ndjson")
export const lines = (folder: string) => readFileSync(log(folder), "utf8").split("\n").slice(0, -1)
export const rewrite = (folder: string, kept: ReadonlyArray<string>) =>
  writeFileSync(log(folder), kept.map((line) => `${line}\n`).join(""))

/** What is broken, and in which record. */
export const broken = (evidence: Evidence = {}) =>
  Effect.map(verify(evidence), (verdict) => {
    assert.strictEqual(verdict.whole, verdict.broken.length === 0)
    return verdict.broken.map(({ file, record, what }) => `${file} ${record ?? "-"} ${what}`)
  })
