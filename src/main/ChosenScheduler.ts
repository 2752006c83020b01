import { Effect, Layer } from "effect"
import { defaultWaitSeconds } from "../domain/StoreConfig.js"
import * as SchedulerLease from "../drivers/SchedulerLease.js"
import { Settings } from "../services/Settings.js"

/** Of the runner's own client: one holds its shards, and none of the tasks' are taken from them. */
const connections = 4

/** A server that stays takes part in its team's cluster, where the settings name one; whatever comes and goes has leases. */
export const layer = (stays: boolean) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const { cluster, store } = (yield* Settings).config
      if (!stays || cluster === undefined || store?.url === undefined) return SchedulerLease.layer()
      const [Cluster, Postgres] = yield* Effect.promise(() =>
        Promise.all([import("../drivers/SchedulerCluster.js"), import("../drivers/Postgres.js")])
      )
      const { url, waitSeconds = defaultWaitSeconds } = store
      const client = Layer.fresh(Postgres.layer({ url, maxConnections: connections, waitSeconds }))
      return Layer.provide(Cluster.layer(cluster), client)
    })
  )
