import { readdir, readFile } from "node:fs/promises"
import { Clock, Effect } from "effect"
import { systemCode } from "./SystemProblem.js"

/** What a program and all it started are known by: its process group, and a mark in their environment. */
export interface Tree {
  readonly leader: number
  /** A whole `NAME=value`. */
  readonly mark: string
}

/**
 * Ends every process of a tree: SIGTERM to each, SIGKILL to those left after the grace, until two looks in a row find
 * none. Never gives up, because what it returns from must be true.
 */
export const endTree = Effect.fn("worker.endTree")(function* (tree: Tree, graceSeconds: number) {
  const patience = (yield* Clock.currentTimeMillis) + graceSeconds * 1000
  const asked = new Set<number>()
  for (let empty = 0; empty < 2;) {
    const found = yield* Effect.promise(() => membersOf(tree))
    empty = found.length === 0 ? empty + 1 : 0
    const hard = (yield* Clock.currentTimeMillis) >= patience
    for (const pid of found) {
      if (hard) signal(pid, "SIGKILL")
      else if (!asked.has(pid)) signal(pid, "SIGTERM")
      asked.add(pid)
    }
    if (empty < 2) yield* Effect.sleep(20)
  }
})

const signal = (pid: number, name: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(pid, name)
  } catch (error) {
    return systemCode(error) === "EPERM"
  }
}

/** A look at the living; elsewhere than on Linux a program that leaves its group is out of sight. */
const membersOf = async ({ leader, mark }: Tree): Promise<ReadonlyArray<number>> => {
  if (process.platform !== "linux") return signal(-leader, 0) ? [-leader] : []
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const all = (await Promise.all(names.map(look))).filter((running) => running !== undefined)
  const inside = new Set<number>()
  await Promise.all(
    all.map(async ({ pid, group, session }) => {
      if (group === leader || session === leader || (await carries(pid, mark))) inside.add(pid)
    })
  )
  for (let before = -1; before !== inside.size;) {
    before = inside.size
    for (const { pid, parent } of all) if (inside.has(parent)) inside.add(pid)
  }
  return [...inside]
}

/** The name in parentheses may itself hold spaces and parentheses, so the fields are counted from the last one. */
const look = async (name: string) => {
  const stat = await readFile(`/proc/${name}/stat`, "latin1").catch(() => "")
  const [state, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  if (session === undefined || state === "Z" || state === "X") return undefined
  return { pid: Number(name), parent: Number(parent), group: Number(group), session: Number(session) }
}

const carries = async (pid: number, mark: string) =>
  (await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "")).split("\0").includes(mark)
