import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import * as TransportProcess from "../src/drivers/TransportProcess.js"
import * as BuiltInAdapters from "../src/main/BuiltInAdapters.js"
import { Adapters } from "../src/services/Adapter.js"
import { Audit } from "../src/services/Audit.js"
import { installationAt } from "./support/StateFolder.js"

const layer = Layer.provide(
  BuiltInAdapters.layer,
  Layer.mergeAll(TransportProcess.layer, installationAt("nowhere"), Audit.layerNone)
)

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

it.scopedLive("An adapter whose first user left while it was loaded is there for the next one", () =>
  Effect.gen(function* () {
    for (let count = 0; count < 20; count++) {
      const found = yield* Effect.gen(function* () {
        const { find } = yield* Adapters
        const first = yield* Effect.fork(Effect.disconnect(find("local-process")))
        for (let passed = 0; passed < count; passed++) yield* passed % 2 === 0 ? turn : Effect.yieldNow()
        yield* Fiber.interrupt(first)
        return yield* Effect.exit(find("local-process"))
      }).pipe(Effect.provide(Layer.fresh(layer)))
      assert.strictEqual(found._tag, "Success", `after ${count} turns`)
    }
  })
)
