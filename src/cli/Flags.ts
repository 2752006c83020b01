import { Args, Options } from "@effect/cli"
import { Effect, Option, Schema } from "effect"
import { UsageInvalid } from "./Refusal.js"

const maybe = <A>(options: Options.Options<A>, description: string) =>
  options.pipe(Options.withDescription(description), Options.optional, Options.map(Option.getOrUndefined))

export const text = (name: string, description: string) => maybe(Options.text(name), description)

export const choice = <const A extends string>(name: string, choices: ReadonlyArray<A>, description: string) =>
  maybe(Options.choice(name, choices), description)

/** A whole number no smaller than `least`. */
export const number = (name: string, least: number, most: number, description: string) =>
  maybe(Options.integer(name).pipe(Options.withSchema(Schema.Int.pipe(Schema.between(least, most)))), description)

export const flag = (name: string, description: string) => Options.boolean(name).pipe(Options.withDescription(description))

export const common = {
  config: text("config", "The config file; without it AGENTDISPATCH_CONFIG, else the built-in local profiles"),
  json: flag("json", "Print compact JSON, as the MCP tools answer")
}

/** The words of a command line that belong to no option. */
export const words = (name: string) => Args.text({ name }).pipe(Args.repeated)

/** One word, which an option with a typo in it is not. */
export const oneWord = Effect.fn("cli.oneWord")(function* (name: string, given: ReadonlyArray<string>) {
  yield* noOptions(given)
  const [first, second] = given
  if (first === undefined) return yield* new UsageInvalid({ problem: `<${name}> is missing.` })
  if (second !== undefined) return yield* new UsageInvalid({ problem: `"${second}" is one word too many; one <${name}> at a time.` })
  return first
})

export const noOptions = (given: ReadonlyArray<string>) => {
  const option = given.find((word) => word.startsWith("-"))
  return option === undefined
    ? Effect.void
    : new UsageInvalid({ problem: `"${option}" is no option of this command, or was given twice. Its options: --help.` })
}
