import { CliConfig, CommandDescriptor, HelpDoc, type ValidationError } from "@effect/cli"
import { Effect } from "effect"
import { UsageInvalid } from "./Refusal.js"

/** Options of the command-line library that would do nothing here. */
const foreign = ["--wizard", "--log-level", "--completions"]
const config = CliConfig.make({ isCaseSensitive: true, showBuiltIns: false, finalCheckBuiltIn: true })

/** What a command line comes to: a command, or text that was asked for, such as help. */
export type Reading<A> = { readonly command: A } | { readonly text: string }

const command = <A>(found: A): Reading<A> => ({ command: found })
export const text = (answer: string): Reading<never> => ({ text: answer })

export interface Named<A> {
  /** As in its help: `agentdispatch run`. */
  readonly name: string
  readonly usage: string
  readonly version: string
  readonly descriptor: CommandDescriptor.Command<A>
}

/** Reads the words behind a command's name. */
export const readWords = Effect.fn("cli.readWords")(function* <A>({ descriptor, name, usage, version }: Named<A>, words: ReadonlyArray<string>) {
  const see = `Its options: ${name} --help`
  const unknown = words.find((word) => foreign.includes(word))
  if (unknown !== undefined) return yield* new UsageInvalid({ problem: `"${unknown}" is no option of this command. ${see}` })
  if (words[words.length - 1] === "--env") return yield* new UsageInvalid({ problem: `--env: NAME=VALUE is missing behind it. ${see}` })

  const directive = yield* Effect.mapError(
    CommandDescriptor.parse(descriptor, [name, ...words.flatMap(separated)], config),
    (error) => new UsageInvalid({ problem: `${problemOf(error)} ${see}` })
  )
  if (directive._tag === "UserDefined") {
    const [left] = directive.leftover
    if (left !== undefined) return yield* new UsageInvalid({ problem: `"${left}" is no option of this command, or one too many. ${see}` })
    return command(directive.value)
  }
  const { option } = directive
  return text(option._tag === "ShowHelp" ? `usage: ${name} ${usage}\n\n${shortened(unstyled(option.helpDoc))}\n` : `${version}\n`)
})

/** `--name=value` as two words, also when the value is empty or has several lines. */
const separated = (word: string): ReadonlyArray<string> => {
  const match = /^(--[a-z][a-z-]*)=(.*)$/s.exec(word)
  return match === null ? [word] : [match[1] ?? "", match[2] ?? ""]
}

/** What the library says of every option alike. */
const sayings = new Set(["A user-defined piece of text.", "An integer.", "A true or false value.", "This setting is optional.", "This option may be repeated zero or more times.", "This argument may be repeated zero or more times."])

const shortened = (help: string): string =>
  help
    .split("\n")
    .filter((line) => !sayings.has(line.trim()))
    .join("\n")
    .replace(/\n\n+(?= )/g, "\n")
    .replace(/\n{3,}/g, "\n\n")

const problemOf = (error: ValidationError.ValidationError): string => unstyled(error.error).replace(/\s+/g, " ")

/** The library styles what it prints, whoever reads it. */
const unstyled = (doc: HelpDoc.HelpDoc): string => HelpDoc.toAnsiText(doc).replace(/\u001b\[[0-9;]*m/g, "").trim()
