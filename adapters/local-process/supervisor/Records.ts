import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync
} from "node:fs"
import { basename, dirname, join } from "node:path"

/** A process that cannot be mistaken for a later one with the same number. */
export interface Identity {
  readonly pid: number
  /** As the system tells it: clock ticks since boot on Linux, a date on macOS. */
  readonly startTime: string
  readonly bootId: string
}

/** What the supervisor is to do. The environment is not in it: that never reaches the disk. */
export interface Spec {
  readonly taskId: string
  readonly token: string
  readonly argv: ReadonlyArray<string>
  readonly cwd: string
  /** One line, given to the child on its stdin. */
  readonly stdin: string
  readonly deadlineSeconds: number
  readonly outputLimitBytes: number
  readonly graceSeconds: number
  /** The child's stdin stays open for answers. */
  readonly interactive?: boolean
  /** What the operator wants hidden in the output, besides the usual; names and patterns, never values. */
  readonly redaction?: { readonly patterns?: ReadonlyArray<string>; readonly variables?: ReadonlyArray<string> }
}

/** Whoever makes this file first decides whether the task runs; without a supervisor nobody ever may. */
export interface Claim {
  readonly token: string
  readonly supervisor: Identity | null
  /** Milliseconds since 1970. */
  readonly claimedAt: number
}

export interface Child {
  readonly child: Identity
  /** Those seen below the child, wherever they went since. */
  readonly descendants: ReadonlyArray<Identity>
}

export type Reason =
  | "exited"
  | "spawn_failed"
  | "deadline"
  | "output_limit"
  | "cancelled"
  | "terminated"
  | "supervisor_failed"

/** How it ended; written once nothing of the task runs any more and all its output is on disk. */
export interface Exit {
  readonly reason: Reason
  readonly code: number | null
  readonly signal: string | null
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly endedAt: number
  readonly stdoutBytes: number
  readonly stderrBytes: number
  readonly error?: { readonly code: string; readonly message: string }
}

export const files = {
  spec: "spec.json",
  claim: "claim.json",
  child: "child.json",
  cancel: "cancel",
  exit: "exit.json",
  stdout: "stdout",
  stderr: "stderr",
  artifacts: "artifacts",
  answers: "answers.ndjson"
} as const

/** Says that the folder's task is over and removed, so that a late start runs nothing. */
export const closedMark = (folder: string): string => join(dirname(folder), ".closed", basename(folder))

export const isClosed = (folder: string): boolean => existsSync(closedMark(folder))

/** Replaces a file as a whole; a reader sees the old text or the new. */
export const replaceFile = (path: string, text: string): void => {
  const draft = writeDraft(path, text)
  renameSync(draft, path)
  syncFolder(dirname(path))
}

/** Makes a file with its whole text unless there is one already; of several makers one gets `true`. */
export const createFile = (path: string, text: string): boolean => {
  const draft = writeDraft(path, text)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw error
  } finally {
    rmSync(draft, { force: true })
    syncFolder(dirname(path))
  }
}

/** The file's text, or nothing when there is no such file. */
export const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined
    throw error
  }
}

/** `ENOENT` and the like; empty for an error that has no code. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""

/** A folder's entries survive a power cut only once the folder itself is on disk. */
export const syncFolder = (path: string): void => {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

const writeDraft = (path: string, text: string): string => {
  const draft = `${path}.${process.pid}.draft`
  const file = openSync(draft, "w", 0o600)
  try {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return draft
}
