import { type Processes, type Running, sameProcess, signal, tokenVariable } from "./Processes.js"
import type { Identity } from "./Records.js"

/** Everything by which a task's processes are known. */
export interface Tree {
  readonly token: string
  readonly child?: Identity | undefined
  readonly remembered: ReadonlyArray<Identity>
  /** The supervisor, while it asks itself: all its children are the task's. */
  readonly supervisor?: number
}

/**
 * The task's processes that run now: the child, its group and session, those below any of them, those remembered, and
 * those whose environment carries the start token.
 */
export const membersOf = (processes: Processes, tree: Tree): ReadonlyArray<Running> => {
  const all = processes.all().filter(({ pid }) => pid !== process.pid)
  const leader = all.find(({ pid }) => pid === tree.child?.pid)
  const group = groupToTrust(tree, leader)
  const known = tree.child === undefined ? tree.remembered : [tree.child, ...tree.remembered]
  const inside = new Set<number>()
  for (const running of all) {
    const member =
      known.some((identity) => sameProcess(identity, running)) ||
      running.parent === tree.supervisor ||
      (group !== undefined && (running.group === group || running.session === group)) ||
      processes.carries(running.pid, `${tokenVariable}=${tree.token}`)
    if (member) inside.add(running.pid)
  }
  for (let before = -1; before !== inside.size;) {
    before = inside.size
    for (const running of all) if (inside.has(running.parent)) inside.add(running.pid)
  }
  return all.filter(({ pid }) => inside.has(pid))
}

/** Those below the child now, and below those remembered; cheap enough to ask every second. */
export const descendantsOf = (processes: Processes, roots: ReadonlyArray<Identity>): ReadonlyArray<Identity> => {
  const found = new Map<number, Identity>()
  const open = [...roots]
  for (let root = open.pop(); root !== undefined; root = open.pop()) {
    for (const { pid, startTime, bootId } of processes.children(root.pid)) {
      if (found.has(pid)) continue
      found.set(pid, { pid, startTime, bootId })
      open.push({ pid, startTime, bootId })
    }
  }
  return [...found.values()]
}

/**
 * Ends every process of a tree: SIGTERM to each, SIGKILL to those left after the grace, until two looks in a row find
 * none. Never gives up, because what it returns from must be true.
 */
export const endTree = async (processes: Processes, tree: () => Tree, graceSeconds: number): Promise<void> => {
  const asked = new Set<number>()
  const patience = performance.now() + graceSeconds * 1000
  for (let empty = 0, wait = 10; empty < 2;) {
    const members = membersOf(processes, tree())
    empty = members.length === 0 ? empty + 1 : 0
    const hard = performance.now() >= patience
    for (const member of members) {
      if (hard) signal(processes, member, "SIGKILL")
      else if (!asked.has(member.pid)) signal(processes, member, "SIGTERM")
      asked.add(member.pid)
    }
    if (empty === 2) return
    wait = Math.min(wait * 2, 250)
    await pause(empty > 0 || hard ? 20 : Math.min(wait, Math.max(1, patience - performance.now())))
  }
}

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/**
 * A group keeps its number as long as it has members, but once all are gone a stranger may get it. While we are the
 * supervisor that cannot have happened yet; later only a living child proves that the group is still the task's.
 */
const groupToTrust = ({ child, supervisor }: Tree, leader: Running | undefined): number | undefined => {
  if (child === undefined) return undefined
  if (leader !== undefined) return sameProcess(leader, child) ? child.pid : undefined
  return supervisor === undefined ? undefined : child.pid
}
