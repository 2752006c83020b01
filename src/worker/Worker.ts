import type { Readable, Writable } from "node:stream"
import { parseArgs } from "node:util"
import { Cause, Effect, Schema } from "effect"
import { type WorkerResponse, WorkerTask } from "../domain/WorkerEvent.js"
import { readWork } from "./Deployment.js"
import type { Answer, Job } from "./Framework.js"
import { makeInbox } from "./Inbox.js"
import { describe } from "./JobContext.js"
import { frameworks, runAgent } from "./Perform.js"
import { lineWriter, readInput } from "./Stdio.js"
import { TaskUnusable, Terminated } from "./WorkerError.js"

/** The process a worker runs in. */
export interface Surroundings {
  readonly argv: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: Readable
  readonly stdout: Writable
  readonly log: (line: string) => void
  /** Calls back with the name of a signal that asks us to stop. */
  readonly onStop: (stop: (signal: string) => void) => void
}

/** What arrives on stdin: the task, and the framework where the caller chose one. */
const Task = Schema.Struct({ ...WorkerTask.fields, framework: Schema.optional(Schema.String) }).annotations({
  identifier: "a task object"
})

/** Does the one task on stdin, telling of it on stdout; succeeds with the exit code. */
export const work = Effect.fn("worker.work")(function* (at: Surroundings) {
  const lines = lineWriter(at.stdout)
  const response = yield* Effect.raceFirst(
    perform(at, (event) => lines.event(event)),
    stopped(at)
  ).pipe(
    Effect.map(succeeded),
    Effect.catchAll((error) => Effect.succeed(failed(error))),
    Effect.catchAllDefect((defect) =>
      Effect.sync(() => at.log(Cause.pretty(Cause.die(defect)))).pipe(Effect.as(failed(fault)))
    )
  )
  if (response.error !== undefined && typeof response.error !== "string") at.log(response.error.message)
  const told = yield* Effect.isSuccess(lines.response(response))
  return response.ok && told ? 0 : 1
})

const perform = Effect.fn("worker.perform")(function* (at: Surroundings, emit: Job["emit"]) {
  const configured = yield* frameworkArgument(at.argv)
  const text = yield* readInput(at.stdin)
  if (text.trim() === "")
    return yield* new TaskUnusable({ problem: "stdin is empty; send the task there as one JSON object." })
  const task = yield* decodeTask(text)
  if (task.taskType !== "agent.run")
    return yield* new TaskUnusable({ problem: `taskType: expected agent.run, got "${task.taskType}".` })
  const { framework, ...rest } = task
  const { AGENTDISPATCH_AGENT_FRAMEWORK: chosen, ...given } = yield* readWork(at.env)
  return yield* runAgent(rest, frameworks(given.AGENTDISPATCH_WORKER_FRAMEWORKS), [framework, configured, chosen], {
    cwd: at.cwd,
    env: at.env,
    graceSeconds: given.AGENTDISPATCH_WORKER_GRACE_SECONDS,
    inbox: makeInbox(),
    emit
  })
})

const decodeTask = (text: string) =>
  Schema.decodeUnknown(Schema.parseJson(Task))(text, { errors: "all" }).pipe(
    Effect.mapError((error) => new TaskUnusable({ problem: `stdin is not a task: ${describe("", error)}` }))
  )

const frameworkArgument = (argv: ReadonlyArray<string>) =>
  Effect.try({
    try: () => parseArgs({ args: [...argv], options: { framework: { type: "string" } } }).values.framework,
    catch: () =>
      new TaskUnusable({ problem: `its arguments are "${argv.join(" ")}", and it knows only --framework NAME.` })
  })

const stopped = (at: Surroundings) =>
  Effect.async<never, Terminated>((resume) => at.onStop((signal) => resume(new Terminated({ signal }))))

const succeeded = (answer: Answer): WorkerResponse => ({
  ok: true,
  output: answer.output,
  events: [],
  artifacts: answer.artifacts
})

const failed = (error: {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}): WorkerResponse => ({
  ok: false,
  events: [],
  artifacts: [],
  error: { code: error.code, message: error.message, retryable: error.retryable }
})

/** What is told of a mistake of ours; the mistake itself goes to the log. */
const fault = {
  code: "worker.fault",
  message: "The worker met a mistake of its own; its log has the details.",
  retryable: false
}
