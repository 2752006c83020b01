import { Clock, Deferred, type Duration, Effect, Either, Scope } from "effect"
import type { Boot } from "./Boot.js"
import type { Health } from "./Health.js"
import { type Ending, type Held, makeHeld, type Order, type Refusal, restored, type Stop } from "./Held.js"
import type { Journal, JournalRecord } from "./Journal.js"
import { run, type Workshop } from "./Run.js"

/** What is known of a task: it is held here, an earlier boot had it, or nothing. */
export type Known =
  | { readonly where: "here"; readonly held: Held }
  | { readonly where: "before"; readonly record: JournalRecord; readonly ending: Ending | undefined }
  | { readonly where: "nowhere" }

/** What came of a start. */
export type Begun = { readonly known: Exclude<Known, { readonly where: "nowhere" }>; readonly fresh: boolean }

/** All tasks of this process. */
export interface Tasks {
  readonly begin: (order: Order) => Effect.Effect<Begun | "cancelled before it came", Refusal>
  readonly find: (taskId: string) => Effect.Effect<Known>
  /** Ends the work, and resolves once it has ended or after the time. */
  readonly cancel: (taskId: string, reason: string, wait: Duration.DurationInput) => Effect.Effect<Known>
  /** The result is safe elsewhere: nobody waits for it here. */
  readonly settle: (held: Held) => Effect.Effect<void>
  /** Writes down where the work stands; what is to survive this process is written before it has an effect. */
  readonly note: (held: Held) => Effect.Effect<void, Refusal>
  readonly forget: (taskId: string) => Effect.Effect<void>
  readonly taskIds: Effect.Effect<ReadonlyArray<string>>
  /** Takes no more starts, tells all work to end, and resolves once it has. */
  readonly drain: (signal: string) => Effect.Effect<void>
}

/** So many tasks that nobody waits for are kept; of earlier ones only their ids. */
const settledKept = 50

export const makeTasks = Effect.fn("worker.makeTasks")(function* (
  shop: Workshop,
  journal: Journal,
  health: Health,
  boot: Effect.Effect<Boot>
) {
  const scope = yield* Scope.Scope
  const here = new Map<string, Held>()
  const cancelledAhead = new Set<string>()
  const gone = new Set<string>()
  /** Records that tell an end are never written over. */
  const ends = new Set<Held>()
  const writing = yield* Effect.makeSemaphore(1)
  let draining = false

  const find = Effect.fnUntraced(function* (taskId: string) {
    const held = here.get(taskId)
    if (held !== undefined) return { where: "here", held } satisfies Known
    const record = yield* journal.find(taskId)
    // The task may have come while the disk was asked.
    const late = here.get(taskId)
    if (late !== undefined) return { where: "here", held: late } satisfies Known
    if (record === undefined) return { where: "nowhere" } satisfies Known
    return { where: "before", record, ending: endingOf(record) } satisfies Known
  })

  const remember = Effect.fnUntraced(function* (held: Held, ending?: Ending) {
    if (!held.order.journaled) return
    yield* journal.write({
      v: 1,
      taskId: held.order.taskId,
      startToken: held.order.startToken,
      boot: (yield* boot).boot,
      state: ending?.state ?? held.state,
      seq: held.ring.seq(),
      artifacts: ending?.artifacts ?? [],
      answers: held.questions.answered(),
      ...(ending?.result === undefined ? {} : { result: ending.result.text.toString("utf8") }),
      ...(ending?.error === undefined ? {} : { error: ending.error })
    })
  })

  const settle = Effect.fnUntraced(function* (held: Held) {
    if (held.settled || held.ending === undefined) return
    held.settled = true
    yield* Deferred.succeed(held.released, undefined)
    yield* health.leave
    const settled = [...here.values()].filter((other) => other.settled)
    for (const { order } of settled.slice(0, Math.max(0, settled.length - settledKept))) {
      here.delete(order.taskId)
      gone.add(order.taskId)
    }
  })

  const live = Effect.fnUntraced(function* (held: Held) {
    yield* Deferred.await(held.go)
    held.state = "running"
    held.changedAt = yield* Clock.currentTimeMillis
    held.bell.ring()
    const ending = yield* run(held, shop)
    ends.add(held)
    yield* Effect.catchAll(writing.withPermits(1)(remember(held, ending)), (error) =>
      Effect.sync(() => shop.log(error.message))
    )
    held.changedAt = yield* Clock.currentTimeMillis
    held.ending = ending
    held.state = ending.state
    ends.delete(held)
    held.bell.ring()
    const lingering = Effect.timeoutOption(Deferred.await(held.released), held.order.lingerSeconds * 1000)
    yield* Effect.forkIn(Effect.zipRight(lingering, settle(held)), scope)
  })

  const refuse = (code: string, message: string) => Effect.fail<Refusal>({ code, message })

  const repeated = Effect.fnUntraced(function* (known: Begun["known"], { taskId, startToken }: Order) {
    const token = known.where === "here" ? known.held.order.startToken : known.record.startToken
    if (token !== startToken)
      return yield* refuse("conflict", `Task ${taskId} was started here under another token and is not started again.`)
    if (known.where === "here") yield* Deferred.await(known.held.accepted)
    return { known, fresh: false }
  })

  const begin = Effect.fnUntraced(function* (order: Order) {
    const { taskId } = order
    const known = yield* find(taskId)
    if (known.where !== "nowhere") return yield* repeated(known, order)
    if (gone.has(taskId))
      return yield* refuse(
        "conflict",
        `Task ${taskId} was done here, acknowledged and forgotten; it is not started again.`
      )
    if (draining)
      return yield* refuse(
        "busy",
        "The worker is shutting down and takes no more work; give the task a session of its own."
      )
    if (cancelledAhead.has(taskId)) return "cancelled before it came" as const
    const held = yield* makeHeld(order, yield* Clock.currentTimeMillis)
    const other = here.get(taskId)
    if (other !== undefined) return yield* repeated({ where: "here", held: other }, order)
    here.set(taskId, held)
    yield* health.enter
    const remembered = yield* Effect.either(remember(held))
    if (Either.isLeft(remembered)) {
      here.delete(taskId)
      yield* health.leave
      const refusal = refuse("unavailable", remembered.left.message)
      yield* Deferred.complete(held.accepted, refusal)
      return yield* refusal
    }
    yield* Deferred.succeed(held.accepted, undefined)
    yield* Effect.forkIn(Effect.interruptible(live(held)), scope)
    return { known: { where: "here", held } as const, fresh: true }
  }, Effect.uninterruptible)

  const stop = Effect.fnUntraced(function* (held: Held, how: Stop) {
    yield* Deferred.succeed(held.stop, how)
    yield* Deferred.succeed(held.go, undefined)
  })

  const cancel = Effect.fnUntraced(function* (taskId: string, reason: string, wait: Duration.DurationInput) {
    const known = yield* find(taskId)
    if (known.where === "nowhere") cancelledAhead.add(taskId)
    if (known.where === "here" && known.held.ending === undefined) {
      yield* stop(known.held, { because: "cancelled", reason })
      yield* Effect.timeoutOption(ended(known.held), wait)
    }
    return known
  })

  const tasks: Tasks = {
    begin,
    find,
    cancel,
    settle,
    note: (held) =>
      Effect.suspend(() => (ends.has(held) || held.ending !== undefined ? Effect.void : remember(held))).pipe(
        writing.withPermits(1),
        Effect.catchAll((error) => refuse("unavailable", error.message))
      ),
    forget: (taskId) => Effect.sync(() => here.delete(taskId)),
    taskIds: Effect.map(journal.taskIds, (before) => [...new Set([...here.keys(), ...before])]),
    drain: (signal) =>
      Effect.suspend(() => {
        draining = true
        return Effect.forEach(
          [...here.values()].filter(({ ending }) => ending === undefined),
          (held) => Effect.zipRight(stop(held, { because: "terminated", signal }), ended(held)),
          { concurrency: "unbounded", discard: true }
        )
      })
  }
  return tasks
})

/** Resolves once the work has ended. */
export const ended = Effect.fnUntraced(function* (held: Held) {
  for (;;) {
    const seen = held.bell.count()
    if (held.ending !== undefined) return held.ending
    yield* held.bell.after(seen)
  }
})

const endingOf = ({ state, result, artifacts, error }: JournalRecord): Ending | undefined => {
  switch (state) {
    case "succeeded":
    case "failed":
    case "cancelled":
    case "expired": {
      const kept = result === undefined ? undefined : restored(result)
      return {
        state,
        artifacts,
        ...(kept === undefined ? {} : { result: kept }),
        ...(error === undefined ? {} : { error })
      }
    }
    default:
      return undefined
  }
}
