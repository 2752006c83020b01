import { Effect, Option, Schema } from "effect"
import { encodeText } from "../domain/Json.js"
import type { Job } from "./Framework.js"
import { CommandNotAllowed, TaskUnusable } from "./WorkerError.js"

/** What is run; no shell reads it. */
export type Argv = readonly [string, ...ReadonlyArray<string>]

/** Linux takes no longer element; one with its terminating zero must fit. */
const longest = 128 * 1024 - 1

/** A fixed argument vector; an element that is a placeholder is replaced as a whole. */
export const filled = Effect.fnUntraced(function* ([executable, ...args]: Argv, job: Job) {
  const elements = yield* Effect.forEach(args, (element, index) => fill(element, args[index - 1], job))
  const argv: Argv = [executable, ...elements]
  return argv
})

const fill = (element: string, before: string | undefined, job: Job): Effect.Effect<string, TaskUnusable> => {
  if (element === "{taskId}") return fitting(job.task.taskId, "taskId")
  if (element === "{context}") return fitting(encodeText(job.context ?? {}), "context")
  if (element !== "{instruction}") return Effect.succeed(element)
  if (job.instruction === undefined)
    return new TaskUnusable({ problem: "prompt: is missing, and the framework's command needs it; give it as text." })
  if (job.instruction.startsWith("-") && before !== "--")
    return new TaskUnusable({
      problem: "prompt: begins with '-', which the command could take for an option; begin with a word."
    })
  return fitting(job.instruction, "prompt")
}

const CommandInput = Schema.Struct({
  command: Schema.Union(Schema.NonEmptyArray(Schema.String), Schema.String),
  args: Schema.optional(Schema.Array(Schema.String))
})

/** What `command.run` asks for, where the allowlist has its executable. */
export const allowed = Effect.fnUntraced(function* (input: Job["task"]["input"], allowlist: ReadonlyArray<string>) {
  const found = Option.getOrUndefined(Schema.decodeUnknownOption(CommandInput)(input))
  if (found === undefined)
    return yield* new TaskUnusable({
      problem: 'input.command: expected an argument vector such as ["ls", "-l"], or an executable with input.args.'
    })
  const { command, args = [] } = found
  if (typeof command === "string" && /\s/.test(command))
    return yield* new TaskUnusable({
      problem: "input.command: is read by no shell; give each argument as an element of its own."
    })
  const [executable, ...rest] =
    typeof command === "string" ? ([command, ...args] as const) : ([...command, ...args] as const)
  if (executable === undefined || !allowlist.includes(executable))
    return yield* new CommandNotAllowed({ executable: executable ?? "", allowed: allowlist })
  yield* Effect.forEach([executable, ...rest], (element) => fitting(element, "input.command"), { discard: true })
  const argv: Argv = [executable, ...rest]
  return argv
})

const fitting = (text: string, field: string): Effect.Effect<string, TaskUnusable> => {
  if (text.includes("\0"))
    return new TaskUnusable({ problem: `${field}: holds a NUL character, which no argument can; remove it.` })
  const bytes = Buffer.byteLength(text)
  return bytes <= longest
    ? Effect.succeed(text)
    : new TaskUnusable({
        problem: `${field}: has ${bytes} bytes and an argument holds at most ${longest}; shorten it.`
      })
}
