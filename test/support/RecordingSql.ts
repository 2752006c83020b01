import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import * as Statement from "@effect/sql/Statement"
import { Effect } from "effect"

export interface Told {
  readonly text: string
  readonly params: ReadonlyArray<unknown>
  readonly rows: number
  /** Text in the rows, in UTF-16 units. */
  readonly units: number
}

const unitsOf = (rows: ReadonlyArray<unknown>) => JSON.stringify(rows).length

/** A client over the connection of another that writes down every statement and what came back. */
export const recording = (sql: SqlClient.SqlClient) =>
  Effect.gen(function* () {
    const told: Array<Told> = []
    const connection = yield* Effect.scoped(sql.reserve)
    const recorder: Connection = {
      ...connection,
      execute: (text, params, transform) =>
        Effect.tap(connection.execute(text, params, transform), (rows) => {
          told.push({ text, params, rows: rows.length, units: unitsOf(rows) })
        })
    }
    const client = yield* SqlClient.make({
      acquirer: Effect.succeed(recorder),
      compiler: Statement.makeCompilerSqlite(),
      spanAttributes: []
    })
    return { client, told }
  }).pipe(Effect.provide(Reactivity.layer))

/** How SQLite reaches the tables of a statement. */
export const planOf = (sql: SqlClient.SqlClient, { text, params }: Told) =>
  Effect.map(sql.unsafe<{ detail: string }>(`EXPLAIN QUERY PLAN ${text}`, params), (rows) =>
    rows.map(({ detail }) => detail)
  )
