import { accessSync, constants, statSync } from "node:fs"
import { delimiter, isAbsolute, join, resolve } from "node:path"
import { Effect, Either, Option, ParseResult, Schema } from "effect"
import { encodeText, formatIssues, type Json } from "../../src/domain/Json.js"
import type { RoutedRequest } from "../../src/domain/Task.js"
import { environment } from "../../src/services/Variables.js"
import {
  ArgumentInvalid,
  Details,
  ExecutableNotAllowed,
  ExecutableNotFound,
  WorkingDirectoryMissing
} from "./Spec.generated.js"
import { CommandInput } from "./Wire.js"

/** What is to be run, complete but for the folder of a worktree. */
export interface Plan {
  readonly details: Details
  readonly argv: readonly [string, ...ReadonlyArray<string>]
  /** Where the child runs, or where its worktree comes from. */
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
}

/** Linux takes no longer element; one with its terminating zero must fit. */
const longestArgument = 128 * 1024 - 1

/** Decides what a task runs, or says which field is wrong and how to mend it. */
export const plan = Effect.fn("local.plan")(function* (taskId: string, request: RoutedRequest) {
  const details = yield* detailsOf(request)
  const env = yield* environment(details.env)
  const directory = directoryOf(details)
  if (!isDirectory(directory)) return yield* new WorkingDirectoryMissing({ path: directory })
  const wanted = yield* request.taskType === "command.run"
    ? allowed(request, details)
    : filled(taskId, request, details)
  yield* Effect.forEach(wanted.argv, (element, index) =>
    checkElement(element, wanted.fields[index] ?? "details.command")
  )
  const [executable, ...args] = wanted.argv
  const found = locate(executable, directory, env["PATH"])
  if (found === undefined) return yield* new ExecutableNotFound({ executable })
  const result: Plan = { details, argv: [found, ...args], directory, env }
  return result
})

export const detailsOf = (request: RoutedRequest): Effect.Effect<Details, ArgumentInvalid> =>
  Effect.mapError(ParseResult.decodeUnknown(Details)(request.details), (issue) => {
    const [first] = formatIssues(ParseResult.parseError(issue))
    return new ArgumentInvalid({
      path: `details.${first?.path ?? ""}`,
      problem: first?.message ?? "is not what it should be"
    })
  })

/** What the command is called in messages. */
export const executableOf = ({ taskType, input }: RoutedRequest, { command }: Details): string => {
  const asked = Option.map(Schema.decodeUnknownOption(CommandInput)(input), (found) => found.command)
  const named = Option.map(asked, (found) => (typeof found === "string" ? found : found[0]))
  return (taskType === "command.run" ? Option.getOrUndefined(named) : command?.[0]) ?? "the command"
}

/** The repository a worktree is made from is where its executable is looked for as well. */
export const directoryOf = (details: Details): string =>
  resolve((details.isolation === "worktree" ? details.repository : undefined) ?? details.cwd ?? ".")

/** The file that a name on the PATH means, or the path as it is; nothing if it cannot be executed. */
export const locate = (
  executable: string,
  directory: string,
  path = "/usr/local/bin:/usr/bin:/bin"
): string | undefined => {
  if (executable.includes("/")) return isExecutable(resolve(directory, executable)) ? executable : undefined
  const folders = path.split(delimiter).filter(isAbsolute)
  return folders.map((folder) => join(folder, executable)).find(isExecutable)
}

export const isDirectory = (path: string): boolean =>
  Either.getOrElse(
    Either.try(() => statSync(path).isDirectory()),
    () => false
  )

interface Wanted {
  readonly argv: readonly [string, ...ReadonlyArray<string>]
  /** Where each element came from. */
  readonly fields: ReadonlyArray<string>
}

const allowed = (
  request: RoutedRequest,
  { allow }: Details
): Effect.Effect<Wanted, ArgumentInvalid | ExecutableNotAllowed> => {
  const decoded = Schema.decodeUnknownEither(CommandInput)(request.input)
  if (Either.isLeft(decoded)) {
    return new ArgumentInvalid({
      path: "input.command",
      problem: 'expected an argument vector such as ["ls", "-l"], or an executable with input.args'
    })
  }
  const { command, args = [] } = decoded.right
  if (typeof command === "string" && /\s/.test(command)) {
    return new ArgumentInvalid({
      path: "input.command",
      problem: "is read by no shell; give each argument as an element of its own"
    })
  }
  const [executable, ...rest] =
    typeof command === "string" ? [command, ...args] : [command[0], ...command.slice(1), ...args]
  if (executable === undefined || !allow.includes(executable)) {
    return new ExecutableNotAllowed({ executable: executable ?? "", allowed: allow })
  }
  return Effect.succeed({
    argv: [executable, ...rest],
    fields: [executable, ...rest].map((_, index) => `input.command[${index}]`)
  })
}

const filled = (taskId: string, request: RoutedRequest, details: Details): Effect.Effect<Wanted, ArgumentInvalid> =>
  Effect.gen(function* () {
    const [executable, ...args] = details.command ?? []
    if (executable === undefined) {
      return yield* new ArgumentInvalid({
        path: "details.command",
        problem: "the config must give the argument vector that agent.run runs"
      })
    }
    const elements = yield* Effect.forEach(args, (element, index) =>
      fill(element, args[index - 1], taskId, request.input)
    )
    return {
      argv: [executable, ...elements.map(({ text }) => text)] as const,
      fields: ["details.command[0]", ...elements.map(({ field }, index) => field ?? `details.command[${index + 1}]`)]
    }
  })

interface Filled {
  readonly text: string
  readonly field: string | undefined
}

const fill = (
  element: string,
  before: string | undefined,
  taskId: string,
  input: RoutedRequest["input"]
): Effect.Effect<Filled, ArgumentInvalid> => {
  if (element === "{taskId}") return Effect.succeed({ text: taskId, field: undefined })
  if (element === "{context}")
    return Effect.succeed({ text: encodeText(input["context"] ?? {}), field: "input.context" })
  if (element !== "{instruction}") return Effect.succeed({ text: element, field: undefined })
  const instruction = instructionOf(input)
  if (instruction === undefined) {
    return new ArgumentInvalid({
      path: "input.instruction",
      problem: "is missing and the backend's command needs it; give it as text"
    })
  }
  if (instruction.startsWith("-") && before !== "--") {
    return new ArgumentInvalid({
      path: "input.instruction",
      problem: "begins with '-', which the command could take for an option; begin with a word"
    })
  }
  return Effect.succeed({ text: instruction, field: "input.instruction" })
}

export const instructionOf = (input: RoutedRequest["input"]): string | undefined =>
  textOf(input["instruction"]) ?? textOf(input["prompt"])

const textOf = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined)

const checkElement = (element: string, field: string): Effect.Effect<void, ArgumentInvalid> => {
  if (element.includes("\0"))
    return new ArgumentInvalid({ path: field, problem: "holds a NUL character, which no argument can; remove it" })
  const bytes = Buffer.byteLength(element)
  return bytes <= longestArgument
    ? Effect.void
    : new ArgumentInvalid({
        path: field,
        problem: `has ${bytes} bytes and an argument holds at most ${longestArgument}; shorten it, or take the placeholder out of details.command and let the command read the task from its stdin`
      })
}

const isExecutable = (path: string): boolean =>
  isFile(path) && Either.isRight(Either.try(() => accessSync(path, constants.X_OK)))

const isFile = (path: string): boolean =>
  Either.getOrElse(
    Either.try(() => statSync(path).isFile()),
    () => false
  )
