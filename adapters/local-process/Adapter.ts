import { Effect, Layer, Option, Schema } from "effect"
import type { Remnant } from "../../src/domain/Sweep.js"
import type { Resource, Task } from "../../src/domain/Task.js"
import { Adapter, type AdapterFailure } from "../../src/services/Adapter.js"
import { Installation } from "../../src/services/Installation.js"
import type { Transport } from "../../src/services/Transport.js"
import { environment } from "../../src/services/Variables.js"
import { giveAnswer } from "./Answers.js"
import { check } from "./Check.js"
import { cancel, type Ending } from "./Ending.js"
import { observe } from "./Observe.js"
import { detailsOf, executableOf } from "./Plan.js"
import { type Details, spec, SupervisorFailed, UnsupportedPlatform } from "./Spec.generated.js"
import { readArtifact } from "./ReadArtifact.js"
import { reap } from "./Reap.js"
import { remnantsIn } from "./Remnants.js"
import { prepare, start } from "./Start.js"
import { processesHere } from "./supervisor/Processes.js"
import { close, folderOf, situation } from "./TaskFolder.js"
import { removeWorktree } from "./Worktree.js"
import { Worktree } from "./Wire.js"
import { worktreesIn } from "./WorktreeRemnants.js"

type Needs = Transport | Installation

const processes = Effect.suspend(() => {
  const found = processesHere()
  return found === undefined ? new UnsupportedPlatform({ platform: process.platform }) : Effect.succeed(found)
})

const endingOf = (task: Task, details: Details) =>
  Effect.gen(function* () {
    const { stateDir } = yield* Installation
    const ending: Ending = {
      folder: folderOf(stateDir, task.id),
      token: task.startToken ?? task.id,
      graceSeconds: details.graceSeconds,
      processes: yield* processes
    }
    return ending
  })

const begin = (task: Task) =>
  Effect.flatMap(processes, (here) =>
    task.startToken === undefined
      ? new SupervisorFailed({ detail: "the task has no start token" })
      : start(task, task.startToken, here)
  )

const probe = (task: Task) =>
  Effect.gen(function* () {
    const { stateDir } = yield* Installation
    const { state } = yield* situation(folderOf(stateDir, task.id), yield* processes)
    return state === "running" || state === "ended" || state === "lost" ? "has it" : "never got it"
  })

const look = (task: Task) =>
  Effect.gen(function* () {
    const details = yield* detailsOf(task.request)
    return yield* observe(task, details, executableOf(task.request, details), yield* endingOf(task, details))
  })

const stop = (task: Task) =>
  Effect.gen(function* () {
    return yield* cancel(yield* endingOf(task, yield* detailsOf(task.request)))
  })

/** The folder goes only when nothing of the task runs; a worktree with work in it stays and counts as settled. */
const cleanup = (task: Task, resources: ReadonlyArray<Resource>) =>
  Effect.gen(function* () {
    const details = yield* detailsOf(task.request)
    const ending = yield* endingOf(task, details)
    if (!(yield* ended(ending))) return resources
    const env = yield* environment(details.env)
    const settled = yield* Effect.forEach(resources, (resource) =>
      Option.match(decodeWorktree(resource.ref), {
        onNone: () => Effect.succeed(gone(resource, {})),
        onSome: (worktree) => Effect.map(removeWorktree(worktree, env), (removal) => gone(resource, { ...removal }))
      })
    )
    yield* close(ending.folder)
    return settled
  })

const left = Effect.gen(function* () {
  const { stateDir } = yield* Installation
  return [...(yield* remnantsIn(stateDir, yield* processes)), ...(yield* worktreesIn(stateDir))]
})

const remove = (remnant: Remnant) =>
  Effect.gen(function* () {
    const { stateDir } = yield* Installation
    return yield* reap(remnant, stateDir, yield* processes)
  })

const decodeWorktree = Schema.decodeUnknownOption(Worktree)

/** A cancel that is complete, or has come too late, leaves nothing that runs. */
const ended = (ending: Ending) => Effect.map(cancel(ending), ({ state }) => state !== "stopping")

const gone = (resource: Resource, how: Resource["ref"]): Resource => ({
  ...resource,
  ref: { ...resource.ref, ...how },
  state: "gone"
})

/** Runs tasks as processes of this machine, each under a supervisor that needs no server. */
export const layer: Layer.Layer<Adapter, never, Needs> = Layer.effect(
  Adapter,
  Effect.map(Effect.context<Needs>(), (context) => {
    const given = <A, E extends AdapterFailure>(effect: Effect.Effect<A, E, Needs>) => Effect.provide(effect, context)
    return {
      spec,
      describe: () => undefined,
      check: (request) => given(check(request)),
      prepare: (task) => given(Effect.zipRight(processes, prepare(task))),
      provision: () => Effect.succeed({}),
      start: (task) => given(begin(task)),
      probe: (task) => given(probe(task)),
      observe: (task) => given(look(task)),
      finish: () => Effect.void,
      cancel: (task) => given(stop(task)),
      cleanup: (task, resources) => given(cleanup(task, resources)),
      takesAnswers: ({ request }) => request.details["interactive"] === true,
      answer: (task, question) =>
        given(Effect.flatMap(Installation, ({ stateDir }) => giveAnswer(folderOf(stateDir, task.id), question))),
      readArtifact: (task, artifact, range) =>
        given(
          Effect.flatMap(Installation, ({ stateDir }) => readArtifact(folderOf(stateDir, task.id), artifact, range))
        ),
      remnants: () => given(left),
      reap: (remnant) => given(remove(remnant))
    }
  })
)
