import { CliConfig, CommandDescriptor, HelpDoc } from "@effect/cli"
import { Effect } from "effect"
import { suggestion } from "../domain/Nearest.js"
import { UsageInvalid } from "./Refusal.js"

const config = CliConfig.make({ isCaseSensitive: true, showBuiltIns: false })

/** What a command line comes to: a command, or text that was asked for, such as help. */
export type Reading<A> = { readonly command: A } | { readonly text: string }

const command = <A>(found: A): Reading<A> => ({ command: found })
export const text = (answer: string): Reading<never> => ({ text: answer })

export interface Named<A> {
  /** As in its help: `agentdispatch run`. */
  readonly name: string
  readonly usage: string
  readonly descriptor: CommandDescriptor.Command<A>
}

/** Reads the words behind a command's name. */
export const readWords = Effect.fn("cli.readWords")(function* <A>(
  { descriptor, name, usage }: Named<A>,
  words: ReadonlyArray<string>
) {
  const help = shortened(unstyled(CommandDescriptor.getHelp(descriptor, config)))
  const wrong = (problem: string) => new UsageInvalid({ problem: `${problem} Its options: ${name} --help` })
  const sorted = sort(known(help), words)
  if ("problem" in sorted) return yield* wrong(sorted.problem)
  if (sorted.help) return text(`usage: ${name} ${usage}\n\n${help}\n`)

  const directive = yield* Effect.mapError(
    CommandDescriptor.parse(descriptor, [name, ...sorted.options, "--", ...sorted.rest], config),
    (error) =>
      wrong(
        `${unstyled(error.error)
          .replace(/\s+/g, " ")
          .replace(/[^.?]$/, "$&.")}`
      )
  )
  if (directive._tag === "BuiltIn") return yield* wrong("It cannot be read.")
  const [left] = directive.leftover
  if (left !== undefined) return yield* wrong(`"${left}" is one word too many.`)
  return command(directive.value)
})

type Kind = "alone" | "valued" | "repeated"

/** The options a help names, each with whether it stands alone, takes a value, or takes one each time it is given. */
const known = (help: string): ReadonlyMap<string, Kind> =>
  new Map(
    Array.from(help.matchAll(/^\(?(--?[a-z-]+(?:, --?[a-z-]+)*)\)?( .*)?$/gm), ([, names = "", value]) => {
      const kind: Kind = value === undefined ? "alone" : value.endsWith("...") ? "repeated" : "valued"
      return names.split(", ").map((name) => [name, kind] as const)
    }).flat()
  )

type Sorted =
  | { readonly help: boolean; readonly options: ReadonlyArray<string>; readonly rest: ReadonlyArray<string> }
  | { readonly problem: string }

/** Options first: the library mistakes values for options, and words for values, when they come in any order. */
const sort = (kinds: ReadonlyMap<string, Kind>, words: ReadonlyArray<string>): Sorted => {
  const options: Array<string> = []
  const rest: Array<string> = []
  const seen = new Set<string>()
  let help = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ""
    if (!/^-./.test(word)) {
      rest.push(word)
      continue
    }
    const [, name = word, inline] = /^(--[^=]+)=(.*)$/s.exec(word) ?? []
    if (name === "--help" || name === "-h") {
      help = true
      continue
    }
    const kind = kinds.get(name)
    if (kind === undefined)
      return { problem: `"${name}" is no option of this command.${suggestion(name, [...kinds.keys()])}` }
    if (seen.has(name) && kind !== "repeated") return { problem: `${name} is given twice.` }
    seen.add(name)
    if (kind === "alone") {
      if (inline !== undefined) return { problem: `${name} takes no value.` }
      options.push(name)
      continue
    }
    const value = inline ?? words[++at]
    if (value === undefined) return { problem: `${name} needs a value behind it.` }
    options.push(name, value)
  }
  return { help, options, rest }
}

/** What the library says of every option alike. */
const sayings = new Set([
  "A user-defined piece of text.",
  "A true or false value.",
  "This setting is optional.",
  "This option may be repeated zero or more times.",
  "This argument may be repeated zero or more times."
])

const shortened = (help: string): string =>
  help
    .split("\n")
    .filter((line) => !sayings.has(line.trim()))
    .join("\n")
    .replace(/\n\n+(?= )/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim()

/** The library styles what it prints, whoever reads it. */
const unstyled = (doc: HelpDoc.HelpDoc): string =>
  HelpDoc.toAnsiText(doc)
    .replace(/\u001b\[[0-9;]*m/g, "")
    .trim()
