import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either } from "effect"
import type { Remnant } from "../../src/domain/Sweep.js"
import { isTaskId } from "../../src/domain/Task.js"
import type { FolderFailed } from "./Spec.generated.js"
import { artifactsVariable, type Processes, type Running } from "./supervisor/Processes.js"
import { files } from "./supervisor/Records.js"
import { membersOf, type Tree } from "./supervisor/Tree.js"
import { family, folderOf, situation } from "./TaskFolder.js"

/** How many marks of ended tasks one look tells of. */
const mostMarks = 500

/** What belongs to tasks below this state folder: processes, folders, artifacts and marks. Nothing is changed. */
export const remnantsIn = (stateDir: string, processes: Processes): Effect.Effect<ReadonlyArray<Remnant>> =>
  Effect.gen(function* () {
    const local = join(stateDir, "local")
    const marked = straysOf(stateDir, processes)
    const ids = namesIn(local).filter(isTaskId)
    const folders = yield* Effect.forEach(ids, (taskId) =>
      // A folder that cannot be read is left alone; the task's own driver tells of it.
      Effect.orElseSucceed(ofFolder(stateDir, taskId, processes), () => [])
    )
    const withFolder = new Set<string>(ids)
    const alone = [...marked].filter(([taskId]) => !withFolder.has(taskId))
    const marks = namesIn(join(local, ".closed")).filter(isTaskId).slice(0, mostMarks)
    return [
      ...folders.flat(),
      ...alone.map(([taskId, running]) => processesOf(taskId, running, 0)),
      ...marks.map((taskId): Remnant => {
        const path = join(local, ".closed", taskId)
        const what = `the mark ${path}, which keeps a late start from running`
        return { key: `mark:${taskId}`, kind: "local.mark", taskId, part: "mark", since: touched(path), what, ref: {} }
      })
    ]
  })

const ofFolder = (
  stateDir: string,
  taskId: string,
  processes: Processes
): Effect.Effect<ReadonlyArray<Remnant>, FolderFailed> =>
  Effect.gen(function* () {
    const folder = folderOf(stateDir, taskId)
    const names = namesIn(folder)
    const since = touched(folder)
    const artifacts: ReadonlyArray<Remnant> = names.includes(files.artifacts)
      ? [
          {
            key: `artifacts:${taskId}`,
            kind: "local.artifacts",
            taskId,
            part: "record",
            since,
            what: `the files in ${join(folder, files.artifacts)}`,
            ref: {}
          }
        ]
      : []
    if (names.every((name) => name === files.artifacts) && names.length > 0) return artifacts
    const found = yield* situation(folder, processes)
    const members = membersOf(processes, yield* treeOf(stateDir, taskId, processes))
    const elsewhere = found.state === "running" && found.supervisor.bootId !== processes.bootId
    if (members.length > 0 || elsewhere) {
      const away = "a supervisor in another container owns it and was alive within the last 30 s"
      const begun = touched(join(folder, files.spec))
      return [{ ...processesOf(taskId, members, begun), ...(elsewhere ? { stays: away } : {}) }, ...artifacts]
    }
    return [
      {
        key: `folder:${taskId}`,
        kind: "local.folder",
        taskId,
        part: "work",
        since,
        what: `the folder ${folder}`,
        ref: {}
      },
      ...artifacts
    ]
  })

const processesOf = (taskId: string, running: ReadonlyArray<Running>, since: number): Remnant => ({
  key: `processes:${taskId}`,
  kind: "local.processes",
  taskId,
  part: "work",
  since,
  what: `${running.length} running processes (${running.map(({ pid }) => pid).join(", ")})`,
  ref: {}
})

/** Everything a task's processes are known by, its supervisor among them. */
export const treeOf = (stateDir: string, taskId: string, processes: Processes): Effect.Effect<Tree, FolderFailed> =>
  Effect.gen(function* () {
    const folder = folderOf(stateDir, taskId)
    const { token = `no start of ${taskId}`, child, remembered } = yield* family(folder)
    const found = yield* situation(folder, processes)
    const supervisor = found.state === "running" ? [found.supervisor] : []
    return { token, child, remembered: [...remembered, ...supervisor, ...strays(stateDir, taskId, processes)] }
  })

export const strays = (stateDir: string, taskId: string, processes: Processes): ReadonlyArray<Running> =>
  straysOf(stateDir, processes).get(taskId) ?? []

/** Processes whose environment names the artifact folder of a task below this state folder, by task. */
const straysOf = (stateDir: string, processes: Processes): ReadonlyMap<string, ReadonlyArray<Running>> => {
  const found = new Map<string, Array<Running>>()
  for (const running of processes.all()) {
    const path = running.pid === process.pid ? undefined : processes.variable(running.pid, artifactsVariable)
    const taskId = path === undefined ? undefined : taskOfPath(path, stateDir)
    if (taskId !== undefined) found.set(taskId, [...(found.get(taskId) ?? []), running])
  }
  return found
}

const taskOfPath = (path: string, stateDir: string): string | undefined => {
  const name = path.slice(join(stateDir, "local").length + 1, -files.artifacts.length - 1)
  return isTaskId(name) && path === join(folderOf(stateDir, name), files.artifacts) ? name : undefined
}

export const namesIn = (folder: string): ReadonlyArray<string> =>
  Either.getOrElse(
    Either.try(() => readdirSync(folder)),
    () => []
  )

/** When something was last changed, in milliseconds since 1970; what cannot be looked at counts as new. */
export const touched = (path: string): number =>
  Either.getOrElse(
    Either.try(() => Math.floor(statSync(path).mtimeMs)),
    () => Number.MAX_SAFE_INTEGER
  )
