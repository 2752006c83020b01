import { darwin } from "./ProcessesDarwin.js"
import { linux } from "./ProcessesLinux.js"
import { codeOf, type Identity } from "./Records.js"

export interface Running extends Identity {
  readonly parent: number
  readonly group: number
  readonly session: number
  /** It has ended and its parent has not collected it yet. */
  readonly ended: boolean
}

/** What the system tells about processes. Dead ones that nobody has collected yet count as gone. */
export interface Processes {
  readonly bootId: string
  readonly find: (pid: number) => Running | undefined
  /** A child of ours, though it may have ended in the meantime. */
  readonly born: (pid: number) => Identity | undefined
  readonly all: () => ReadonlyArray<Running>
  readonly children: (pid: number) => ReadonlyArray<Running>
  /** Whether the process' environment holds `entry`, a whole `NAME=value`. */
  readonly carries: (pid: number, entry: string) => boolean
  /** A variable of the process' environment; nothing where that cannot be read. */
  readonly variable: (pid: number, name: string) => string | undefined
}

/** The variable that marks a task's processes, wherever they went. */
export const tokenVariable = "AGENTDISPATCH_START_TOKEN"

/** The variable that says where a task's artifacts go, and so whose state folder the process belongs to. */
export const artifactsVariable = "AGENTDISPATCH_ARTIFACT_DIR"

/** The processes of this machine, or nothing where we cannot tell them apart. */
export const processesHere = (platform: string = process.platform): Processes | undefined =>
  platform === "linux" ? linux() : platform === "darwin" ? darwin() : undefined

export const sameProcess = (a: Identity, b: Identity): boolean =>
  a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId

export const lives = (processes: Processes, identity: Identity): boolean => {
  const found = processes.find(identity.pid)
  return found !== undefined && sameProcess(found, identity)
}

/** Signals exactly this process; one that has taken its number since is left alone. */
export const signal = (processes: Processes, identity: Identity, name: NodeJS.Signals): void => {
  if (!lives(processes, identity)) return
  try {
    process.kill(identity.pid, name)
  } catch (error) {
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "EPERM") throw error
  }
}
