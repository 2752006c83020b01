import { Config, Effect, Option } from "effect"

/** The variables of ours that the child may see; one that is not set stays unset. */
export const environment = (names: ReadonlyArray<string>): Effect.Effect<Readonly<Record<string, string>>> =>
  Effect.map(
    Effect.forEach(names, (name) => Effect.map(Effect.option(Config.string(name)), (value) => ({ name, value }))),
    (found) =>
      Object.fromEntries(found.flatMap(({ name, value }) => (Option.isSome(value) ? [[name, value.value]] : [])))
  )
