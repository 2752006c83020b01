import { Effect } from "effect"
import type { AdapterFailure } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import { clientsOf } from "./Clients.js"
import { ask } from "./Dialogue.js"
import { failing, type Mode, type Work } from "./Mode.js"
import { cursorOf, isEnded, observe, outlived, poll } from "./WorkerObserve.js"
import { probe, start } from "./WorkerStart.js"

const shortly = "10 seconds"
/** How long work that was told to stop may take to say its last words. */
const graceMillis = 5_000

/** The result may go: it is on our disk. A worker that cannot be told keeps it no longer than its linger. */
const finish = (work: Work): Effect.Effect<void, AdapterFailure> =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    if (task.outcome?.ok === false && task.outcome.error.code === "worker.lost") return
    if (yield* outlived(work, cursorOf(work))) return
    const { poll: client } = yield* clientsOf(plan.place)
    yield* ask(client, session, { v: 1, op: "ack", taskId: task.id }, shortly).pipe(
      Effect.mapError((error) => (error._tag === "Fault" ? failing(work)(error) : error))
    )
  })

/** Tells the worker, and waits a little for its last words; whether it could be told does not matter. */
const cancel: Mode["cancel"] = (work) =>
  Effect.gen(function* () {
    const { task, session, plan } = work
    const cursor = cursorOf(work)
    if (cursor.boot === undefined || (yield* outlived(work, cursor))) return { state: "stopped" }
    const { poll: client } = yield* clientsOf(plan.place)
    const told = yield* Effect.either(
      ask(client, session, { v: 1, op: "cancel", taskId: task.id, reason: "The task was cancelled." }, shortly)
    )
    if (told._tag === "Left" || !("state" in told.right)) return { state: "stopped" }
    const { state, boot } = told.right
    if (boot !== cursor.boot || state === "unknown" || state === "interrupted") return { state: "stopped" }
    return yield* lastWords(work)
  })

const lastWords = (work: Work) =>
  Effect.gen(function* () {
    const entries: Array<Entry> = []
    let cursor = cursorOf(work)
    for (let round = 0; round < 50; round++) {
      const seen = yield* Effect.option(poll(work, cursor, graceMillis))
      if (seen._tag === "None" || seen.value === undefined) break
      const { reply } = seen.value
      if (isEnded(reply) && reply.state !== "cancelled") return { state: "finished" } as const
      entries.push(...seen.value.entries)
      cursor = seen.value.cursor
      if (isEnded(reply) && cursor.seq >= (reply.seq ?? 0)) break
    }
    return { state: "stopped", entries } as const
  }).pipe(
    Effect.timeoutTo({
      duration: graceMillis * 2,
      onSuccess: (told) => told,
      onTimeout: () => ({ state: "stopped" }) as const
    })
  )

/** Our own worker: started once, asked as often as one likes, found again after any crash of ours. */
export const workerMode: Mode = { start, probe, observe, finish, cancel }
