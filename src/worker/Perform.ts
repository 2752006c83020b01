import { Effect, Schema } from "effect"
import { type Json, JsonObject } from "../domain/Json.js"
import type { WorkerTask } from "../domain/WorkerEvent.js"
import { allowed, type Argv, filled } from "./ArgumentVector.js"
import { echo } from "./Echo.js"
import type { Framework, Job } from "./Framework.js"
import { describe } from "./JobContext.js"
import { program } from "./Program.js"
import { repoReport } from "./RepoReport.js"
import { FrameworkUnknown, TaskUnusable } from "./WorkerError.js"

/** The parts of `input` a worker reads; a request may carry them there or beside it. */
const Input = Schema.Struct({
  framework: Schema.optional(Schema.String),
  instruction: Schema.optional(Schema.String),
  context: Schema.optional(JsonObject)
}).annotations({ identifier: "an object" })

/** The frameworks by name: the built-in ones, and the programs that the deployment names. */
export const frameworks = (programs: Programs): ReadonlyMap<string, Framework> =>
  new Map<string, Framework>([
    ["echo", echo],
    ["repo-report", repoReport],
    ...Object.entries(programs).map(([name, given]): [string, Framework] => {
      const { command, interactive } = "command" in given ? given : { command: given, interactive: false }
      return [name, (job) => Effect.flatMap(filled(command, job), (whole) => program(whole, job, interactive))]
    })
  ])

type Programs = Readonly<Record<string, Argv | { readonly command: Argv; readonly interactive: boolean }>>

/** What the place gives a job, whatever the task. */
export type Place = Omit<Job, "task" | "instruction" | "context">

/** Runs an agent on the task: `input.framework`, then `beside`, then what the deployment chose, then echo. */
export const runAgent = Effect.fn("worker.runAgent")(function* (
  task: WorkerTask,
  known: ReadonlyMap<string, Framework>,
  beside: ReadonlyArray<string | undefined>,
  place: Place
) {
  const input = yield* decode(Input, task.input, "input")
  const name = [input.framework, ...beside].find((choice) => choice !== undefined && choice.trim() !== "") ?? "echo"
  const framework = known.get(name)
  if (framework === undefined) return yield* new FrameworkUnknown({ name, known: [...known.keys()] })
  return yield* framework({
    ...place,
    task,
    instruction: task.prompt ?? input.instruction,
    context: task.context ?? input.context
  })
})

/** Runs the command a task names, if the deployment allows it. */
export const runCommand = Effect.fn("worker.runCommand")(function* (
  task: WorkerTask,
  allowlist: ReadonlyArray<string>,
  place: Place
) {
  const argv = yield* allowed(task.input, allowlist)
  return yield* program(argv, { ...place, task, instruction: task.prompt, context: task.context })
})

/** Something unknown as what a worker needs, or the names of the wrong fields. */
export const decode = <A, I>(schema: Schema.Schema<A, I>, value: Json | undefined, root: string) =>
  Schema.decodeUnknown(schema)(value, { errors: "all" }).pipe(
    Effect.mapError((error) => new TaskUnusable({ problem: describe(root, error) }))
  )
