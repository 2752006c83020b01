import { type ChildProcessByStdio, spawn } from "node:child_process"
import { utimesSync } from "node:fs"
import { join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { hostSecrets } from "../../../src/domain/HostSecrets.js"
import { makeRedaction } from "../../../src/domain/Redaction.js"
import { capture } from "./Capture.js"
import { type Family, familyOf } from "./Family.js"
import { type Interruption, interruptible } from "./Interruption.js"
import { artifactsVariable, type Processes, processesHere, tokenVariable } from "./Processes.js"
import {
  type Claim,
  codeOf,
  createFile,
  type Exit,
  files,
  isClosed,
  type Reason,
  readText,
  replaceFile,
  type Spec
} from "./Records.js"
import { endTree, pause, type Tree } from "./Tree.js"

/**
 * Owns one local task: runs its child, keeps its output, ends it when it must end, and writes how it ended. Needs no
 * server. A second supervisor for the same folder finds the claim taken and returns at once.
 */
export const supervise = async (folder: string, token: string): Promise<void> => {
  const processes = processesHere()
  const me = processes?.find(process.pid)
  const spec = readSpec(folder)
  if (processes === undefined || me === undefined || spec?.token !== token || isClosed(folder)) return
  const interruption = interruptible(folder)
  const claim: Claim = {
    token,
    supervisor: { pid: me.pid, startTime: me.startTime, bootId: me.bootId },
    claimedAt: Date.now()
  }
  const text = JSON.stringify(claim)
  if (!createFile(join(folder, files.claim), text) || isClosed(folder)) return
  const ours = () => readText(join(folder, files.claim)) === text
  const startedAt = Date.now()
  const exit = await runChild(folder, spec, processes, interruption, ours).catch(
    async (error: unknown): Promise<Ending> => {
      interruption.failed(error)
      await endTree(processes, () => ({ token, remembered: [], supervisor: process.pid }), spec.graceSeconds)
      return { ...nothingRan, reason: "supervisor_failed", error: interruption.failure() }
    }
  )
  await persist(folder, JSON.stringify(record(exit, startedAt)), ours)
}

interface Ending extends Omit<Exit, "startedAt" | "endedAt" | "error"> {
  readonly error?: Error | undefined
}

const nothingRan = { code: null, signal: null, stdoutBytes: 0, stderrBytes: 0 }

const record = ({ error, ...ending }: Ending, startedAt: number): Exit => ({
  ...ending,
  startedAt,
  endedAt: Date.now(),
  ...(error === undefined ? {} : { error: { code: codeOf(error), message: error.message } })
})

const runChild = async (
  folder: string,
  spec: Spec,
  processes: Processes,
  interruption: Interruption,
  ours: () => boolean
): Promise<Ending> => {
  const { patterns = [], variables = [] } = spec.redaction ?? {}
  const redaction = makeRedaction({ values: hostSecrets(process.env, variables), patterns, bytes: true })
  const output = await capture(
    folder,
    spec.outputLimitBytes,
    redaction.stream,
    () => interruption.because("output_limit"),
    interruption.failed
  )
  interruption.look()
  const early = interruption.reason()
  if (early !== undefined) return { ...nothingRan, reason: early }
  const child = spawnChild(folder, spec)
  if (child instanceof Error) return { ...nothingRan, reason: "spawn_failed", error: child }

  const ended = new Promise<{ code: number | null; signal: string | null; error?: Error }>((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, error }))
    child.once("exit", (code, signal) => resolve({ code, signal }))
  })
  const family = familyOf(folder, processes, child.pid, interruption.failed)
  const drained = Promise.all([output.drain("stdout", child.stdout), output.drain("stderr", child.stderr)])
  child.stdin.on("error", () => undefined).write(`${spec.stdin}\n`)
  const answering = spec.interactive === true ? passAnswers(folder, child.stdin) : undefined
  if (answering === undefined) child.stdin.end()

  const heart = beat(folder, spec.deadlineSeconds, interruption, family, ours)
  const byItself = (await Promise.race([ended, interruption.happened])) !== undefined
  const tree = (): Tree => ({ token: spec.token, ...family.known(), supervisor: process.pid })
  if (child.pid !== undefined) await endTree(processes, tree, spec.graceSeconds)
  const { code, signal, error } = await ended
  await Promise.race([drained, pause(flushMillis)])
  child.stdout.destroy()
  child.stderr.destroy()
  await drained
  clearInterval(heart)
  clearInterval(answering)
  const reason = error !== undefined ? "spawn_failed" : howItEnded(byItself, interruption.reason())
  const bytes = { stdoutBytes: output.bytes.stdout, stderrBytes: output.bytes.stderr }
  return { reason, code, signal, ...bytes, error: error ?? interruption.failure() }
}

/** What a stream still holds once all its writers are gone is read in far less. */
const flushMillis = 5000

/** A wish that came after the child's own end changes nothing; output that could not be kept does. */
const howItEnded = (byItself: boolean, wish: Reason | undefined): Reason =>
  wish === undefined || (byItself && wish !== "output_limit" && wish !== "supervisor_failed") ? "exited" : wish

/** The child leads its own session; the marks that name its task are in its environment alone. */
const spawnChild = (folder: string, spec: Spec): ChildProcessByStdio<Writable, Readable, Readable> | Error => {
  const marks = {
    [tokenVariable]: spec.token,
    AGENTDISPATCH_TASK_ID: spec.taskId,
    [artifactsVariable]: join(folder, files.artifacts)
  }
  try {
    return spawn(spec.argv[0] ?? "", spec.argv.slice(1), {
      cwd: spec.cwd,
      env: { ...process.env, ...marks },
      detached: true,
      stdio: ["pipe", "pipe", "pipe"]
    })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Each second: says that we live, looks for a cancel and for new descendants, and watches the deadline. */
const beat = (
  folder: string,
  deadlineSeconds: number,
  interruption: Interruption,
  family: Family,
  ours: () => boolean
): NodeJS.Timeout => {
  const end = performance.now() + deadlineSeconds * 1000
  const claim = join(folder, files.claim)
  const tick = () => {
    try {
      if (!ours()) throw new Error("the task's folder was removed")
      utimesSync(claim, new Date(), new Date())
      family.look()
    } catch (error) {
      interruption.failed(error)
    }
    interruption.look()
    const left = end - performance.now()
    if (left <= 0) interruption.because("deadline")
    else if (left < 1000) setTimeout(() => interruption.because("deadline"), left).unref()
  }
  setTimeout(tick, 100).unref()
  return setInterval(tick, 1000)
}

/** Gives the child every answer once, in whole lines, from the file that the adapter appends to. */
const passAnswers = (folder: string, stdin: Writable): NodeJS.Timeout => {
  let passed = 0
  const given = new Set<string>()
  return setInterval(() => {
    const text = readText(join(folder, files.answers)) ?? ""
    const end = text.lastIndexOf("\n") + 1
    if (end <= passed) return
    for (const line of text.slice(passed, end).split("\n").slice(0, -1)) {
      if (!given.has(line)) stdin.write(`${line}\n`)
      given.add(line)
    }
    passed = end
  }, 200)
}

/** A full disk may have room again in a minute; if the folder was removed, nobody waits for the record. */
const persist = async (folder: string, text: string, ours: () => boolean): Promise<void> => {
  for (let attempt = 0; attempt < 600; attempt++) {
    try {
      if (ours()) replaceFile(join(folder, files.exit), text)
      return
    } catch (error) {
      if (codeOf(error) === "ENOENT") return
      await pause(1000)
    }
  }
}

const readSpec = (folder: string): Spec | undefined => {
  const text = readText(join(folder, files.spec))
  return text === undefined ? undefined : JSON.parse(text)
}
