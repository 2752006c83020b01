import { Effect, Layer } from "effect"
import { type AdapterServices, loaders, specs } from "../../adapters/Registry.generated.js"
import { AdapterNotFound } from "../domain/DispatchError.js"
import { Adapter, Adapters } from "../services/Adapter.js"

/** Every adapter of the manifest; the code of one is loaded when the first task needs it. */
export const layer = Layer.scoped(
  Adapters,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const surroundings = yield* Effect.context<AdapterServices>()
    const built = new Map(
      yield* Effect.forEach(Object.entries(loaders), ([name, load]) =>
        Effect.promise(load).pipe(
          Effect.flatMap((module) => Layer.buildWithScope(module.layer, scope)),
          Effect.provide(surroundings),
          Effect.flatMap((context) => Effect.provide(Adapter, context)),
          // What is interrupted while it is remembered would be remembered as interrupted.
          Effect.uninterruptible,
          Effect.cached,
          Effect.map((adapter) => [name, adapter] as const)
        )
      )
    )
    return {
      specs,
      find: (name) => built.get(name) ?? Effect.fail(new AdapterNotFound({ name, known: [...built.keys()] }))
    }
  })
)
