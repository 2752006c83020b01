import { Clock, Effect } from "effect"
import type { CancelProgress } from "../../src/services/Adapter.js"
import type { FolderFailed } from "./Spec.generated.js"
import { type Processes, signal } from "./supervisor/Processes.js"
import { files } from "./supervisor/Records.js"
import { membersOf } from "./supervisor/Tree.js"
import { family, mark, situation, touchedAt, voidClaim } from "./TaskFolder.js"

/** What it takes to end a task's processes. */
export interface Ending {
  readonly folder: string
  readonly token: string
  readonly graceSeconds: number
  readonly processes: Processes
}

const again: CancelProgress = { state: "stopping", pollAfter: 100 }
const stopped: CancelProgress = { state: "stopped" }

/** A supervisor that has not ended its task so long after the grace is stuck, and its work becomes ours. */
const stuckAfterMillis = 5000

/** Moves a cancel on by one step; `stopped` has been verified. */
export const cancel = Effect.fn("local.cancel")(function* (ending: Ending) {
  const { folder, token, graceSeconds, processes } = ending
  const found = yield* situation(folder, processes)
  if (found.state === "unclaimed" && !(yield* voidClaim(folder, token, yield* Clock.currentTimeMillis))) return again
  if (found.state === "ended" && found.exit.reason !== "cancelled") return { state: "finished" } as const
  if (found.state === "running") {
    const waited = yield* mark(folder, files.cancel)
    const stuck = waited > graceSeconds * 1000 + stuckAfterMillis
    yield* Effect.sync(() => signal(processes, found.supervisor, stuck ? "SIGKILL" : "SIGTERM"))
    return again
  }
  if (found.state === "lost") yield* mark(folder, files.cancel)
  return (yield* endOrphans(ending)) ? stopped : again
})

/**
 * Ends what a dead supervisor left, one step a call: asked to end at first, killed after the grace. True once two
 * looks in a row have found nothing, for a process that is just being born carries no mark for an instant.
 */
export const endOrphans = (ending: Ending): Effect.Effect<boolean, FolderFailed> =>
  Effect.gen(function* () {
    if ((yield* orphans(ending)).length > 0) return yield* Effect.as(signalOrphans(ending), false)
    yield* Effect.sleep("20 millis")
    return (yield* orphans(ending)).length === 0
  })

const orphans = ({ folder, token, processes }: Ending) =>
  Effect.map(family(folder), (known) => membersOf(processes, { ...known, token: known.token ?? token }))

/** Where the folder is gone there is nothing to keep the time by, and nobody to be polite for. */
const signalOrphans = (ending: Ending) =>
  Effect.gen(function* () {
    const gone = (yield* touchedAt(ending.folder, ".")) === undefined
    const waited = gone ? Number.POSITIVE_INFINITY : yield* mark(ending.folder, "orphaned")
    const name = waited >= ending.graceSeconds * 1000 ? "SIGKILL" : "SIGTERM"
    for (const member of yield* orphans(ending)) signal(ending.processes, member, name)
  })
