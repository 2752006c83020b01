import { Effect, Layer, Redacted } from "effect"
import * as Postgres from "../../src/drivers/Postgres.js"
import * as StoreSql from "../../src/drivers/StoreSql.js"
import { Store } from "../../src/services/Store.js"

/** A client of a database; each use opens connections of its own. */
export const clientAt = (url: string, maxConnections = 5) =>
  Layer.fresh(Postgres.layer({ url: Redacted.make(url), maxConnections }))

/** The store in a database. */
export const storeAtUrl = (url: string) => Layer.provide(StoreSql.layerClient, clientAt(url))

/** Opens the store of a database for the length of the scope. */
export const openedAtUrl = (url: string) =>
  Effect.flatMap(Layer.build(storeAtUrl(url)), (built) => Effect.provide(Store, built))
