import { EventEmitter } from "node:events"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Deferred, Effect, Option, Predicate, Queue, Random, Schema, type Scope } from "effect"
import { TaskId } from "../domain/Task.js"
import { channel } from "./SqlDialect.js"

/** While the database tells of changes, looking for them is a precaution. */
const pauses = { told: "1 second", untold: "150 millis" } as const

/** How often a connection that only listens is asked whether it still is one. */
const asking = "5 seconds"

/** How long what another connection says may take to arrive. */
const arriving = "3 seconds"

const Message = Schema.Struct({ channel: Schema.Literal(channel), payload: Schema.String })
const decodeMessage = Schema.decodeUnknownOption(Message)

const Notification = Schema.Struct({ channel: Schema.Literal(channel), payload: TaskId })
const decode = Schema.decodeUnknownOption(Notification)

/**
 * Listens on a connection of its own, from the first wish on until the scope ends, and again whenever the connection is
 * lost: the vendor's own listener stays silent for ever then.
 */
export const makeNotices = (reserve: Effect.Effect<Connection, SqlError, Scope.Scope>) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const changed = yield* Queue.unbounded<TaskId>()
    let [begun, listening, warned] = [false, false, false]

    /** A pooler that gives each transaction another session takes the wish to listen and never tells anything. */
    const isTold = (client: EventEmitter) =>
      Effect.scoped(
        Effect.gen(function* () {
          const words = `heard ${yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)}`
          const arrived = yield* Deferred.make<void>()
          yield* heard(client, "notification", (message) => {
            const known = decodeMessage(message)
            if (Option.isSome(known) && known.value.payload === words) Deferred.unsafeDone(arrived, Effect.void)
          })
          const other = yield* reserve
          yield* other.execute("SELECT pg_notify($1, $2)", [channel, words], undefined)
          return Option.isSome(yield* Effect.timeoutOption(Deferred.await(arrived), arriving))
        })
      )

    const warn = Effect.suspend(() => {
      if (warned) return Effect.void
      warned = true
      return Effect.logWarning(untold)
    })

    const listen = Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* reserve
        const client = yield* clientOf(connection)
        const lost = yield* Deferred.make<void>()
        yield* heard(client, "notification", (message) => {
          const known = decode(message)
          if (Option.isSome(known)) Queue.unsafeOffer(changed, known.value.payload)
        })
        const end = () => Deferred.unsafeDone(lost, Effect.void)
        yield* heard(client, "error", end)
        yield* heard(client, "end", end)
        yield* connection.execute(`LISTEN ${channel}`, [], undefined)
        yield* Effect.addFinalizer(() => farewell(connection))
        listening = yield* isTold(client)
        if (!listening && !(yield* Deferred.isDone(lost))) yield* warn
        const answers = Effect.delay(connection.execute("SELECT 1", [], undefined), asking)
        yield* Effect.raceFirst(Deferred.await(lost), Effect.forever(answers))
      })
    ).pipe(Effect.ensuring(Effect.sync(() => void (listening = false))))

    const persistently = Effect.forever(
      Effect.zipRight(
        Effect.catchAll(listen, (error) => Effect.logInfo(`not told of changes meanwhile: ${error.message}`)),
        Effect.sleep("1 second")
      )
    )

    return {
      ringing: (ring: (id: TaskId) => Effect.Effect<void>) =>
        Effect.suspend(() => {
          if (begun) return Effect.void
          begun = true
          const ringing = Effect.forever(Effect.flatMap(Queue.take(changed), ring))
          return Effect.asVoid(
            Effect.forkIn(Effect.interruptible(Effect.all([persistently, ringing], { concurrency: 2 })), scope)
          )
        }),
      pause: Effect.sync(() => (listening ? pauses.told : pauses.untold))
    }
  })

const untold =
  "the database does not announce changes, so they are looked for all the time: a pooler in front of it that gives each transaction another session? Lead store.url to the server itself, or have the pooler keep sessions (pool_mode = session)"

/** The vendor's client is what tells; its connection only has it as a member nobody speaks of. */
const clientOf = (connection: Connection) =>
  Predicate.hasProperty(connection, "pg") && connection.pg instanceof EventEmitter
    ? Effect.succeed(connection.pg)
    : new SqlError({ cause: connection, message: "This connection cannot listen" })

const heard = (client: EventEmitter, event: string, listener: (told: unknown) => void) =>
  Effect.acquireRelease(
    Effect.sync(() => client.on(event, listener)),
    () => Effect.sync(() => client.off(event, listener))
  )

/** Whoever has the connection next did not ask to listen. */
const farewell = (connection: Connection) =>
  connection.execute("UNLISTEN *", [], undefined).pipe(
    Effect.timeout("1 second"),
    Effect.catchAll((error) => Effect.logDebug(`the listening connection is gone: ${error.message}`))
  )
