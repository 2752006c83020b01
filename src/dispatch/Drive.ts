import { Clock, Context, Effect, Layer, Schedule } from "effect"
import { judge } from "../domain/Deadlines.js"
import type { StoreFailed, TaskChanged } from "../domain/DispatchError.js"
import { encodeText } from "../domain/Json.js"
import { isTerminal } from "../domain/Lifecycle.js"
import type { Task, TaskError } from "../domain/Task.js"
import { type Adapter, type AdapterFailure, Adapters, errorOf } from "../services/Adapter.js"
import { Ids } from "../services/Ids.js"
import type { Next, Step } from "../services/Scheduler.js"
import { type Change, Store } from "../services/Store.js"
import { guard, indeterminate, keptUntil, load, pauseNote, progress, retryNote } from "./AdapterAnswer.js"
import { makeParts } from "./Parts.js"
import {
  backoff,
  makePatience,
  observePatience,
  pausePatience,
  resendPause,
  resendWindow,
  storePause
} from "./Patience.js"
import { makeAsking, parked } from "./Questions.js"
import { stopping } from "./Stopping.js"
import { makeTerms, usageOf } from "./TermsStep.js"

/** How often a start that is known not to have arrived is tried in all. */
const startAttempts = 4

type Stepping = Effect.Effect<Next, TaskChanged | StoreFailed>

/** Moves one task one step on. All it knows is in the task, so any process can take the next step. */
export class Drive extends Context.Tag("agentdispatch/Drive")<Drive, { readonly step: Step }>() {
  static readonly layer = Layer.effect(
    Drive,
    Effect.gen(function* () {
      const store = yield* Store
      const adapters = yield* Adapters
      const ids = yield* Ids
      const patience = yield* makePatience
      const asking = yield* makeAsking
      const parts = yield* makeParts
      const underTerms = yield* makeTerms

      const commit = (task: Task, change: Change) => store.commit(task, change)
      const again = (task: Task): Next => (task.settled ? { next: "settled", task } : { next: "again", task })
      const after = (task: Task, millis: number): Next => ({ next: "after", task, millis })

      const postpone = Effect.fn("drive.postpone")(function* (task: Task, change: Change, attempt: number, from = 0) {
        const now = yield* Clock.currentTimeMillis
        const wanted = Math.max(now + backoff(attempt), from)
        const { next = wanted } = judge(task, [], now)
        const dueAt = Math.min(wanted, next)
        const told = from > now && !isTerminal(task.status) ? { waitingUntil: from } : {}
        const postponed = yield* commit(task, { ...change, ...told, dueAt })
        return { next: "later", task: postponed } satisfies Next
      })

      /** Ends a task that cannot succeed any more; its resources stay in the ledger until they are gone. */
      const fail = Effect.fn("drive.fail")(function* (task: Task, error: TaskError) {
        yield* patience.regained(task.id)
        const open = yield* openResources(task)
        return again(yield* commit(task, { transition: "fail", error, settled: open.length === 0 }))
      })

      const openResources = (task: Task) =>
        Effect.map(store.resources(task.id), (resources) => resources.filter((resource) => resource.state !== "gone"))

      /** Writes the intent, then starts: the token is on disk before the first byte leaves. */
      const begin = Effect.fn("drive.begin")(function* (adapter: typeof Adapter.Service, task: Task, change: Change) {
        const startToken = yield* ids.token
        const attempt = change.transition === "retry" ? task.attempt + 1 : 1
        return yield* start(adapter, yield* commit(task, { ...change, startToken, attempt }), "first")
      })

      const start = Effect.fn("drive.start")(function* (
        adapter: typeof Adapter.Service,
        task: Task,
        sending: "first" | "again"
      ) {
        const started = yield* Effect.either(guard("start", () => adapter.start(task)))
        if (started._tag === "Right") {
          yield* patience.regained(task.id)
          return again(yield* persist(task, { transition: "run", ...progress(started.right) }))
        }
        const failure = started.left
        const mayRun = failure.delivery === "unknown" || (failure.delivery === "none" && sending === "again")
        return mayRun ? yield* resolve(adapter, task, failure) : yield* restartOrFail(task, failure)
      })

      /** Only after a start that is known not to have arrived. */
      const restartOrFail = (task: Task, failure: AdapterFailure) =>
        failure.delivery === "done"
          ? fail(task, errorOf(failure))
          : laterOrFail(task, failure, { startToken: "" }, task.attempt)

      /** Tries again after a pause, its own or the backend's, as long as that may help; `attempt` is the one that failed. */
      const laterOrFail = Effect.fn("drive.retry")(function* (
        task: Task,
        failure: AdapterFailure,
        change: Change,
        attempt: number
      ) {
        if (!failure.retryable) return yield* fail(task, errorOf(failure))
        const paused = yield* pauseOf(task, failure)
        if (paused !== undefined) return yield* postpone(task, { ...change, entries: [pauseNote(failure)] }, 1, paused)
        return task.attempt < startAttempts
          ? yield* postpone(task, { ...change, attempt, entries: [retryNote(failure, attempt)] }, attempt)
          : yield* fail(task, errorOf(failure))
      })

      /** Until when a backend wants to be left alone; that is no attempt, but nobody waits for it for ever. */
      const pauseOf = (task: Task, { retryAfter = 0 }: AdapterFailure) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          retryAfter > 0 && now + retryAfter - (task.admittedAt ?? task.createdAt) < pausePatience
            ? now + retryAfter
            : undefined
        )

      /** What the far side has begun is written down however long the store fails: a lost note could not be told from a lost start. */
      const persist = (task: Task, change: Change) =>
        Effect.retry(commit(task, change), {
          while: (error) => error._tag === "StoreFailed",
          schedule: Schedule.spaced(storePause).pipe(Schedule.upTo(resendWindow))
        })

      /** A start whose arrival nobody knows, after a crash (without `failure`) or a broken answer. */
      const resolve: (adapter: typeof Adapter.Service, task: Task, failure?: AdapterFailure) => Stepping = Effect.fn(
        "drive.resolve"
      )(function* (adapter, task, failure) {
        const { start: semantics } = adapter.spec
        if (semantics === "idempotent") {
          if (failure === undefined) return yield* start(adapter, task, "again")
          if (yield* mayAskAgain(task, failure)) return after(task, resendPause)
        }
        if (semantics === "probe") {
          const answer = yield* Effect.either(guard("probe", () => adapter.probe(task)))
          if (answer._tag === "Left" && (yield* mayAskAgain(task, answer.left))) return after(task, resendPause)
          if (answer._tag === "Right") yield* patience.regained(task.id)
          if (answer._tag === "Right" && answer.right === "has it")
            return again(yield* persist(task, { transition: "run" }))
          if (answer._tag === "Right" && answer.right === "never got it") {
            return failure === undefined
              ? yield* begin(adapter, task, { transition: "retry" })
              : yield* restartOrFail(task, failure)
          }
        }
        return yield* fail(task, indeterminate(task, failure))
      })

      const mayAskAgain = (task: Task, failure: AdapterFailure) =>
        failure.retryable ? Effect.negate(patience.isOver(task.id, "start", resendWindow)) : Effect.succeed(false)

      const queued = Effect.fn("drive.queued")(function* (adapter: typeof Adapter.Service, task: Task) {
        const unmet = yield* parts.unmet(task)
        if (unmet !== undefined) return yield* unmet === "not yet" ? postpone(task, {}, 1) : fail(task, unmet)
        const prepared = yield* Effect.either(guard("prepare", () => adapter.prepare(task)))
        if (prepared._tag === "Left") return yield* retryOrFail(task, prepared.left)
        const change = progress(prepared.right)
        return task.request.target.mode === "runtime"
          ? again(yield* commit(task, { transition: "provision", attempt: 0, ...change }))
          : yield* begin(adapter, task, { transition: "start", ...change })
      })

      const provisioning = Effect.fn("drive.provisioning")(function* (adapter: typeof Adapter.Service, task: Task) {
        const provisioned = yield* Effect.either(guard("provision", () => adapter.provision(task)))
        return provisioned._tag === "Left"
          ? yield* retryOrFail(task, provisioned.left)
          : yield* begin(adapter, task, { transition: "start", ...progress(provisioned.right) })
      })

      const retryOrFail = (task: Task, failure: AdapterFailure) => laterOrFail(task, failure, {}, task.attempt + 1)

      /** Takes in what the work said; its outcome ends the collecting. */
      const collect = Effect.fn("drive.collect")(function* (adapter: typeof Adapter.Service, task: Task) {
        const seen = yield* Effect.either(guard("observe", () => adapter.observe(task)))
        if (seen._tag === "Left") {
          const over = yield* patience.isOver(task.id, "observe", observePatience)
          if (seen.left.retryable && !over) return { task, millis: backoff(1), ended: false }
          const failed = yield* fail(task, errorOf(seen.left))
          return { task: failed.task, millis: 0, ended: true }
        }
        yield* patience.regained(task.id)
        const { right: observation } = seen
        const ended = observation.outcome !== undefined
        const moved = encodeText(observation.cursor) !== encodeText(task.cursor ?? null)
        const usage = usageOf(task, observation.entries)
        const silent = observation.entries.length === 0 && observation.goesOn !== true
        if (!moved && !ended && silent) return { task, millis: observation.pollAfter, ended }
        const committed = yield* commit(task, {
          ...(yield* asking(adapter, task, observation)),
          cursor: observation.cursor,
          ...(usage === undefined ? {} : { usage }),
          ...(observation.artifacts !== undefined ? { artifacts: observation.artifacts } : {}),
          ...(observation.outcome !== undefined ? { transition: "finish", outcome: observation.outcome } : {})
        })
        return { task: committed, millis: observation.pollAfter, ended }
      })

      const running = Effect.fn("drive.running")(function* (adapter: typeof Adapter.Service, task: Task) {
        const collected = yield* collect(adapter, task)
        return collected.ended || collected.millis === 0
          ? again(collected.task)
          : after(collected.task, collected.millis)
      })

      const waiting = parked({ store, patience, collect, again, after })

      const completing = Effect.fn("drive.completing")(function* (adapter: typeof Adapter.Service, task: Task) {
        yield* guard("finish", () => adapter.finish(task)).pipe(
          Effect.catchAll((failure) =>
            Effect.logWarning(`${task.id}: the far side was not told that the result is stored: ${failure.message}`)
          )
        )
        const { outcome } = task
        if (outcome?.ok === false) return yield* fail(task, outcome.error)
        const open = yield* openResources(task)
        return again(yield* commit(task, { transition: "succeed", settled: open.length === 0 }))
      })

      const cancelling = stopping({ store, patience, parts, openResources, collect, fail, again, after })

      /** The status is final by now; what is left is to confirm that nothing is left. */
      const cleanup = Effect.fn("drive.cleanup")(function* (adapter: typeof Adapter.Service, task: Task) {
        if (task.status === "cancelled") yield* parts.cancel(task)
        const open = yield* openResources(task)
        const cleaned = yield* Effect.either(guard("cleanup", () => adapter.cleanup(task, open)))
        if (cleaned._tag === "Left") {
          yield* Effect.logWarning(`${task.id}: cleaning up failed and will be tried again: ${cleaned.left.message}`)
          return yield* postpone(task, {}, 5)
        }
        const gone = new Set(
          cleaned.right.filter((resource) => resource.state === "gone").map((resource) => resource.key)
        )
        const settled = open.every((resource) => gone.has(resource.key))
        return settled
          ? again(yield* commit(task, { resources: cleaned.right, settled }))
          : yield* postpone(task, { resources: cleaned.right }, 5, keptUntil(cleaned.right))
      })

      const advance = (adapter: typeof Adapter.Service, task: Task): Stepping => {
        switch (task.status) {
          case "queued":
            return queued(adapter, task)
          case "provisioning":
            return provisioning(adapter, task)
          case "starting":
            return task.startToken === undefined || task.startToken === ""
              ? begin(adapter, task, { transition: "retry" })
              : resolve(adapter, task)
          case "running":
            return running(adapter, task)
          case "input_required":
            return waiting(adapter, task)
          case "completing":
            return completing(adapter, task)
          case "cancelling":
            return cancelling(adapter, task)
          case "succeeded":
          case "failed":
          case "cancelled":
            return cleanup(adapter, task)
        }
      }

      const step: Step = (task) =>
        Effect.either(load(adapters, task)).pipe(
          Effect.flatMap((loaded): Stepping => {
            if (loaded._tag === "Right") return underTerms(task, advance(loaded.right, task), fail)
            return isTerminal(task.status) ? postpone(task, {}, 7) : fail(task, errorOf(loaded.left))
          }),
          Effect.annotateLogs({ task: task.id })
        )

      return { step }
    })
  )
}
