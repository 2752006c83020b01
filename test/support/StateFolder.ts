import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import * as StoreSql from "../../src/drivers/StoreSql.js"
import { Installation } from "../../src/services/Installation.js"
import { Store } from "../../src/services/Store.js"

/** A folder that is removed with its scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "agentdispatch-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** The name of a state folder that does not exist yet. */
export const stateFolder = Effect.map(temporaryFolder, (folder) => join(folder, "state"))

export const installationAt = (stateDir: string) =>
  Layer.succeed(Installation, { version: "0.0.0", supervisor: ["false"], worker: ["false"], stateDir })

/** The database of one state folder; each use opens a connection of its own. */
export const storeAt = (stateDir: string) => Layer.fresh(Layer.provide(StoreSql.layer, installationAt(stateDir)))

/** Opens the store of a folder for the length of the scope. */
export const opened = (folder: string) =>
  Effect.flatMap(Layer.build(storeAt(folder)), (built) => Effect.provide(Store, built))

/** A database in a folder of its own. */
export const storeAnywhere = Layer.unwrapScoped(Effect.map(stateFolder, storeAt))
