import { Effect, Option } from "effect"
import type { Template } from "../../src/domain/LaneTemplate.js"
import type { Outcome, Task } from "../../src/domain/Task.js"
import { type CancelProgress, failedOutcome, type Observation } from "../../src/services/Adapter.js"
import { brief, type Job, jobOf, run } from "./Run.js"
import { LaneFailed, StatusUnavailable, StoppedElsewhere, Unstoppable } from "./Spec.generated.js"
import { cursorOf, handedOver, type LaneReport, reportOf } from "./Wire.js"

/** How often a lane that can be asked is asked, in milliseconds. */
const pollAfter = 5_000
const stoppingPoll = 1_000
/** Asking is quick or of no use, in seconds. */
const askLimit = 30

const ask = Effect.fn("lane.ask")(function* (job: Job, template: Template) {
  const unavailable = (detail: string) => new StatusUnavailable({ detail })
  const { exitCode, stderr, stdout } = yield* Effect.mapError(
    run(job, template, Math.min(askLimit, job.work.timeoutSeconds)),
    ({ message }) => unavailable(message)
  )
  if (exitCode !== 0) return yield* unavailable(`it ended with exit code ${exitCode}: ${brief(stderr, stdout)}`)
  return yield* Option.match(reportOf(stdout), {
    onNone: () => unavailable(`it printed ${JSON.stringify(stdout.slice(0, 200))}`),
    onSome: Effect.succeed
  })
})

/** A lane without a status command has said all it will ever say when the work was handed over. */
export const observe = Effect.fn("lane.observe")(function* (task: Task) {
  const job = yield* jobOf(task)
  const { status } = job.work
  if (status === undefined) {
    const result = Option.getOrElse(handedOver(task.providerRefs), () => ({ returncode: 0, detail: "" }))
    const observation: Observation = { entries: [], cursor: null, pollAfter: 0, outcome: { ok: true, result } }
    return observation
  }
  const report = yield* ask(job, status)
  if (report.status === "unknown") {
    return yield* new StatusUnavailable({ detail: `the lane knows no dispatch "${job.handle}"` })
  }
  return observed(task, report)
})

const observed = (task: Task, report: LaneReport): Observation => {
  const cursor = cursorOf(task.cursor)
  const log = report.log ?? ""
  const said = [report.status, report.detail ?? ""].filter((part) => part !== "").join(": ")
  const outcome = outcomeOf(report)
  const fresh = log.slice(cursor.log)
  return {
    entries: [
      ...(fresh === "" ? [] : [{ log: fresh }]),
      ...(said === cursor.said ? [] : [{ type: "task.progress" as const, message: said.slice(0, 1_000) }])
    ],
    cursor: { log: Math.max(cursor.log, log.length), said },
    pollAfter: outcome === undefined ? pollAfter : 0,
    ...(outcome === undefined ? {} : { outcome })
  }
}

const outcomeOf = ({ status, ...report }: LaneReport): Outcome | undefined => {
  const detail = brief(report.detail ?? "")
  const told = { returncode: report.returncode ?? (status === "succeeded" ? 0 : null), detail }
  switch (status) {
    case "succeeded":
      return { ok: true, result: told }
    case "failed":
      return failedOutcome(new LaneFailed(told), told)
    case "cancelled":
      return failedOutcome(new StoppedElsewhere(told), told)
    default:
      return undefined
  }
}

/** Only the lane's own word counts as stopped; one that cannot be asked cannot be stopped truthfully. */
export const cancel = Effect.fn("lane.cancel")(function* (task: Task) {
  if ((task.startToken ?? "") === "") return stopped
  const job = yield* jobOf(task)
  const { cancel: template, status } = job.work
  if (status === undefined) {
    return Option.isSome(handedOver(task.providerRefs))
      ? finished
      : yield* new Unstoppable({ detail: "its config has no status command that could confirm it" })
  }
  const before = decided(yield* ask(job, status))
  if (before !== undefined) return before
  if (template === undefined) return yield* new Unstoppable({ detail: "its config has no cancel command" })
  const { exitCode, stderr, stdout } = yield* Effect.mapError(
    run(job, template, Math.min(askLimit, job.work.timeoutSeconds)),
    ({ message }) => new Unstoppable({ detail: message })
  )
  if (exitCode !== 0) {
    return yield* new Unstoppable({
      detail: `its cancel command ended with exit code ${exitCode}: ${brief(stderr, stdout)}`
    })
  }
  return decided(yield* ask(job, status)) ?? stopping
})

const stopped: CancelProgress = { state: "stopped" }
const finished: CancelProgress = { state: "finished" }
const stopping: CancelProgress = { state: "stopping", pollAfter: stoppingPoll }

const decided = ({ status }: LaneReport): CancelProgress | undefined => {
  if (status === "cancelled" || status === "unknown") return stopped
  return status === "succeeded" || status === "failed" ? finished : undefined
}
