import { spawnSync } from "node:child_process"
import type { Processes, Running } from "./Processes.js"

export const darwin = (): Processes => {
  const bootId = run("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"]).text.trim()
  const list = (...only: ReadonlyArray<string>) => {
    const listed = run("/bin/ps", [...only, "-ww", "-o", columns])
    return parseList(listed.text, bootId).filter(({ pid }) => pid !== listed.pid)
  }
  const alive = (running: Running) => !running.ended
  return {
    bootId,
    find: (pid) => list("-p", String(pid)).find(alive),
    born: (pid) => list("-p", String(pid))[0],
    all: () => list("-ax").filter(alive),
    children: (pid) => list("-ax").filter((running) => running.parent === pid && alive(running)),
    carries: (pid, entry) => ` ${environment(pid)} `.includes(` ${entry} `),
    // A value with a space in it ends there and so names nothing of ours.
    variable: (pid, name) => new RegExp(` ${name}=(\\S*)`).exec(environment(pid))?.[1]
  }
}

/** The command with its environment behind it, in one line. */
const environment = (pid: number): string =>
  run("/bin/ps", ["-p", String(pid), "-E", "-ww", "-o", "command="]).text.trim()

const columns = "pid=,ppid=,pgid=,stat=,lstart="

/** `ps` prints no usable session number here, so a process counts as its own session. */
export const parseList = (text: string, bootId: string): ReadonlyArray<Running> =>
  text.split("\n").flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S.*\S)\s*$/.exec(line)
    const [, pid, parent, group, state, startTime] = found ?? []
    if (startTime === undefined || state === undefined) return []
    const ended = state.startsWith("Z")
    return [
      { pid: Number(pid), startTime, bootId, parent: Number(parent), group: Number(group), session: Number(pid), ended }
    ]
  })

/** `ps` itself is among those it lists, hence its number. When it finds none it fails, with nothing printed. */
const run = (file: string, args: ReadonlyArray<string>): { readonly pid: number; readonly text: string } => {
  const { pid, stdout } = spawnSync(file, args, { encoding: "utf8", env: { LC_ALL: "C" }, maxBuffer: 64 * 1024 * 1024 })
  return { pid, text: stdout ?? "" }
}
