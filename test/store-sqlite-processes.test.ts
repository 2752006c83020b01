import { SqlClient } from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Sqlite from "../src/drivers/Sqlite.js"
import { storeProcessesContract } from "./contracts/StoreProcessesContract.js"
import { wholeJournals } from "./support/Journals.js"
import { stateFolder, storeAt } from "./support/StateFolder.js"

storeProcessesContract("SQLite", {
  place: stateFolder,
  store: storeAt,
  intact: (folder) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      assert.deepStrictEqual(yield* sql`PRAGMA integrity_check`, [{ integrity_check: "ok" }])
      assert.deepStrictEqual(yield* sql`PRAGMA foreign_key_check`, [])
      yield* wholeJournals
    }).pipe(Effect.provide(Sqlite.layer(folder)))
})
