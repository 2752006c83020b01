import { Effect, Layer } from "effect"
import { storeContract } from "./contracts/StoreContract.js"
import { cluster, storeAtUrl } from "./support/Postgres.js"

const { emptied } = cluster()

storeContract("PostgreSQL", Layer.unwrapScoped(Effect.map(emptied, storeAtUrl)))
