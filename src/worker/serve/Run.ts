import { mkdir } from "node:fs/promises"
import { Cause, Clock, Deferred, Effect } from "effect"
import type { TaskError } from "../../domain/Task.js"
import type { Deployment } from "../Deployment.js"
import { frameworks, runAgent, runCommand } from "../Perform.js"
import { systemCode } from "../SystemProblem.js"
import { ArtifactNotWritten } from "../WorkerError.js"
import { leftBehind } from "./Artifacts.js"
import { type Ending, type Held, moved, resultOf, type Stop } from "./Held.js"

/** What the work is done with. */
export interface Workshop {
  readonly deployment: Deployment
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly folderOf: (taskId: string) => string
  readonly log: (line: string) => void
}

/** Does a held task's work until it ends, is ended, or runs out of time; by then nothing of it runs. */
export const run = Effect.fn("worker.run")(function* (held: Held, shop: Workshop) {
  const { order } = held
  const watches = [
    Effect.map(Deferred.await(held.stop), stopped),
    Effect.as(Effect.sleep(order.deadlineSeconds * 1000), late(order.deadlineSeconds)),
    ...(order.leaseSeconds === undefined
      ? []
      : [Effect.as(leaseLost(held, order.leaseSeconds), forgotten(order.leaseSeconds))])
  ]
  const ending = yield* Effect.raceFirst(work(held, shop), Effect.raceAll(watches))
  held.inbox.close()
  held.questions.close()
  const others = yield* leftBehind(shop.folderOf(order.taskId), ending.artifacts)
  return { ...ending, artifacts: [...ending.artifacts, ...others] } satisfies Ending
})

const work = (held: Held, shop: Workshop): Effect.Effect<Ending> =>
  perform(held, shop).pipe(
    Effect.map(({ output, artifacts }): Ending => ({ state: "succeeded", result: resultOf(output), artifacts })),
    Effect.catchAll((error) => Effect.succeed(ended("failed", told(error)))),
    Effect.catchAllDefect((defect) =>
      Effect.as(
        Effect.sync(() => shop.log(Cause.pretty(Cause.die(defect)))),
        ended("failed", fault)
      )
    )
  )

const perform = Effect.fnUntraced(function* (held: Held, shop: Workshop) {
  const { payload, taskId } = held.order
  const { deployment } = shop
  const folder = shop.folderOf(taskId)
  yield* Effect.tryPromise({
    try: () => mkdir(folder, { recursive: true, mode: 0o700 }),
    catch: (cause) => new ArtifactNotWritten({ name: "The task's folder", problem: systemCode(cause) })
  })
  const place = {
    cwd: shop.cwd,
    env: { ...shop.env, AGENTDISPATCH_ARTIFACT_DIR: folder },
    graceSeconds: deployment.AGENTDISPATCH_WORKER_GRACE_SECONDS,
    inbox: held.inbox,
    questions: held.order.answerable ? held.questions : undefined,
    emit: (event: Parameters<Held["ring"]["push"]>[1]) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const asked = held.questions.ask(event, now)
        if (asked !== undefined) moved(held, "input_required", now)
        held.ring.push(now, asked ?? event)
        held.bell.ring()
      })
  }
  const { framework, ...rest } = payload
  const task = { ...rest, taskId }
  if (payload.taskType === "command.run")
    return yield* runCommand(task, deployment.AGENTDISPATCH_COMMAND_ALLOWLIST, place)
  return yield* runAgent(
    task,
    frameworks(deployment.AGENTDISPATCH_WORKER_FRAMEWORKS),
    [framework, deployment.AGENTDISPATCH_AGENT_FRAMEWORK],
    place
  )
})

/** Resolves once no poll has come for so long; one that is being answered counts as here. */
const leaseLost = Effect.fnUntraced(function* (held: Held, seconds: number) {
  for (;;) {
    const now = yield* Clock.currentTimeMillis
    if (held.polls > 0) held.heardAt = now
    const left = held.heardAt + seconds * 1000 - now
    if (left <= 0) return
    yield* Effect.sleep(left)
  }
})

const ended = (state: Ending["state"], error: TaskError): Ending => ({ state, artifacts: [], error })

const stopped = (stop: Stop): Ending =>
  stop.because === "cancelled"
    ? ended("cancelled", {
        code: "worker.cancelled",
        message: `The work was cancelled: ${stop.reason}`,
        retryable: false
      })
    : ended("failed", {
        code: "worker.terminated",
        message: `The worker was told to stop (${stop.signal}) before it had finished; dispatch the task again to start over.`,
        retryable: true
      })

const late = (seconds: number): Ending =>
  ended("expired", {
    code: "worker.deadline_exceeded",
    message: `The work was ended at its deadline of ${seconds} s. Give it less to do, or a later deadline.`,
    retryable: false
  })

const forgotten = (seconds: number): Ending =>
  ended("cancelled", {
    code: "worker.lease_expired",
    message: `Nobody asked for the work for ${seconds} s, so the worker ended it; dispatch it again if it is still wanted.`,
    retryable: true
  })

/** What is told of a mistake of ours; the mistake itself goes to the log. */
const fault: TaskError = {
  code: "worker.fault",
  message: "The worker met a mistake of its own; its log has the details.",
  retryable: false
}

const told = (error: TaskError): TaskError => ({
  code: error.code,
  message: error.message,
  ...(error.retryable === undefined ? {} : { retryable: error.retryable }),
  ...(error.details === undefined ? {} : { details: error.details })
})
