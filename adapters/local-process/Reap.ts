import { rmSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import type { Remnant } from "../../src/domain/Sweep.js"
import type { Reaped } from "../../src/services/Adapter.js"
import type { Transport } from "../../src/services/Transport.js"
import { strays, treeOf } from "./Remnants.js"
import { FolderFailed } from "./Spec.generated.js"
import type { Processes } from "./supervisor/Processes.js"
import { closedMark, files } from "./supervisor/Records.js"
import { endTree, membersOf } from "./supervisor/Tree.js"
import { close, folderOf } from "./TaskFolder.js"
import { reapWorktree } from "./WorktreeRemnants.js"

const graceSeconds = 5
/** What does not die of SIGKILL within this time belongs to somebody else, or hangs in the system. */
const patience = "30 seconds"

/** Removes what a task has left here; each process is checked to be the same one before it gets a signal. */
export const reap = (
  remnant: Remnant,
  stateDir: string,
  processes: Processes
): Effect.Effect<Reaped, FolderFailed, Transport> => {
  const folder = folderOf(stateDir, remnant.taskId)
  switch (remnant.kind) {
    case "local.worktree":
      return reapWorktree(remnant)
    case "local.artifacts":
      return removed(join(folder, files.artifacts))
    case "local.mark":
      return removed(closedMark(folder))
    default:
      return ended(remnant.taskId, stateDir, processes)
  }
}

const gone: Reaped = { state: "gone" }

const removed = (path: string): Effect.Effect<Reaped, FolderFailed> =>
  Effect.try({
    try: () => rmSync(path, { recursive: true, force: true }),
    catch: (error) => new FolderFailed({ path, detail: error instanceof Error ? error.message : String(error) })
  }).pipe(Effect.as(gone))

/** The folder goes only once nothing runs, and leaves the mark that keeps a late start out. */
const ended = (taskId: string, stateDir: string, processes: Processes): Effect.Effect<Reaped, FolderFailed> =>
  Effect.gen(function* () {
    const known = yield* treeOf(stateDir, taskId, processes)
    const tree = () => ({ ...known, remembered: [...known.remembered, ...strays(stateDir, taskId, processes)] })
    yield* Effect.timeoutOption(
      Effect.promise(() => endTree(processes, tree, graceSeconds)),
      patience
    )
    const left = membersOf(processes, tree())
    if (left.length > 0)
      return { state: "stays", because: `${left.map(({ pid }) => pid).join(", ")} could not be ended` }
    yield* close(folderOf(stateDir, taskId))
    return gone
  })
