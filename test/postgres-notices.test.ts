import { EventEmitter } from "node:events"
import type { Connection } from "@effect/sql/SqlConnection"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Logger, TestClock } from "effect"
import { makeNotices } from "../src/drivers/PostgresNotices.js"
import { channel } from "../src/drivers/SqlDialect.js"

/** A server's connections; `announces` is false behind a pooler that gives each transaction another session. */
const serverThat = (announces: boolean) => {
  const listeners = new Set<EventEmitter>()
  const reserve = Effect.sync(() => {
    const pg = new EventEmitter()
    const answer = (text: string, [, payload]: ReadonlyArray<unknown>) =>
      Effect.sync(() => {
        if (text.startsWith("LISTEN")) listeners.add(pg)
        if (text.includes("pg_notify") && announces)
          for (const listener of listeners) listener.emit("notification", { channel, payload })
        return []
      })
    const connection: Connection & { readonly pg: EventEmitter } = {
      pg,
      execute: answer,
      executeRaw: answer,
      executeValues: answer,
      executeUnprepared: answer,
      executeStream: () => assert.fail("nothing is streamed")
    }
    return connection
  })
  return { reserve, endAll: () => listeners.forEach((listener) => listener.emit("end")) }
}

const begun = (announces: boolean) =>
  Effect.gen(function* () {
    const { endAll, reserve } = serverThat(announces)
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel.label === "WARN") warnings.push(String(message))
    })
    const notices = yield* Effect.provide(makeNotices(reserve), Logger.replace(Logger.defaultLogger, logger))
    yield* Effect.provide(
      notices.ringing(() => Effect.void),
      Logger.replace(Logger.defaultLogger, logger)
    )
    yield* TestClock.adjust("4 seconds")
    return { endAll, warnings, pause: Effect.map(notices.pause, Duration.toMillis) }
  })

describe("the announcements of a database", () => {
  it.scoped("are trusted once one has arrived", () =>
    Effect.gen(function* () {
      const { pause, warnings } = yield* begun(true)
      assert.strictEqual(yield* pause, 1_000)
      assert.deepStrictEqual(warnings, [])
    })
  )

  it.scoped("are not waited for behind a pooler that keeps them, which is said once, with the remedy", () =>
    Effect.gen(function* () {
      const { endAll, pause, warnings } = yield* begun(false)
      assert.strictEqual(yield* pause, 150)
      endAll()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* pause, 150)
      assert.lengthOf(warnings, 1)
      assert.include(warnings[0], "pool_mode = session")
    })
  )
})
