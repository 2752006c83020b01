import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import * as StoreSql from "../../src/drivers/StoreSql.js"
import { Installation } from "../../src/services/Installation.js"

/** A folder that is removed with its scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "agentdispatch-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

export const installationAt = (stateDir: string) =>
  Layer.succeed(Installation, { version: "0.0.0", supervisor: ["false"], worker: ["false"], stateDir })

/** The database of one state folder; each use opens a connection of its own. */
export const storeAt = (stateDir: string) => Layer.fresh(Layer.provide(StoreSql.layer, installationAt(stateDir)))

/** A database in a folder of its own. */
export const storeAnywhere = Layer.unwrapScoped(Effect.map(temporaryFolder, (folder) => storeAt(join(folder, "state"))))
