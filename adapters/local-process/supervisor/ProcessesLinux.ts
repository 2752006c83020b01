import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import type { Processes, Running } from "./Processes.js"

/** Numbers mean something within one boot and one container only, so both are part of an identity. */
export const linux = (): Processes => {
  const bootId = `${(read("/proc/sys/kernel/random/boot_id") ?? "").trim()} ${readlinkSync("/proc/self/ns/pid")}`
  const stat = (pid: number): Running | undefined => {
    const text = read(`/proc/${pid}/stat`)
    return text === undefined ? undefined : parseStat(text, pid, bootId)
  }
  const find = (pid: number): Running | undefined => {
    const found = stat(pid)
    return found?.ended === false ? found : undefined
  }
  const all = () =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => find(Number(name)) ?? [])
  return {
    bootId,
    find,
    born: stat,
    all,
    children: (pid) => {
      const lists = tasks(pid).map((task) => read(`/proc/${pid}/task/${task}/children`))
      if (lists.includes(undefined) && find(pid) !== undefined) return all().filter(({ parent }) => parent === pid)
      return lists.flatMap((list) =>
        (list ?? "")
          .split(" ")
          .filter(Boolean)
          .flatMap((child) => find(Number(child)) ?? [])
      )
    },
    carries: (pid, entry) => environment(pid).includes(entry),
    variable: (pid, name) =>
      environment(pid)
        .find((entry) => entry.startsWith(`${name}=`))
        ?.slice(name.length + 1)
  }
}

/** The name in parentheses may itself hold spaces and parentheses, so the fields are counted from the last one. */
export const parseStat = (stat: string, pid: number, bootId: string): Running | undefined => {
  const [state, parent, group, session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const startTime = rest[15]
  if (startTime === undefined) return undefined
  const ended = state === "Z" || state === "X"
  return { pid, startTime, bootId, parent: Number(parent), group: Number(group), session: Number(session), ended }
}

const environment = (pid: number): ReadonlyArray<string> =>
  Buffer.from(read(`/proc/${pid}/environ`) ?? "", "latin1")
    .toString()
    .split("\0")

const tasks = (pid: number): ReadonlyArray<string> => {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** A process may end, or belong to somebody else, at any moment: then there is nothing to read. */
const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return undefined
  }
}
