import { Clock, Effect } from "effect"
import { encodeText, type JsonObject } from "../../src/domain/Json.js"
import type { Resource, Task } from "../../src/domain/Task.js"
import type { Progress } from "../../src/services/Adapter.js"
import { Installation } from "../../src/services/Installation.js"
import { Redactor } from "../../src/services/Redactor.js"
import { Transport } from "../../src/services/Transport.js"
import { detailsOf, directoryOf, instructionOf, plan } from "./Plan.js"
import { Cancelled, type Details, SupervisorFailed } from "./Spec.generated.js"
import { type Processes, signal } from "./supervisor/Processes.js"
import { folderOf, type Situation, situation, writeSpec } from "./TaskFolder.js"
import type { Worktree } from "./Wire.js"
import { makeWorktree, worktreeOf } from "./Worktree.js"

/** A machine under load takes seconds to start a process. */
const claimWithinMillis = 20_000

/** Names what start will make, after checking that it can be run at all. */
export const prepare = Effect.fn("local.prepare")(function* (task: Task) {
  const { stateDir } = yield* Installation
  const { details } = yield* plan(task.id, task.request)
  return progress(task, stateDir, details, "intended")
})

/**
 * Hands the task to a supervisor of its own and waits until that has taken it. However often and by however many this
 * is called, one supervisor gets the claim, and only it runs the command. Of a task that has been taken nothing is
 * checked again: its work may have changed the very things.
 */
export const start = Effect.fn("local.start")(function* (task: Task, token: string, processes: Processes) {
  const { stateDir } = yield* Installation
  const folder = folderOf(stateDir, task.id)
  const details = yield* detailsOf(task.request)
  const found = yield* situation(folder, processes)
  if (found.state === "unclaimed") yield* handOver(task, token, folder, processes)
  else yield* refuseCancelled(found)
  return progress(task, stateDir, details, "created")
})

const handOver = Effect.fnUntraced(function* (task: Task, token: string, folder: string, processes: Processes) {
  const { stateDir, supervisor } = yield* Installation
  const transport = yield* Transport
  const { rules } = yield* Redactor
  const { details, argv, directory, env } = yield* plan(task.id, task.request)
  const worktree = ownWorktree(task, stateDir, details)
  if (worktree !== undefined) yield* makeWorktree(folder, worktree, env)
  yield* writeSpec(folder, {
    taskId: task.id,
    token,
    argv,
    cwd: worktree?.path ?? directory,
    stdin: encodeText(workerTask(task)),
    deadlineSeconds: details.deadlineSeconds,
    outputLimitBytes: details.outputLimitBytes,
    graceSeconds: details.graceSeconds,
    ...(details.interactive ? { interactive: true } : {}),
    redaction: rules
  })
  const { pid } = yield* Effect.mapError(
    transport.launch({ argv: [...supervisor, folder, token], cwd: stateDir, env }),
    (error) => new SupervisorFailed({ detail: error.message })
  )
  yield* taken(folder, pid, processes)
})

/** Waits for the claim. A supervisor that cannot take it in time is ended, so that a failure means nothing runs. */
const taken = Effect.fnUntraced(function* (folder: string, pid: number, processes: Processes) {
  const launched = processes.find(pid)
  const until = (yield* Clock.currentTimeMillis) + claimWithinMillis
  for (;;) {
    const alive = processes.find(pid)?.startTime === launched?.startTime && launched !== undefined
    const found = yield* situation(folder, processes)
    if (found.state !== "unclaimed") return yield* refuseCancelled(found)
    if (!alive) return yield* new SupervisorFailed({ detail: "it ended before it took the task" })
    if ((yield* Clock.currentTimeMillis) > until) signal(processes, launched, "SIGKILL")
    yield* Effect.sleep("20 millis")
  }
})

const refuseCancelled = ({ state }: Situation): Effect.Effect<void, Cancelled> =>
  state === "void" || state === "closed" ? new Cancelled() : Effect.void

const ownWorktree = (task: Task, stateDir: string, details: Details): Worktree | undefined =>
  details.isolation === "worktree" ? worktreeOf(stateDir, task.id, directoryOf(details)) : undefined

const progress = (task: Task, stateDir: string, details: Details, state: Resource["state"]): Progress => {
  const folder = folderOf(stateDir, task.id)
  const worktree = ownWorktree(task, stateDir, details)
  const process: Resource = { key: "process", kind: "local.process", ref: { folder }, state }
  if (worktree === undefined) return { providerRefs: { folder }, resources: [process] }
  const ref: JsonObject = { ...worktree }
  return {
    providerRefs: { folder, worktree: ref },
    resources: [process, { key: "worktree", kind: "git.worktree", ref, state }]
  }
}

/** What the worker reads on its stdin. */
const workerTask = ({ id, request }: Task): JsonObject => {
  const prompt = instructionOf(request.input)
  const context = request.input["context"]
  return {
    taskId: id,
    taskType: request.taskType,
    input: request.input,
    ...(request.metadata === undefined ? {} : { metadata: request.metadata }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(context === undefined ? {} : { context })
  }
}
