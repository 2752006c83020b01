import { join } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { Effect, Schema } from "effect"
import { isTerminal, TaskStatus } from "../../src/domain/Lifecycle.js"
import { eventually, type Place } from "./Server.js"

const Row = Schema.Struct({
  id: Schema.String,
  status: TaskStatus,
  settled: Schema.Int,
  owner: Schema.NullOr(Schema.String),
  epoch: Schema.Int,
  backend: Schema.String,
  log_length: Schema.Int,
  event_count: Schema.Int,
  error: Schema.NullOr(Schema.String)
})
/** A task as the database has it. */
export type Row = typeof Row.Type

const Event = Schema.Struct({ number: Schema.Int, type: Schema.String, message: Schema.NullOr(Schema.String) })

const decodeRows = Schema.decodeUnknownSync(Schema.Array(Row))
const decodeEvents = Schema.decodeUnknownSync(Schema.Array(Event))
const decodeTexts = Schema.decodeUnknownSync(Schema.Array(Schema.Struct({ text: Schema.String })))

/** The database of a running server, read from outside and never written to. */
export const rowsAt = ({ stateDir }: Place) =>
  Effect.gen(function* () {
    const filename = join(stateDir, "agentdispatch.db")
    const sql = yield* SqliteClient.make({ filename, readonly: true, disableWAL: true })
    const tasks = Effect.map(
      sql`SELECT id, status, settled, owner, epoch, backend, log_length, event_count, error FROM tasks ORDER BY seq`,
      decodeRows
    )
    return {
      tasks: Effect.orDie(tasks),
      count: (status: TaskStatus) =>
        Effect.orDie(
          Effect.map(
            sql<{ count: number }>`SELECT count(*) AS count FROM tasks WHERE status = ${status}`,
            ([row]) => row?.count ?? 0
          )
        ),
      /** How many tasks are not over, or not cleaned up. */
      unsettled: Effect.orDie(
        Effect.map(
          sql<{ count: number }>`SELECT count(*) AS count FROM tasks WHERE settled = 0`,
          ([row]) => row?.count ?? 0
        )
      ),
      events: (id: string) =>
        Effect.orDie(
          Effect.map(
            sql`SELECT e.number, e.type, e.message FROM events e JOIN tasks t ON t.seq = e.task
              WHERE t.id = ${id} ORDER BY e.number`,
            decodeEvents
          )
        ),
      log: (id: string) =>
        Effect.orDie(
          Effect.map(
            sql`SELECT p.text FROM log_pieces p JOIN tasks t ON t.seq = p.task WHERE t.id = ${id} ORDER BY p.start`,
            (rows) =>
              decodeTexts(rows)
                .map(({ text }) => text)
                .join("")
          )
        ),
      integrity: Effect.orDie(sql`PRAGMA integrity_check`)
    }
  }).pipe(Effect.provide(Reactivity.layer))

export type Rows = Effect.Effect.Success<ReturnType<typeof rowsAt>>

export const isOver = ({ status, settled }: Row): boolean => isTerminal(status) && settled === 1

/**
 * Waits until every task that was unfinished has another driver, or is over under one that lives; answers how long that
 * took, in milliseconds.
 */
export const takenOver = (rows: Rows, before: ReadonlyArray<Row>, from: number): Effect.Effect<number> => {
  const open = before.filter((task) => !isOver(task))
  return eventually(
    Effect.map(rows.tasks, (tasks) =>
      open.every(({ id, epoch }) => tasks.some((task) => task.id === id && (task.epoch > epoch || isOver(task))))
        ? performance.now() - from
        : undefined
    )
  )
}

/** Prints a line for whoever reads the run. */
export const note = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${text}\n`))
