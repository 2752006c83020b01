import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Record, Schema } from "effect"
import { IdempotencyConflict, TaskNotFound } from "../domain/DispatchError.js"
import { Expired } from "../domain/Expired.js"
import type { NewTask } from "../services/Store.js"

const decode = Schema.decodeUnknown(Schema.Array(Expired))

/** Why a task is not there, by its id or its other name: it never was, or its record was deleted. */
export const absent = (sql: SqlClient, name: string) =>
  Effect.map(expiredOf(sql, name), (expired) => new TaskNotFound({ id: name, expired }))

/** Refuses a key whose task is deleted; the same call would do the same work a second time. */
export const refuseSpent = Effect.fnUntraced(function* (
  sql: SqlClient,
  { key, fingerprint }: NonNullable<NewTask["idempotency"]>
) {
  const [spent] = yield* sql<{ id: string; fingerprint: string }>`SELECT id, fingerprint
    FROM spent_keys WHERE key = ${key}`
  if (spent === undefined) return
  const expired = spent.fingerprint === fingerprint ? yield* expiredOf(sql, spent.id) : undefined
  return yield* new IdempotencyConflict({ key, taskId: spent.id, expired })
})

const expiredOf = Effect.fnUntraced(function* (sql: SqlClient, name: string) {
  const rows = yield* sql`SELECT status, ended_at AS "endedAt", deleted_at AS "deletedAt", principal, export
    FROM expired_tasks WHERE id = ${name} OR alias = ${name}`
  const [found] = yield* decode(rows.map(Record.filter((value) => value !== null)))
  return found
})
