import { readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { Array, Effect, Option, Schema } from "effect"
import { encodeText, type JsonObject } from "../../src/domain/Json.js"
import type { Remnant } from "../../src/domain/Sweep.js"
import { isTaskId, type Resource, type Task } from "../../src/domain/Task.js"
import type { AdapterFailure, Ledger, Reaped } from "../../src/services/Adapter.js"
import { cleanup } from "./Cleanup.js"
import { failureOf } from "./Faults.js"
import { type Place, planOf, readPlan } from "./Plan.js"
import { listRuntimes } from "./Runtimes.js"

/**
 * Runtimes that exist though the ledger of a settled task says they are gone, and copies of artifacts. A runtime of
 * ours is known by its name in our own ledger alone: another installation on the same account makes names of the same
 * shape. Sessions cannot be listed; the ledger and their lifetime are all there is to know of them.
 */
export const remnants = (stateDir: string, ledger: Ledger): Effect.Effect<ReadonlyArray<Remnant>, AdapterFailure> =>
  Effect.gen(function* () {
    const tasks = (yield* ledger.settled).filter(({ request }) => request.target.mode === "runtime")
    const made = yield* Effect.forEach(tasks, (task) =>
      Effect.map(ledger.resources(task.id), (resources) => ownRuntime(task, resources))
    )
    const byPlace = Array.groupBy(made.flatMap(Option.toArray), ({ place }) => encodeText({ ...place }))
    const runtimes = yield* Effect.forEach(Object.values(byPlace), (owned) =>
      Effect.gen(function* () {
        const [first] = owned
        const there = yield* Effect.mapError(listRuntimes(first.place), (fault) =>
          failureOf(fault, { place: first.place, permission: "ListAgentRuntimes", resource: "the runtimes" })
        )
        return owned.flatMap(({ name, task }) => {
          const found = there.get(name)
          return found === undefined ? [] : [runtimeOf(task, name, { runtimeId: found.id, runtimeArn: found.arn })]
        })
      })
    )
    return [...runtimes.flat(), ...(yield* copies(join(stateDir, "agentcore")))]
  })

interface Owned {
  readonly task: Task
  readonly name: string
  readonly place: Place
}

/** One that is kept on purpose is no remnant. */
const ownRuntime = (task: Task, resources: ReadonlyArray<Resource>): Option.Option<Owned> => {
  const runtime = resources.find(({ key }) => key === "runtime")
  const name = runtime?.ref["name"]
  return runtime === undefined || typeof name !== "string" || runtime.ref["kept"] === true
    ? Option.none()
    : Option.map(readPlan(task.request), ({ place }) => ({ task, name, place }))
}

const runtimeOf = ({ id, updatedAt }: Task, name: string, ref: JsonObject): Remnant => ({
  key: `runtime:${name}`,
  kind: "aws.agentcore.runtime",
  taskId: id,
  part: "work",
  since: updatedAt,
  what: `the AgentCore runtime ${name}`,
  ref
})

/** Artifacts that were copied here before their session ended. */
const copies = (folder: string): Effect.Effect<ReadonlyArray<Remnant>> =>
  Effect.promise(async () => {
    const names = await readdir(folder).catch(() => [])
    return await Promise.all(
      names.filter(isTaskId).map(async (taskId): Promise<Remnant> => {
        const path = join(folder, taskId)
        const since = await stat(path).then(
          ({ mtimeMs }) => Math.floor(mtimeMs),
          () => Number.MAX_SAFE_INTEGER
        )
        const what = `the copied artifacts in ${path}`
        return { key: `copies:${taskId}`, kind: copiesKind, taskId, part: "record", since, what, ref: { path } }
      })
    )
  })

const copiesKind = "aws.agentcore.copies"

/**
 * Deletes as the task's own cleaning up does: the session first, then the endpoint, then the runtime; what was found and
 * not what the ledger knows, because a late request may have made a second one of the same name.
 */
export const reap = ({ kind, taskId, ref }: Remnant, ledger: Ledger): Effect.Effect<Reaped, AdapterFailure> =>
  Effect.gen(function* () {
    if (kind === copiesKind) {
      const path = yield* Effect.orDie(Schema.decodeUnknown(Schema.String)(ref["path"]))
      yield* Effect.promise(() => rm(path, { recursive: true, force: true }))
      return { state: "gone" }
    }
    const task = (yield* ledger.settled).find(({ id }) => id === taskId)
    if (task === undefined) return { state: "later" }
    const plan = yield* planOf(task.request)
    const open = (yield* ledger.resources(task.id)).map((resource): Resource => ({
      ...resource,
      ref: { ...resource.ref, ...ref },
      state: "created"
    }))
    const left = yield* cleanup(task, plan, open)
    return { state: left.every(({ state }) => state === "gone") ? "gone" : "later" }
  })
