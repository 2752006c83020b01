import { chmod, chown, mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { StoreFailed } from "../src/domain/DispatchError.js"
import * as Sqlite from "../src/drivers/Sqlite.js"
import { Store } from "../src/services/Store.js"
import { accepted } from "./support/SomeTask.js"
import { opened, stateFolder, storeAt } from "./support/StateFolder.js"

const refusal = (folder: string): Effect.Effect<StoreFailed, typeof Store.Service> =>
  Effect.scoped(Effect.flip(opened(folder)))

const contents = (folder: string) =>
  Effect.promise(async () =>
    Promise.all(
      (await readdir(folder)).sort().map(async (name) => [name, await readFile(join(folder, name), "base64")])
    )
  )

const modeOf = (path: string) =>
  Effect.map(
    Effect.promise(() => stat(path)),
    ({ mode }) => mode & 0o777
  )

describe("a database that cannot be used", () => {
  const newer = Effect.flatMap(SqlClient, (sql) =>
    Effect.all([
      sql`CREATE TABLE IF NOT EXISTS effect_sql_migrations (migration_id integer PRIMARY KEY NOT NULL, created_at datetime, name VARCHAR(255) NOT NULL)`,
      sql`INSERT INTO effect_sql_migrations (migration_id, name) VALUES (999, 'from the future')`
    ])
  )

  it.scopedLive("is left byte for byte as it is when a newer version wrote it", () =>
    Effect.gen(function* () {
      const [used, foreign] = [yield* stateFolder, yield* stateFolder]
      yield* Effect.provide(accepted(), storeAt(used))
      for (const folder of [used, foreign]) {
        yield* Effect.provide(newer, Sqlite.layer(folder))
        const before = yield* contents(folder)
        const error = yield* refusal(folder)
        assert.strictEqual(error.fault, "newer")
        assert.include(error.message, "999")
        assert.deepStrictEqual(yield* contents(folder), before)
      }
    })
  )

  it.scopedLive("is left byte for byte as it is when it is damaged", () =>
    Effect.gen(function* () {
      const damages: ReadonlyArray<(file: string) => Promise<void>> = [
        (file) => writeFile(file, "this has never been a database\n".repeat(100)),
        (file) => truncate(file, 5_000),
        async (file) => writeFile(file, (await readFile(file)).fill(0xff, 100, 4_096))
      ]
      for (const damage of damages) {
        const folder = yield* stateFolder
        yield* Effect.provide(accepted(), storeAt(folder))
        yield* Effect.promise(() => damage(join(folder, "agentdispatch.db")))
        const before = yield* contents(folder)
        const error = yield* refusal(folder)
        assert.strictEqual(error.fault, "corrupt", error.message)
        assert.deepStrictEqual(yield* contents(folder), before)
      }
    })
  )
})

describe("the state folder", () => {
  it.scopedLive("is private, with its files, whatever the umask", () =>
    Effect.gen(function* () {
      for (const umask of [0o000, 0o777]) {
        const folder = yield* stateFolder
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.acquireRelease(
              Effect.sync(() => process.umask(umask)),
              (usual) => Effect.sync(() => process.umask(usual))
            )
            yield* Effect.provideService(accepted(), Store, yield* opened(folder))
            assert.strictEqual(yield* modeOf(folder), 0o700)
            const names = (yield* contents(folder)).map(([name]) => name ?? "")
            assert.deepStrictEqual(names, ["agentdispatch.db", "agentdispatch.db-shm", "agentdispatch.db-wal"])
            for (const name of names) assert.strictEqual(yield* modeOf(join(folder, name)), 0o600, name)
          })
        )
      }
    })
  )

  it.scopedLive("is closed to others when it was open, with the database in it", () =>
    Effect.gen(function* () {
      const folder = yield* stateFolder
      yield* Effect.provide(accepted(), storeAt(folder))
      const file = join(folder, "agentdispatch.db")
      yield* Effect.promise(() => Promise.all([chmod(folder, 0o755), chmod(file, 0o644)]))
      yield* Effect.provide(accepted(), storeAt(folder))
      assert.deepStrictEqual([yield* modeOf(folder), yield* modeOf(file)], [0o700, 0o600])
    })
  )

  it.scopedLive("is refused, and left as it is, when it belongs to somebody else", () =>
    Effect.gen(function* () {
      const own = yield* stateFolder
      const folder = process.getuid?.() === 0 ? own : "/"
      if (folder === own)
        yield* Effect.promise(() => mkdir(own, { mode: 0o755 }).then(() => chown(own, 12_345, 12_345)))
      const before = yield* Effect.promise(() => stat(folder))
      assert.strictEqual((yield* refusal(folder)).fault, "not_private")
      const after = yield* Effect.promise(() => stat(folder))
      assert.deepStrictEqual([after.mode, after.uid], [before.mode, before.uid])
      if (folder === own) assert.deepStrictEqual(yield* contents(folder), [])
    })
  )

  it.scopedLive("is said to be unusable when its path leads through a file", () =>
    Effect.gen(function* () {
      const file = yield* stateFolder
      yield* Effect.promise(() => writeFile(file, "a file"))
      for (const folder of [file, join(file, "below")]) {
        const error = yield* refusal(folder)
        assert.strictEqual(error.fault, "read_only", error.message)
        assert.include(error.message, "set stateDir")
      }
    })
  )

  it.scopedLive.skipIf(process.getuid?.() === 0)(
    "is said to be read-only when it is (root may write everywhere, so not as root)",
    () =>
      Effect.gen(function* () {
        const folder = yield* stateFolder
        yield* Effect.promise(() => mkdir(folder, { mode: 0o500 }))
        assert.strictEqual((yield* refusal(folder)).fault, "read_only")
        assert.strictEqual(yield* modeOf(folder), 0o500)
      })
  )
})
