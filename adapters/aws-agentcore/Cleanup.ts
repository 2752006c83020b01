import { Clock, Effect } from "effect"
import type { JsonObject } from "../../src/domain/Json.js"
import { isTerminal } from "../../src/domain/Lifecycle.js"
import type { Resource, Task } from "../../src/domain/Task.js"
import type { AdapterFailure } from "../../src/services/Adapter.js"
import { controlOf, controlSdk, send } from "./Clients.js"
import { Fault } from "./Faults.js"
import { type Plan, type Session, sessionIdOf, textOf, tokenOf } from "./Plan.js"
import { endpointStatus, findRuntime, runtimeStatus } from "./Runtimes.js"
import { CleanupFailed } from "./Spec.generated.js"
import { stopSession } from "./Stop.js"
import { forget } from "./Talks.js"

/** How long one round waits for a deletion to be confirmed, in milliseconds; the next round looks again. */
const roundMillis = 20_000
/** How long a round asks for a deletion that the service does not take yet, in milliseconds. */
const refusedMillis = 3_000

/** Sessions first, because deleting a runtime does not end them; then the endpoint, then the runtime. */
const order = ["session", "endpoint", "runtime"]

export const cleanup = (
  task: Task,
  plan: Plan,
  resources: ReadonlyArray<Resource>
): Effect.Effect<ReadonlyArray<Resource>, AdapterFailure> =>
  Effect.gen(function* () {
    forget(task.startToken)
    const known = yield* locate(task, plan, resources)
    const keepUntil = yield* expiry(task, plan, resources)
    if (keepUntil !== undefined) return yield* keep(task, plan, resources, known, keepUntil)
    const done = new Map<string, Resource>()
    for (const key of order) {
      const resource = resources.find((candidate) => candidate.key === key)
      if (resource === undefined) continue
      if (resource.state === "gone") {
        done.set(key, resource)
        continue
      }
      if (key === "session" && (yield* isExpired(task, resources))) {
        done.set(key, { ...resource, ref: { ...resource.ref, expired: true }, state: "gone" })
        continue
      }
      const removed = yield* Effect.mapError(remove(resource, task, plan, known), ({ detail }) =>
        cleanupFailed(resource, task, detail)
      )
      if (removed === undefined) break
      done.set(key, { ...resource, ref: { ...resource.ref, ...removed }, state: "gone" })
    }
    return resources.map((resource) => done.get(resource.key) ?? resource)
  })

/** No session lives longer than eight hours, whatever it was configured with; the rest is for clocks that differ. */
const longestSessionMillis = 8.25 * 3_600_000

/** Gone by itself, so there is nobody to ask; not where a follow-up after the task's end may have opened it again. */
const isExpired = ({ status, updatedAt }: Task, resources: ReadonlyArray<Resource>) =>
  Effect.map(
    Clock.currentTimeMillis,
    (now) =>
      isTerminal(status) &&
      now - updatedAt > longestSessionMillis &&
      resources.every(({ ref }) => typeof ref["keepUntil"] !== "number")
  )

interface Known {
  readonly id?: string
  readonly arn?: string
}

/** A runtime that was being made when its maker died is found by its name. */
const locate = (task: Task, plan: Plan, resources: ReadonlyArray<Resource>): Effect.Effect<Known, AdapterFailure> =>
  Effect.gen(function* () {
    const runtime = resources.find(({ key }) => key === "runtime")
    if (runtime === undefined || runtime.state === "gone") return {}
    const id = textOf(runtime.ref, "runtimeId") ?? textOf(task.providerRefs, "runtimeId")
    const arn = textOf(runtime.ref, "runtimeArn") ?? textOf(task.providerRefs, "runtimeArn")
    if (id !== undefined && arn !== undefined) return { id, arn }
    const found = yield* Effect.mapError(findRuntime(plan.place, textOf(runtime.ref, "name") ?? ""), ({ detail }) =>
      cleanupFailed(runtime, task, detail)
    )
    return found ?? {}
  })

/** What became of the resource, once it is gone or left alone for good; nothing while it is on its way. */
const remove = (
  { key, ref }: Resource,
  task: Task,
  plan: Plan,
  known: Known
): Effect.Effect<JsonObject | undefined, Fault> => {
  if (key === "session") {
    const runtimeArn = textOf(ref, "runtimeArn") ?? known.arn
    if (runtimeArn === undefined) return Effect.succeed({})
    const session: Session = {
      runtimeArn,
      qualifier: textOf(ref, "qualifier") ?? "DEFAULT",
      sessionId: textOf(ref, "sessionId") ?? sessionIdOf(task.id)
    }
    return Effect.as(stopSession(plan.place, session), {})
  }
  if (isKeptForGood(plan, task)) return Effect.succeed({ kept: true })
  const { id } = known
  if (id === undefined) return Effect.succeed({})
  return key === "endpoint" ? removeEndpoint(plan, id, textOf(ref, "name") ?? "") : removeRuntime(plan, id)
}

/** One that never became ready is not kept. */
const isKeptForGood = ({ details }: Plan, { providerRefs }: Task): boolean =>
  details.deleteRuntimeOnCompletion === false && textOf(providerRefs, "runtimeArn") !== undefined

/** Until when an A2A runtime stays for follow-up; nothing if it may go. */
const expiry = ({ providerRefs }: Task, { details, protocol }: Plan, resources: ReadonlyArray<Resource>) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const runtime = resources.find(({ key, state }) => key === "runtime" && state !== "gone")
    const ready = textOf(providerRefs, "runtimeArn") !== undefined
    if (runtime === undefined || !ready || protocol !== "a2a") return undefined
    if (details.cleanupAfterTask === true || details.deleteRuntimeOnCompletion === false) return undefined
    const { keepUntil } = runtime.ref
    const until = typeof keepUntil === "number" ? keepUntil : now + details.keepRuntimeHours * 3_600_000
    return now < until ? until : undefined
  })

/** The session ends now; a follow-up may bring up another machine, which ends with the runtime at the latest. */
const keep = (
  task: Task,
  plan: Plan,
  resources: ReadonlyArray<Resource>,
  known: Known,
  keepUntil: number
): Effect.Effect<ReadonlyArray<Resource>, AdapterFailure> => {
  const session = resources.find(({ key, ref }) => key === "session" && ref["keepUntil"] === undefined)
  const marked = resources.map((resource) => ({ ...resource, ref: { ...resource.ref, keepUntil } }))
  return session === undefined
    ? Effect.succeed(marked)
    : Effect.mapBoth(remove(session, task, plan, known), {
        onFailure: ({ detail }) => cleanupFailed(session, task, detail),
        onSuccess: () => marked
      })
}

const cleanupFailed = ({ kind }: Resource, { id }: Task, detail: string) =>
  new CleanupFailed({ resource: `${kind} of ${id}`, detail })

const removeEndpoint = (plan: Plan, id: string, name: string) =>
  Effect.gen(function* () {
    const control = yield* controlOf(plan.place)
    const { DeleteAgentRuntimeEndpointCommand } = yield* controlSdk
    const command = new DeleteAgentRuntimeEndpointCommand({
      agentRuntimeId: id,
      endpointName: name,
      clientToken: tokenOf("delete", id, name, String(yield* Clock.currentTimeMillis))
    })
    return yield* confirmed(
      endpointStatus(plan.place, id, name),
      send((options) => control.send(command, options))
    )
  })

export const removeRuntime = (plan: Plan, id: string) =>
  Effect.gen(function* () {
    const control = yield* controlOf(plan.place)
    const { DeleteAgentRuntimeCommand } = yield* controlSdk
    const command = new DeleteAgentRuntimeCommand({
      agentRuntimeId: id,
      clientToken: tokenOf("delete", id, String(yield* Clock.currentTimeMillis))
    })
    return yield* confirmed(
      runtimeStatus(plan.place, id),
      send((options) => control.send(command, options))
    )
  })

/** Asks for the deletion once it can be taken, then looks until nothing is found; a failed deletion is asked for anew. */
const confirmed = (
  look: Effect.Effect<
    { readonly status?: string | undefined; readonly failureReason?: string | undefined } | undefined,
    Fault
  >,
  ask: Effect.Effect<unknown, Fault>
): Effect.Effect<JsonObject | undefined, Fault> =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    let asked = false
    for (
      let pause = 100;
      (yield* Clock.currentTimeMillis) < begun + (asked ? roundMillis : refusedMillis);
      pause = Math.min(2_000, pause * 1.5)
    ) {
      const found = yield* look
      if (found === undefined) return {}
      if (asked && found.status === "DELETE_FAILED")
        return yield* new Fault({
          kind: "conflict",
          detail: `the deletion failed: ${found.failureReason ?? "no reason was given"}`
        })
      if (!asked && found.status !== "DELETING") asked = yield* accepted(ask)
      yield* Effect.sleep(pause)
    }
    return undefined
  })

/** A conflict means that it is still being made or changed: later. */
const accepted = (ask: Effect.Effect<unknown, Fault>): Effect.Effect<boolean, Fault> =>
  Effect.as(ask, true).pipe(
    Effect.catchIf(
      ({ kind }) => kind === "missing",
      () => Effect.succeed(true)
    ),
    Effect.catchIf(
      ({ kind }) => kind === "conflict" || kind === "busy",
      () => Effect.succeed(false)
    )
  )
