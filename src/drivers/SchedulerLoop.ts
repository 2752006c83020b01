import { Clock, Duration, Effect, FiberMap, Option, Queue, Schedule } from "effect"
import { type ClockVerdict, judge, leaseMillis, problem } from "../domain/ClockDifference.js"
import { mostOf } from "../domain/Concurrency.js"
import type { RoutedRequest, Task, TaskId } from "../domain/Task.js"
import { Adapters } from "../services/Adapter.js"
import { clockDifference } from "../services/DatabaseClock.js"
import { Host } from "../services/Host.js"
import { Ids } from "../services/Ids.js"
import { type Next, type Scheduler, type Step } from "../services/Scheduler.js"
import { Settings } from "../services/Settings.js"
import { type ClaimRequest, Store } from "../services/Store.js"

export interface LoopOptions {
  /** How long a silent owner keeps its tasks. */
  readonly lease: Duration.DurationInput
  /** How often to look for tasks nobody drives. */
  readonly poll: Duration.DurationInput
  /** How many tasks one process drives at once. */
  readonly limit: number
}

export const defaults: LoopOptions = { lease: leaseMillis, poll: "500 millis", limit: 512 }

/** How often the clock is compared with the database's: at each so many renewals of the lease. */
const comparing = 100

/** Long enough for the database to come back, short enough not to be noticed. */
const storePause = Duration.seconds(1)

/**
 * Claims tasks, drives them and hands them back. Each process renews one row, and whoever finds tasks of a process that
 * stopped renewing takes them over under a new epoch; `mine` leaves those it refuses to others.
 */
export const makeLoop = (options: LoopOptions, mine?: (id: TaskId) => boolean) =>
  Effect.gen(function* () {
    const store = yield* Store
    const adapters = yield* Adapters
    const { config } = yield* Settings
    const { name: host } = yield* Host
    const owner = yield* (yield* Ids).token
    const lease = Duration.toMillis(options.lease)
    const bells = new Map<TaskId, Queue.Queue<void>>()
    const doorbell = yield* Queue.dropping<void>(1)
    /** What refreshes drive. */
    const visited = new Set<TaskId>()
    /** Claims that were begun, and how many of them have no answer yet. */
    const claims = { begun: 0, open: 0 }
    /** When to look for tasks we own and do not know of: a claim whose answer was lost may take some, even much later. */
    let lookAt = Infinity
    let renewedAt = 0
    let renewals = 0
    let clock: ClockVerdict = "agrees"

    const capacity = (request: RoutedRequest): number => {
      const configured = request.details["maxConcurrent"]
      return typeof configured === "number"
        ? configured
        : (adapters.specs.find((spec) => spec.name === request.adapter)?.maxConcurrent ?? 1)
    }

    const most = mostOf(config.concurrency ?? {})

    const claim = (
      request: Pick<ClaimRequest, "limit" | "only" | "mine">,
      knowing: (claimed: ReadonlyArray<Task>) => void
    ) =>
      Effect.suspend(() => {
        if (clock === "apart") return Effect.succeed([])
        claims.begun++
        claims.open++
        return store.claim({ ...request, owner, host, capacity, most })
      }).pipe(
        Effect.tapBoth({
          onFailure: () => Effect.sync(() => void (lookAt = 0)),
          onSuccess: (claimed) => Effect.sync(() => knowing(claimed))
        }),
        Effect.ensuring(Effect.sync(() => void claims.open--))
      )

    const renew = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.zipRight(
        store.renew(owner, now + lease),
        Effect.sync(() => void (renewedAt = now))
      )
    )

    /** Says once what must be mended, and again when that gets worse or comes back. */
    const compareClocks = Effect.gen(function* () {
      if (renewals++ % comparing !== 0) return
      const difference = Option.getOrUndefined(yield* clockDifference)
      if (difference === undefined) return
      const before = clock
      clock = judge(difference)
      const wrong = problem(difference)
      if (wrong !== undefined && clock !== before) yield* Effect.logWarning(`clock: ${wrong}`)
    }).pipe(
      Effect.provideService(Store, store),
      Effect.catchAll((error) => Effect.logDebug(`the clocks are compared later: ${error.message}`))
    )

    /** After a pause of the machine or the database: else somebody might take our tasks while we look for more. */
    const renewIfLate = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      now - renewedAt > lease / 2 ? renew : Effect.void
    )

    const wake = (id: TaskId) => Effect.asVoid(Queue.offer(bells.get(id) ?? doorbell, undefined))

    /** Ends when the task is settled, postponed, somebody else's, or its last write in doubt. */
    const drive = Effect.fn("scheduler.drive")(function* (claimed: Task, step: Step, bell: Queue.Queue<void>) {
      let task = claimed
      for (;;) {
        const stepping = step(task)
        const taken = yield* Effect.either(
          task.status === "running" || task.status === "input_required"
            ? Effect.raceFirst(stepping, rung(task, bell))
            : stepping
        )
        let pause: Duration.DurationInput = 0
        if (taken._tag === "Right") {
          const { right: next } = taken
          if (next.next === "settled" || next.next === "later") return
          task = next.task
          if (next.next === "again") continue
          pause = next.millis
        } else if (taken.left._tag === "StoreFailed") {
          yield* Effect.logWarning(`task ${task.id} waits for the database: ${taken.left.message}`)
          yield* Effect.timeoutOption(Queue.take(bell), storePause)
          // A write whose answer was lost may land much later; under the epoch of the next claim it cannot.
          return
        }
        if (pause !== 0) yield* Effect.timeoutOption(Queue.take(bell), pause)
        const current = yield* Effect.option(store.find(task.id))
        if (Option.isSome(current)) {
          if (current.value.epoch !== claimed.epoch) return
          if (taken._tag === "Left" && pause === 0 && current.value.revision === task.revision) {
            yield* Effect.sleep(storePause)
          }
          task = current.value
        }
      }
    })

    /** A look at running work may take long; who rings wants the task read again. */
    const rung = (task: Task, bell: Queue.Queue<void>) =>
      Effect.as(Queue.take(bell), { next: "after", task, millis: 0 } satisfies Next)

    const giveBack = (id: TaskId) => store.release(owner, [id])

    const run = (step: Step) =>
      Effect.scoped(
        Effect.gen(function* () {
          const drivers = yield* FiberMap.make<TaskId>()
          yield* Effect.addFinalizer(() =>
            FiberMap.clear(drivers).pipe(
              Effect.zipRight(store.release(owner)),
              Effect.zipRight(store.renew(owner, 0)),
              Effect.catchAll((error) => Effect.logWarning(`leases run out by themselves: ${error.message}`))
            )
          )
          yield* renewing
          const giveUnknownBack = Effect.gen(function* () {
            const now = yield* Clock.currentTimeMillis
            const { begun, open } = claims
            if (now < lookAt || open > 0) return
            const owned = yield* store.owned(owner)
            // What is being claimed just now is not known yet either.
            if (claims.begun !== begun) return
            const unknown = owned.filter((id) => !FiberMap.unsafeHas(drivers, id) && !visited.has(id))
            if (unknown.length > 0) yield* store.release(owner, unknown)
            lookAt = now + lease
          })
          const tick = Effect.gen(function* () {
            yield* renewIfLate
            yield* giveUnknownBack
            const driven = yield* FiberMap.size(drivers)
            const claimed = yield* claim({ limit: options.limit - driven, mine }, () => undefined)
            for (const task of claimed) {
              const bell = yield* Queue.dropping<void>(1)
              bells.set(task.id, bell)
              yield* FiberMap.run(
                drivers,
                task.id,
                drive(task, step, bell).pipe(
                  // A driver that is told to stop does not come here; a step that stopped by itself does.
                  Effect.catchAllCause((cause) =>
                    Effect.zipRight(Effect.logError(`driving ${task.id} broke down`, cause), Effect.sleep(storePause))
                  ),
                  // A task that a living process owns and does not drive would be driven by nobody.
                  Effect.zipRight(Effect.orDie(Effect.retry(giveBack(task.id), Schedule.spaced(storePause)))),
                  Effect.ensuring(
                    Effect.sync(() => {
                      if (bells.get(task.id) === bell) bells.delete(task.id)
                    })
                  ),
                  Effect.zipRight(Queue.offer(doorbell, undefined))
                )
              )
            }
            if (driven > 0) yield* Effect.forEach(yield* store.wanted(owner), wake, { discard: true })
          }).pipe(Effect.catchAll((error) => Effect.logWarning(`looking for tasks failed: ${error.message}`)))
          return yield* Effect.forever(Effect.zipRight(tick, Effect.timeoutOption(Queue.take(doorbell), options.poll)))
        })
      )

    /** Renews at once, then for as long as the scope lives. */
    const renewing = Effect.gen(function* () {
      yield* compareClocks
      yield* Effect.retry(renew, { times: 5 }).pipe(
        Effect.catchAll((error) => Effect.logWarning(`the lease could not be taken yet: ${error.message}`))
      )
      yield* Effect.zipRight(compareClocks, renew).pipe(
        Effect.catchAll((error) => Effect.logWarning(`the lease could not be renewed: ${error.message}`)),
        Effect.delay(Duration.times(Duration.decode(options.lease), 0.25)),
        Effect.forever,
        Effect.forkScoped
      )
    })

    const refresh = (id: TaskId, step: Step) =>
      Effect.scoped(
        Effect.gen(function* () {
          yield* renewing
          const claimed = yield* claim({ limit: 1, only: id }, (tasks) => {
            for (const task of tasks) visited.add(task.id)
          })
          yield* Effect.forEach(claimed, (task) =>
            oneVisit(task, step).pipe(
              Effect.ensuring(
                Effect.catchAll(Effect.retry(giveBack(task.id), { times: 5 }), (error) => {
                  lookAt = 0
                  return Effect.logWarning(`it is given back later, or its lease runs out: ${error.message}`)
                })
              ),
              Effect.ensuring(Effect.sync(() => void visited.delete(task.id)))
            )
          )
        })
      )

    const oneVisit = Effect.fn("scheduler.visit")(function* (claimed: Task, step: Step) {
      let task = claimed
      for (;;) {
        const next = yield* Effect.catchTag(step(task), "TaskChanged", () => Effect.void)
        if (next === undefined || next.next !== "again") return
        task = next.task
      }
    })

    return { run, wake, refresh } satisfies typeof Scheduler.Service
  })
