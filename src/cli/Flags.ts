import { Args, HelpDoc, Options, ValidationError } from "@effect/cli"
import { Effect, Option } from "effect"
import { suggestion } from "../domain/Nearest.js"

const maybe = <A>(options: Options.Options<A>, description: string) =>
  options.pipe(Options.withDescription(description), Options.optional, Options.map(Option.getOrUndefined))

const wrong = (name: string, problem: string) =>
  Effect.fail(ValidationError.invalidValue(HelpDoc.p(`--${name}: ${problem}`)))

export const text = (name: string, description: string) => maybe(Options.text(name), description)

const chosen =
  <const A extends string>(name: string, known: ReadonlyArray<A>) =>
  (given: string) => {
    const found = known.find((choice) => choice === given)
    return found === undefined
      ? wrong(name, `"${given.slice(0, 60)}" is none of ${known.join(", ")}.${suggestion(given, known)}`)
      : Effect.succeed(found)
  }

const named = (name: string, pseudoName: string) => Options.text(name).pipe(Options.withPseudoName(pseudoName))

export const choice = <const A extends string>(name: string, known: ReadonlyArray<A>, description: string) =>
  maybe(Options.mapEffect(named(name, known.join(" | ")), chosen(name, known)), description)

/** May be given several times. */
export const choices = <const A extends string>(name: string, known: ReadonlyArray<A>, description: string) =>
  named(name, known.join(" | ")).pipe(
    Options.withDescription(description),
    Options.repeated,
    Options.mapEffect(Effect.forEach(chosen(name, known)))
  )

/** May be given several times. */
export const texts = (name: string, pseudoName: string, description: string) =>
  named(name, pseudoName).pipe(Options.withDescription(description), Options.repeated)

/** A whole number between two others. */
export const number = (name: string, least: number, most: number, description: string) =>
  maybe(
    Options.mapEffect(named(name, "number"), (given) => {
      const value = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN
      return value >= least && value <= most
        ? Effect.succeed(value)
        : wrong(
            name,
            `"${given.slice(0, 60)}" is no whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? " up" : ` to ${most}`}.`
          )
    }),
    description
  )

export const flag = (name: string, description: string) =>
  Options.boolean(name).pipe(Options.withDescription(description))

export const common = {
  config: text("config", "The config file; without it AGENTDISPATCH_CONFIG, else the built-in local profiles"),
  json: flag("json", "Print compact JSON, as the MCP tools answer")
}

/** Which part of a log is wanted. */
export const log = {
  follow: flag("follow", "Go on until the task ends").pipe(Options.withAlias("f")),
  cursor: number("cursor", 0, Number.MAX_SAFE_INTEGER, "Characters to skip"),
  limit: number("limit", 1, 64_000, "One page of so many characters; with --json or --tail 8000 without it"),
  tail: flag("tail", "Only the end; with -f, go on from there"),
  contains: text("contains", "Only lines with this text, in any letter case")
}

/** The words of a command line that belong to no option. */
export const words = (name: string) => Args.text({ name }).pipe(Args.repeated)
