import type { Json } from "../../src/domain/Json.js"
import type { NewArtifact, Resource, Task } from "../../src/domain/Task.js"
import type { AdapterFailure, Answered, CancelProgress, Observation } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"
import type { Job } from "./Scenario.js"
import type { World } from "./World.js"

/** Work that really began. */
interface Work {
  readonly task: Task["id"]
  readonly token: string
  readonly job: Job
  readonly begunAt: number
  /** How often this token ran. */
  runs: number
  state: "running" | "ended" | "stopped" | "lost"
  stoppedAt: number | undefined
  /** What it was answered, and when it went on. */
  answered: { readonly given: string; readonly at: number } | undefined
}

export const artifact: NewArtifact = { uri: "file:///report.md", kind: "report" }
export const asking = "color"
const lineOf = (number: number) => `line ${number}\n`

/** All that the first so many entries of a job add to the log. */
export const logAfter = (job: Job, entries: number): string => {
  const lines = job.asksAfter !== undefined && job.asksAfter < entries ? entries - 1 : entries
  return Array.from({ length: lines }, (_, number) => lineOf(number)).join("")
}

/** An answer in a word or two. */
export const spelled = ({ action, content }: Answered["answer"]): string => `${action} ${String(content?.["answer"])}`

/** How many entries a job makes in all. */
export const entriesOf = (job: Job): number => job.lines + (job.asksAfter === undefined ? 0 : 1)

/**
 * What is really there and really happened, whatever anybody was told. It keeps what a backend promises: a token that
 * was stopped, or said to be unknown, or whose task was cleaned up, begins nothing any more.
 */
export class FarSide {
  readonly works = new Map<string, Work>()
  /** Machines that cost money now, by the task they are for. */
  readonly machines = new Map<Task["id"], number>()
  /** What was wrong the moment it happened, for the rules to report. */
  readonly wrongs: Array<{ readonly rule: number; readonly what: string }> = []
  private readonly refused = new Set<string>()
  private readonly removed = new Map<Task["id"], number>()

  constructor(
    private readonly world: World,
    private readonly jobOf: (task: Task) => Job
  ) {}

  of(id: Task["id"]): ReadonlyArray<Work> {
    return [...this.works.values()].filter((work) => work.task === id)
  }

  runs(id: Task["id"]): number {
    return this.of(id).reduce((sum, work) => sum + work.runs, 0)
  }

  isAlive(id: Task["id"]): boolean {
    return this.of(id).some((work) => this.stateOf(work) === "running")
  }

  isAnyAlive(): boolean {
    return [...this.works.values()].some((work) => this.stateOf(work) === "running")
  }

  /** The worker is gone with everything it had not said. */
  lose(whom: number): Work | undefined {
    const running = [...this.works.values()].filter((work) => this.stateOf(work) === "running")
    const work = running[whom % Math.max(1, running.length)]
    if (work === undefined) return undefined
    work.state = "lost"
    work.stoppedAt = this.world.now
    return work
  }

  provision(task: Task): AdapterFailure | undefined {
    if (this.removed.has(task.id) || this.refused.has(task.id)) return gone("the machine's name is used up")
    if (!this.machines.has(task.id)) this.machines.set(task.id, this.world.now + this.jobOf(task).provisioning)
    return undefined
  }

  /** Until when the machine is being made, in milliseconds since 1970. */
  readyAt(task: Task): number {
    return this.machines.get(task.id) ?? 0
  }

  start(task: Task, resendable: boolean): AdapterFailure | undefined {
    const token = task.startToken ?? ""
    const known = this.works.get(token)
    if (known !== undefined && resendable) return undefined
    if (this.refused.has(token) || this.refused.has(task.id)) return gone("this start was called off")
    if (needsMachine(task) && !this.machines.has(task.id)) return gone("there is no machine")
    if (known !== undefined) {
      known.runs++
      return undefined
    }
    this.world.say(() => `  work begins under ${token.slice(-4)}`)
    this.works.set(token, {
      task: task.id,
      token,
      job: this.jobOf(task),
      begunAt: this.world.now,
      runs: 1,
      state: "running",
      stoppedAt: undefined,
      answered: undefined
    })
    return undefined
  }

  /** A no is kept: what has not come by now begins nothing any more. */
  knows({ startToken = "" }: Task): boolean {
    if (this.works.has(startToken)) return true
    this.refused.add(startToken)
    return false
  }

  observe({ cursor = null, startToken = "" }: Task): Observation {
    const work = this.works.get(startToken)
    const at = typeof cursor === "number" ? cursor : 0
    if (work === undefined) return { entries: [], cursor: at, pollAfter: 500 }
    const { job } = work
    const state = this.stateOf(work)
    const said = this.said(work)
    const entries = Array.from({ length: Math.max(0, said - at) }, (_, index) => entryOf(job, at + index))
    const next = Math.max(at, said)
    const pause = Math.max(150, job.pace)
    if (state === "running") return { entries, cursor: next, pollAfter: pause }
    // All it said first, its end with the next look, as real backends do.
    if (entries.length > 0) return { entries, cursor: next, pollAfter: 0 }
    const artifacts = state === "ended" && job.artifact ? [artifact] : []
    return { entries, cursor: next, pollAfter: 0, artifacts, outcome: outcomeOf(job, state) }
  }

  cancel(task: Task): CancelProgress {
    this.refused.add(task.id)
    this.refused.add(task.startToken ?? "")
    const mine = this.of(task.id)
    if (mine.some((work) => this.stateOf(work) === "ended")) return { state: "finished" }
    for (const work of mine) {
      if (work.state !== "running") continue
      work.stoppedAt ??= this.world.now + work.job.stopping
    }
    return this.isAlive(task.id) ? { state: "stopping", pollAfter: 1_500 } : { state: "stopped" }
  }

  /** Removes the machine and all that runs on it. */
  cleanup(task: Task, resources: ReadonlyArray<Resource>): ReadonlyArray<Resource> {
    const looks = (this.removed.get(task.id) ?? 0) + 1
    this.removed.set(task.id, looks)
    if (looks <= this.jobOf(task).leaving) return resources
    this.machines.delete(task.id)
    for (const work of this.of(task.id)) if (this.stateOf(work) === "running") work.state = "stopped"
    return resources.map((resource) => ({ ...resource, state: "gone" }))
  }

  answer(task: Task, { answer, key }: Answered): AdapterFailure | undefined {
    const work = this.works.get(task.startToken ?? "")
    if (work === undefined || this.stateOf(work) !== "running") return gone("the agent is gone")
    const given = spelled(answer)
    if (work.answered === undefined) work.answered = { given, at: this.world.now }
    else if (work.answered.given !== given)
      this.wrongs.push({ rule: 2, what: `"${key}" was answered ${work.answered.given} and then ${given}` })
    return undefined
  }

  private stateOf(work: Work): Work["state"] {
    if (work.state !== "running") return work.state
    const end = this.endOf(work)
    if (work.stoppedAt !== undefined && work.stoppedAt <= Math.min(end, this.world.now)) work.state = "stopped"
    else if (end <= this.world.now) work.state = "ended"
    return work.state
  }

  /** When it has said everything. */
  private endOf({ answered, begunAt, job }: Work): number {
    if (job.ends === "when stopped") return Infinity
    if (job.asksAfter === undefined) return begunAt + job.lines * job.pace
    return answered === undefined ? Infinity : answered.at + (job.lines - job.asksAfter) * job.pace
  }

  private said(work: Work): number {
    const { answered, begunAt, job } = work
    const until = Math.min(this.world.now, work.stoppedAt ?? Infinity)
    const lines = (since: number) => Math.floor((until - since) / job.pace)
    if (job.asksAfter === undefined) return Math.max(0, Math.min(job.lines, lines(begunAt)))
    const before = Math.max(0, lines(begunAt))
    if (before < job.asksAfter) return before
    const after = answered === undefined ? 0 : Math.max(0, lines(answered.at))
    return Math.min(entriesOf(job), job.asksAfter + 1 + after)
  }
}

const needsMachine = (task: Task) => task.request.target.mode === "runtime"

const entryOf = (job: Job, index: number): Entry => {
  if (index !== job.asksAfter)
    return { log: lineOf(job.asksAfter !== undefined && index > job.asksAfter ? index - 1 : index) }
  const { expiresSeconds, preset } = job.question
  const payload: Json = {
    key: asking,
    choices: ["red", "green", "blue"],
    expiresSeconds,
    ...(preset ? { default: "blue" } : {})
  }
  return { type: "task.input_required", message: "Which color?", payload }
}

const outcomeOf = (job: Job, state: Work["state"]) =>
  state === "ended" && job.ends === "well"
    ? ({ ok: true, result: { job: job.number } } as const)
    : ({
        ok: false,
        error:
          state === "ended"
            ? { code: "work.failed", message: "it went badly" }
            : { code: "worker.lost", message: "the worker is gone" }
      } as const)

const gone = (message: string): AdapterFailure => ({ code: "far.gone", message, retryable: false, delivery: "none" })
