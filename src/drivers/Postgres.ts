import { Socket } from "node:net"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Context, Effect, Layer, Redacted, Schedule } from "effect"
import { StoreFailed } from "../domain/DispatchError.js"
import { makeNotices } from "./PostgresNotices.js"
import { storedText, types } from "./PostgresText.js"
import { transactions } from "./PostgresTransactions.js"
import { isTransient, storeFailed } from "./SqlFault.js"
import { Notices } from "./StoreNotices.js"

export interface PostgresOptions {
  readonly url: Redacted.Redacted
  /** At most so many of this process, three at least: one listens and one is for telling the server to stop a statement. */
  readonly maxConnections: number
}

/** A server that says nothing for so long while it is asked is gone, in milliseconds. */
const silence = 30_000

/** How long a lost connection, a deadlock or a full server is tried again; short jittered pauses, up to 15 s in all. */
const patience = Schedule.exponential("5 millis", 1.7).pipe(
  Schedule.union(Schedule.spaced("250 millis")),
  Schedule.jittered,
  Schedule.upTo("15 seconds")
)

/** The database of a team, and what it tells of changes. */
export const layer = (options: PostgresOptions) =>
  Layer.scopedContext(Effect.mapError(open(options), (error) => placed(storeFailed(error), options))).pipe(
    Layer.provide(Reactivity.layer)
  )

/** Where a database is, for messages: host and name, never who uses it or how. */
export const placeOf = (url: Redacted.Redacted): string => {
  const { host, pathname } = new URL(Redacted.value(url))
  return `${host}${pathname}`
}

/** Whoever has to mend it must know where. */
const placed = ({ cause, detail, fault }: StoreFailed, { url }: PostgresOptions): StoreFailed =>
  new StoreFailed({ fault, detail: `${placeOf(url)}: ${detail}`, cause })

const open = Effect.fn("postgres.open")(function* ({ url, maxConnections }: PostgresOptions) {
  const vendor = yield* PgClient.make({
    url,
    maxConnections,
    connectTimeout: "5 seconds",
    idleTimeout: "30 seconds",
    applicationName: "agentdispatch",
    types,
    stream
  })
  // Without it the pool would let callers wait for a connection only as long as for the server.
  const room = yield* Effect.makeSemaphore(Math.max(1, maxConnections - 2))
  // The vendor forgets a connection that comes when nobody waits for it any more.
  const raw = Effect.uninterruptible(vendor.reserve)
  const reserve = Effect.map(raw, stored)
  const again = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.retry(effect, { schedule: patience, while: (error) => isTransient(error) })
  const single = stored(unreserved(vendor))
  const patient: Connection = {
    execute: (...statement) => again(room.withPermits(1)(single.execute(...statement))),
    executeRaw: (...statement) => again(room.withPermits(1)(single.executeRaw(...statement))),
    executeValues: (...statement) => again(room.withPermits(1)(single.executeValues(...statement))),
    executeUnprepared: (...statement) => again(room.withPermits(1)(single.executeUnprepared(...statement))),
    executeStream: (...statement) => single.executeStream(...statement)
  }
  const sql = yield* SqlClient.make({
    acquirer: Effect.succeed(patient),
    transactionAcquirer: reserve,
    compiler: PgClient.makeCompiler(),
    spanAttributes: [["db.system.name", "postgresql"]]
  })
  const withTransaction = transactions({
    reserve,
    room,
    patience,
    ask: (text, params) => again(single.execute(text, params, undefined))
  })
  return Context.make(SqlClient.SqlClient, Object.assign(sql, { withTransaction })).pipe(
    Context.add(Notices, yield* makeNotices(raw))
  )
})

/** A socket that finds out when the server is gone without a word. */
const stream = (): Socket => {
  const socket = new Socket()
  socket.setTimeout(silence, () => socket.destroy(new Error("Connection terminated: the server does not answer")))
  return socket
}

/** Statements outside a transaction, each on whichever connection is free. */
const unreserved = (vendor: PgClient.PgClient): Connection => ({
  execute: (text, params) => vendor.unsafe(text, params),
  executeRaw: (text, params) => vendor.unsafe(text, params).raw,
  executeValues: (text, params) => vendor.unsafe(text, params).values,
  executeUnprepared: (text, params) => vendor.unsafe(text, params),
  executeStream: (text, params) => vendor.unsafe(text, params).stream
})

const storable = (params: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  params.map((param) => (typeof param === "string" ? storedText(param) : param))

/** A connection that can be given any text. */
const stored = (connection: Connection): Connection => ({
  execute: (text, params, transform) => connection.execute(text, storable(params), transform),
  executeRaw: (text, params) => connection.executeRaw(text, storable(params)),
  executeValues: (text, params) => connection.executeValues(text, storable(params)),
  executeUnprepared: (text, params, transform) => connection.executeUnprepared(text, storable(params), transform),
  executeStream: (text, params, transform) => connection.executeStream(text, storable(params), transform)
})
