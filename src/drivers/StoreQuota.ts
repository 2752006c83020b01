import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { QuotaReached } from "../domain/DispatchError.js"
import { terminalStatuses } from "../domain/Lifecycle.js"
import type { NewTask, Quota } from "../services/Store.js"

const hour = 3_600_000

/** Fails when one of the limits leaves no room; belongs in the transaction that then creates the task. */
export const countQuotas = Effect.fnUntraced(function* (sql: SqlClient, quotas: ReadonlyArray<Quota>, now: number) {
  for (const { rule, perHour, concurrent } of quotas) {
    if (perHour !== undefined) {
      const uses = yield* sql<{ at: number }>`SELECT at FROM quota_uses
        WHERE rule = ${rule} AND at > ${now - hour} ORDER BY at DESC LIMIT ${Math.max(1, perHour)}`
      const oldest = uses.at(-1)
      if (uses.length >= perHour) {
        const retryAt = oldest === undefined || perHour === 0 ? {} : { retryAt: oldest.at + hour }
        return yield* new QuotaReached({ rule, limit: "perHour", allowed: perHour, ...retryAt })
      }
    }
    if (concurrent !== undefined && (yield* unfinished(sql, rule)) >= concurrent) {
      return yield* new QuotaReached({ rule, limit: "concurrent", allowed: concurrent })
    }
  }
})

export const quotaUse = Effect.fnUntraced(function* (sql: SqlClient, rule: string, now: number) {
  const [row] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM quota_uses
    WHERE rule = ${rule} AND at > ${now - hour}`
  return { lastHour: row?.count ?? 0, unfinished: yield* unfinished(sql, rule) }
})

const unfinished = (sql: SqlClient, rule: string) =>
  Effect.map(
    sql<{ count: number }>`SELECT count(*) AS count FROM quota_uses q
      JOIN tasks t ON t.seq = q.task WHERE q.rule = ${rule} AND NOT (${sql.in("t.status", terminalStatuses)})`,
    ([row]) => row?.count ?? 0
  )

export const writeQuotas = (sql: SqlClient, { id, quotas = [] }: NewTask, now: number) =>
  Effect.forEach(
    quotas,
    ({ rule }) => sql`INSERT INTO quota_uses (rule, task, at) SELECT ${rule}, seq, ${now} FROM tasks WHERE id = ${id}`,
    { discard: true }
  )
