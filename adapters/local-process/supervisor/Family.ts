import { join } from "node:path"
import { lives, type Processes, sameProcess } from "./Processes.js"
import { type Child, files, type Identity, replaceFile } from "./Records.js"
import { descendantsOf } from "./Tree.js"

export interface Family {
  readonly known: () => { readonly child: Identity | undefined; readonly remembered: ReadonlyArray<Identity> }
  /** Takes in who is there now. */
  readonly look: () => void
}

/** Keeps the identities of the child and of all ever seen below it, in memory and on disk. */
export const familyOf = (
  folder: string,
  processes: Processes,
  pid: number | undefined,
  onFailure: (error: unknown) => void
): Family => {
  const born = pid === undefined ? undefined : processes.born(pid)
  const child: Identity | undefined = born && { pid: born.pid, startTime: born.startTime, bootId: born.bootId }
  let remembered: ReadonlyArray<Identity> = []
  const write = () => {
    if (child === undefined) return
    const record: Child = { child, descendants: remembered }
    try {
      replaceFile(join(folder, files.child), JSON.stringify(record))
    } catch (error) {
      onFailure(error)
    }
  }
  write()
  return {
    known: () => ({ child, remembered }),
    look: () => {
      if (child === undefined) return
      const alive = remembered.filter((identity) => lives(processes, identity))
      const roots = lives(processes, child) ? [child, ...alive] : alive
      const fresh = descendantsOf(processes, roots).filter((found) => !alive.some((known) => sameProcess(known, found)))
      const changed = fresh.length > 0 || alive.length !== remembered.length
      remembered = [...alive, ...fresh]
      if (changed) write()
    }
  }
}
