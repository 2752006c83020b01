import { Effect, Either } from "effect"
import { taskProblem } from "../../src/domain/Lane.js"
import type { Template } from "../../src/domain/LaneTemplate.js"
import { handleOf } from "../../src/domain/LaneView.js"
import { commandOf, type LaneWork, taskOf, templatesOf, workOf } from "../../src/domain/LaneWork.js"
import type { Task } from "../../src/domain/Task.js"
import { Transport } from "../../src/services/Transport.js"
import { environment } from "../../src/services/Variables.js"
import { SettingInvalid, TaskInvalid } from "./Spec.generated.js"

/** What one task's commands are made of. */
export interface Job {
  readonly work: LaneWork
  readonly task: string
  readonly handle: string
}

/** Looked at again for each task, because not only units come here: a configured backend is a lane as well. */
export const jobOf = Effect.fn("lane.job")(function* (task: Task) {
  const work = yield* Either.mapLeft(workOf(task.request.details), (issue) => new SettingInvalid(issue))
  if (work.cancel !== undefined && work.status === undefined) {
    return yield* new SettingInvalid({ path: "details.cancel", problem: "needs details.status as well" })
  }
  const text = taskOf(task.request)
  const problem = taskProblem(text, templatesOf(work))
  if (problem !== undefined) return yield* new TaskInvalid({ problem })
  return { work, task: text, handle: handleOf(task) } satisfies Job
})

/** Runs one of the lane's commands to its end. */
export const run = ({ work, ...given }: Job, template: Template, timeoutSeconds = work.timeoutSeconds) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const env = yield* environment(work.env)
    return yield* transport.run({ argv: commandOf(work, template, given), cwd: work.cwd, env, timeoutSeconds })
  })

/** The most of a command's words that is kept as its detail, in characters. */
const detailLimit = 8_000

/** What a command said, trimmed and bounded. */
export const brief = (...texts: ReadonlyArray<string>): string => {
  const said = texts.map((text) => text.trim()).find((text) => text !== "") ?? ""
  return said.length > detailLimit ? `${said.slice(0, detailLimit - 1)}…` : said
}
