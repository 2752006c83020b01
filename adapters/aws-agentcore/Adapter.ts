import { join } from "node:path"
import { Effect, Layer, Option } from "effect"
import type { Task } from "../../src/domain/Task.js"
import { Adapter, type AdapterFailure, type CancelProgress } from "../../src/services/Adapter.js"
import { Installation } from "../../src/services/Installation.js"
import { a2aMode } from "./A2aMode.js"
import { giveAnswer } from "./Answers.js"
import { readArtifact } from "./Artifacts.js"
import { check } from "./Check.js"
import { cleanup } from "./Cleanup.js"
import { commandMode } from "./CommandMode.js"
import { describe } from "./Describe.js"
import { sendMessage } from "./FollowUp.js"
import type { Mode, Work } from "./Mode.js"
import { planOf, readPlan, sessionOf, type WorkerKind } from "./Plan.js"
import { promptMode } from "./PromptMode.js"
import { intended, provision } from "./Provision.js"
import { reap, remnants } from "./Remnants.js"
import { CancelFailed, spec } from "./Spec.generated.js"
import { stopSession } from "./Stop.js"
import { workerMode } from "./WorkerMode.js"

const modes: Record<WorkerKind, Mode> = {
  "dispatch/1": workerMode,
  prompt: promptMode,
  a2a: a2aMode,
  command: commandMode
}

/** Runs tasks in AgentCore sessions, each in one of its own. */
export const layer: Layer.Layer<Adapter, never, Installation> = Layer.effect(
  Adapter,
  Effect.map(Installation, ({ stateDir }) => {
    const workOf = (task: Task): Effect.Effect<Work, AdapterFailure> =>
      Effect.map(planOf(task.request), (plan) => ({
        task,
        plan,
        session: sessionOf(task, plan),
        folder: join(stateDir, "agentcore", task.id)
      }))
    const inMode = <A>(task: Task, use: (mode: Mode, work: Work) => Effect.Effect<A, AdapterFailure>) =>
      Effect.flatMap(workOf(task), (work) => use(modes[work.plan.worker], work))
    return {
      spec,
      describe,
      check,
      prepare: (task) => Effect.map(planOf(task.request), (plan) => ({ resources: intended(task, plan) })),
      provision: (task) => Effect.flatMap(planOf(task.request), (plan) => provision(task, plan)),
      start: (task) => inMode(task, (mode, work) => mode.start(work)),
      probe: (task) => inMode(task, (mode, work) => mode.probe(work)),
      observe: (task) => inMode(task, (mode, work) => mode.observe(work)),
      finish: (task) => inMode(task, (mode, work) => mode.finish(work)),
      cancel: (task) => inMode(task, cancel),
      cleanup: (task, resources) => Effect.flatMap(planOf(task.request), (plan) => cleanup(task, plan, resources)),
      takesAnswers: ({ request }) =>
        Option.exists(readPlan(request), ({ worker }) => worker === "dispatch/1" || worker === "a2a"),
      answer: (task, question) => Effect.flatMap(workOf(task), (work) => giveAnswer(work, question)),
      send: (task, message) => Effect.flatMap(workOf(task), (work) => sendMessage(work, message)),
      readArtifact: (task, artifact, page) =>
        Effect.flatMap(workOf(task), (work) => readArtifact(work, artifact, page)),
      remnants: (ledger) => remnants(stateDir, ledger),
      reap: (remnant, ledger) => reap(remnant, ledger)
    }
  })
)

/** Whatever the work answers, nothing counts as stopped before its session is. */
const cancel = (mode: Mode, work: Work): Effect.Effect<CancelProgress, AdapterFailure> =>
  Effect.gen(function* () {
    const told = yield* mode.cancel(work)
    if (told.state === "finished" || work.session.runtimeArn === "") return told
    yield* Effect.mapError(stopSession(work.plan.place, work.session), ({ detail }) => new CancelFailed({ detail }))
    // Looking for more would bring up another machine.
    return { ...told, drained: true }
  })
