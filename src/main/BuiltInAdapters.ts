import { Effect, Fiber, Layer } from "effect"
import { type AdapterServices, type Loader, loaders, specs } from "../../adapters/Registry.generated.js"
import { AdapterNotFound } from "../domain/DispatchError.js"
import { Adapter, Adapters } from "../services/Adapter.js"

/** Every adapter of the manifest; the code of one is loaded when the first task needs it. */
export const layer = Layer.scoped(
  Adapters,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const surroundings = yield* Effect.context<AdapterServices>()
    const known = Object.keys(loaders)
    const loading = new Map<string, Fiber.Fiber<typeof Adapter.Service>>()

    const load = (name: string, loader: Loader) =>
      Effect.promise(loader).pipe(
        Effect.flatMap((module) => Layer.buildWithScope(module.layer, scope)),
        Effect.provide(surroundings),
        Effect.flatMap((context) => Effect.provide(Adapter, context)),
        // A fiber of its own: `Effect.cached` would remember for everybody that its first user was interrupted.
        Effect.forkIn(scope),
        Effect.tap((fiber) => Effect.sync(() => loading.set(name, fiber))),
        Effect.uninterruptible
      )

    return {
      specs,
      find: (name) =>
        Effect.suspend(() => {
          const loader = loaders[name]
          if (loader === undefined) return new AdapterNotFound({ name, known })
          const begun = loading.get(name)
          return Effect.flatMap(begun === undefined ? load(name, loader) : Effect.succeed(begun), (fiber) =>
            Effect.flatten(Fiber.await(fiber))
          )
        })
    }
  })
)
