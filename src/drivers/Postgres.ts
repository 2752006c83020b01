import { Socket } from "node:net"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
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
  /** How long a caller waits in all: for its turn, for a server that is lost, full or silent; else as long as it takes. */
  readonly waitSeconds?: number | undefined
}

/** A server that says nothing for so long is gone, in seconds; a connection that only listens asks more often. */
const silence = 15
/** How long the same is tried again, in seconds, where nobody says how long a caller waits. */
const usual = 15

/** A lost connection, a deadlock or a full server is tried again after short jittered pauses. */
const pauses = Schedule.exponential("5 millis", 1.7).pipe(
  Schedule.union(Schedule.spaced("250 millis")),
  Schedule.jittered
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

/** The vendor takes these for the strictest mode too, warns at each start, and means to take them for less some day. */
const strict = new Set(["prefer", "require", "verify-ca"])

const checkingCertificates = (url: Redacted.Redacted): Redacted.Redacted => {
  const told = new URL(Redacted.value(url))
  const mode = told.searchParams.get("sslmode")
  if (mode === null || !strict.has(mode) || told.searchParams.has("uselibpqcompat")) return url
  told.searchParams.set("sslmode", "verify-full")
  return Redacted.make(told.href)
}

/** Whoever has to mend it must know where. */
const placed = ({ cause, detail, fault }: StoreFailed, { url }: PostgresOptions): StoreFailed =>
  new StoreFailed({ fault, detail: `${placeOf(url)}: ${detail}`, cause })

const open = Effect.fn("postgres.open")(function* ({ url, maxConnections, waitSeconds }: PostgresOptions) {
  const patience = Schedule.upTo(pauses, `${waitSeconds ?? usual} seconds`)
  const vendor = yield* PgClient.make({
    url: checkingCertificates(url),
    maxConnections,
    connectTimeout: "5 seconds",
    // Before the socket itself takes the server for gone.
    idleTimeout: "10 seconds",
    applicationName: "agentdispatch",
    types,
    stream: () => makeSocket(waitSeconds === undefined ? 2 * silence : Math.max(silence, waitSeconds))
  })
  // Without it the pool would let callers wait for a connection only as long as for the server.
  const room = yield* Effect.makeSemaphore(Math.max(1, maxConnections - 2))
  // The vendor forgets a connection that comes when nobody waits for it any more.
  const raw = Effect.uninterruptible(vendor.reserve)
  const reserve = Effect.map(raw, stored)
  const again = <A, E>(effect: Effect.Effect<A, E>) =>
    inTime(Effect.retry(effect, { schedule: patience, while: (error) => isTransient(error) }), waitSeconds)
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
  const transaction = transactions({
    reserve,
    room,
    patience,
    ask: (text, params) => again(single.execute(text, params, undefined))
  })
  const withTransaction: SqlClient.SqlClient["withTransaction"] = (body) => inTime(transaction(body), waitSeconds)
  return Context.make(SqlClient.SqlClient, Object.assign(sql, { withTransaction })).pipe(
    Context.add(Notices, yield* makeNotices(raw))
  )
})

/** What was begun and cannot be stopped at once, a commit for one, comes to its end without whoever waited for it. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>, seconds: number | undefined) =>
  seconds === undefined
    ? effect
    : Effect.timeoutFail(Effect.disconnect(effect), {
        duration: `${seconds} seconds`,
        onTimeout: () =>
          new SqlError({
            message: "no answer in time",
            cause: new Error(`Connection timed out: no answer within the ${seconds} s of store.waitSeconds`)
          })
      })

/** A socket that finds out when the server is gone without a word. */
const makeSocket = (seconds: number): Socket => {
  const socket = new Socket()
  socket.setTimeout(seconds * 1_000, () =>
    socket.destroy(new Error("Connection terminated: the server does not answer"))
  )
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
