import { existsSync } from "node:fs"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { Context, Effect, Layer, Redacted } from "effect"
import { specs } from "../../adapters/Registry.generated.js"
import { ExitCode } from "../cli/ExitCode.js"
import type { Move } from "../cli/Invocation.js"
import { inWords } from "../cli/MoveReport.js"
import { UsageInvalid } from "../cli/Refusal.js"
import { Screen } from "../cli/Screen.js"
import { defaultConnections, urlFault } from "../domain/StoreConfig.js"
import { MoveRefused } from "../domain/StoreMove.js"
import * as Postgres from "../drivers/Postgres.js"
import * as SettingsFile from "../drivers/SettingsFile.js"
import * as Sqlite from "../drivers/Sqlite.js"
import { move } from "../drivers/StoreMove.js"

interface Asked extends Move {
  readonly config: string | undefined
  readonly json: boolean
}

/** Moves the tasks of this installation's state folder into a database, and says what went. */
export const moveStore = Effect.fn("main.moveStore")(function* ({ config, json, url: named, ...how }: Asked) {
  const screen = yield* Screen
  const { settings, stateDir } = yield* SettingsFile.load({
    path: config,
    specs,
    worker: [],
    environment: process.env,
    cwd: process.cwd()
  })
  const url = named === undefined ? settings.config.store?.url : Redacted.make(named)
  const fault = named === undefined ? undefined : urlFault(named)
  if (url === undefined || fault !== undefined) {
    return yield* new UsageInvalid({
      problem:
        fault === undefined
          ? "Where to? Give --url postgres://USER@HOST:5432/DATABASE, or set AGENTDISPATCH_DATABASE_URL."
          : `--url ${fault}.`
    })
  }
  if (!existsSync(join(stateDir, Sqlite.fileName))) {
    return yield* new MoveRefused({
      problem: `${stateDir} holds no tasks. Name the state folder with --config or AGENTDISPATCH_STATE_DIR.`
    })
  }
  const report = yield* Effect.scoped(
    Effect.gen(function* () {
      const from = yield* Layer.build(Sqlite.layer(stateDir))
      const to = yield* Layer.build(Postgres.layer({ url, maxConnections: defaultConnections }))
      const target = Postgres.placeOf(url)
      return yield* move(Context.get(from, SqlClient), Context.get(to, SqlClient), { ...how, target })
    })
  )
  yield* screen.out(json ? `${JSON.stringify(report)}\n` : inWords(report))
  return ExitCode.ok
})
