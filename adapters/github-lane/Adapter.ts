import { Effect, Either, Layer } from "effect"
import { unitAudit, unitStatus } from "../../src/domain/LaneView.js"
import { workOf } from "../../src/domain/LaneWork.js"
import type { Resource, RoutedRequest, Task } from "../../src/domain/Task.js"
import { Adapter, type AdapterFailure, type Check } from "../../src/services/Adapter.js"
import { Audit } from "../../src/services/Audit.js"
import { Caller } from "../../src/services/Caller.js"
import type { Transport } from "../../src/services/Transport.js"
import { cancel, observe } from "./Observe.js"
import { spec } from "./Spec.generated.js"
import { prepare, start } from "./Start.js"

type Needs = Transport | Audit

const check = ({ details }: RoutedRequest): ReadonlyArray<Check> =>
  Either.match(workOf(details), {
    onLeft: ({ path, problem }) => [{ name: "lane", status: "fail", message: `${path}: ${problem}` }],
    onRight: (work) => [
      { name: "lane", status: "pass", message: `${work.orguser}/${work.repo} is ${work.github}` },
      work.status === undefined
        ? {
            name: "status",
            status: "warn",
            message: "no status command is configured: a task is over once the work was handed to the lane"
          }
        : { name: "status", status: "pass", message: `asked with ${work.status[0]}` }
    ]
  })

/** The audit hears of every end, whoever waits for it; a crash in between tells it again rather than not at all. */
const cleanup = (task: Task, resources: ReadonlyArray<Resource>) =>
  Effect.forEach(resources, (resource) =>
    resource.state === "gone"
      ? Effect.succeed(resource)
      : Effect.as(tellEnd(task), { ...resource, state: "gone" as const })
  )

const tellEnd = (task: Task) =>
  Effect.flatMap(Audit, (audit) =>
    audit.append({
      event: "dispatch_unit.ended",
      taskId: task.id,
      ...(task.alias === undefined ? {} : { handle: task.alias }),
      outcome: unitStatus(task),
      ...(task.error === undefined ? {} : { code: task.error.code }),
      ...unitAudit(task)
    })
  ).pipe(task.principal === undefined ? (told) => told : Effect.provideService(Caller, { principal: task.principal }))

/** Hands work to a repository's lane with one fixed command. */
export const layer: Layer.Layer<Adapter, never, Needs> = Layer.effect(
  Adapter,
  Effect.map(Effect.context<Needs>(), (context) => {
    const given = <A, E extends AdapterFailure>(effect: Effect.Effect<A, E, Needs>) => Effect.provide(effect, context)
    return {
      spec,
      describe: () => undefined,
      check: (request) => Effect.sync(() => check(request)),
      prepare: (task) => given(prepare(task)),
      provision: () => Effect.succeed({}),
      start: (task) => given(start(task)),
      probe: () => Effect.succeed("cannot say" as const),
      observe: (task) => given(observe(task)),
      finish: () => Effect.void,
      cancel: (task) => given(cancel(task)),
      cleanup: (task, resources) => given(cleanup(task, resources))
    }
  })
)
