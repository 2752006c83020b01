import { Effect, Layer } from "effect"
import { defaultConnections, defaultWaitSeconds } from "../domain/StoreConfig.js"
import * as StoreSql from "../drivers/StoreSql.js"
import { Settings } from "../services/Settings.js"

/** The database that the settings name; the client of a server is loaded only where there is one. */
export const layer = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { store } = (yield* Settings).config
    if (store?.kind !== "postgres" || store.url === undefined) return StoreSql.layer
    const Postgres = yield* Effect.promise(() => import("../drivers/Postgres.js"))
    const { maxConnections = defaultConnections, url, waitSeconds = defaultWaitSeconds } = store
    return Layer.provide(StoreSql.layerClient, Postgres.layer({ url, maxConnections, waitSeconds }))
  })
)
