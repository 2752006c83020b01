import type { Json } from "../../src/domain/Json.js"
import type { Remnant } from "../../src/domain/Sweep.js"
import type { NewArtifact, Outcome, Task } from "../../src/domain/Task.js"
import type { CancelProgress, Observation } from "../../src/services/Adapter.js"
import type { Entry } from "../../src/services/Store.js"

/** What work at the far side does once it runs. */
export interface Plan {
  /** One observation each. */
  readonly chunks: ReadonlyArray<ReadonlyArray<Entry>>
  /** Milliseconds from one chunk to the next. */
  readonly pollAfter: number
  /** Without this the work goes on until it is stopped or told to finish. */
  readonly ends: boolean
  readonly outcome: Outcome
  readonly artifacts: ReadonlyArray<NewArtifact>
}

export const shortWork: Plan = {
  chunks: [[{ log: "first line\n" }, { type: "task.progress", message: "half way" }], [{ log: "last line\n" }]],
  pollAfter: 100,
  ends: true,
  outcome: { ok: true, result: { answer: 42 } },
  artifacts: [{ uri: "file:///report.md", kind: "report" }]
}

interface Work {
  readonly task: Task["id"]
  readonly token: string
  readonly backend: string
  /** How often this token really ran: the ledger of side effects. */
  runs: number
  state: "running" | "ended" | "stopped"
}

/** The world behind the fake adapter: it remembers what really ran, whatever the adapter told about it. */
export class FarSide {
  plan: Plan = shortWork
  /** What bears our marks there, besides the works. */
  remnants: ReadonlyArray<Remnant> = []
  readonly reaped: Array<string> = []
  private readonly works = new Map<string, Work>()
  private readonly machines = new Set<string>()
  private readonly crowds = new Map<string, number>()

  /** How often work of this task has really begun. */
  runs(id: Task["id"]): number {
    return this.of(id).reduce((sum, work) => sum + work.runs, 0)
  }

  /** Whether work of this task still runs. */
  alive(id: Task["id"]): boolean {
    return this.of(id).some((work) => work.state === "running")
  }

  /** Machines that were made and not removed. */
  get leftovers(): ReadonlyArray<string> {
    return [...this.machines]
  }

  /** The most tasks of a backend that ever ran at once. */
  crowd(backend: string): number {
    return this.crowds.get(backend) ?? 0
  }

  /** The work of a task comes to its end by itself. */
  end(id: Task["id"]): void {
    for (const work of this.of(id)) if (work.state === "running") work.state = "ended"
  }

  begin(task: Task, onceOnly: boolean): void {
    const token = task.startToken ?? ""
    const known = this.works.get(token)
    if (known !== undefined && onceOnly) return
    const { backend } = task.request
    const work: Work = known ?? { task: task.id, token, backend, runs: 0, state: "running" }
    work.runs += 1
    work.state = "running"
    this.works.set(token, work)
    const running = [...this.works.values()].filter((other) => other.backend === backend && other.state === "running")
    this.crowds.set(backend, Math.max(this.crowd(backend), running.length))
  }

  knows({ startToken = "" }: Task): boolean {
    return this.works.has(startToken)
  }

  observe({ cursor = null, startToken = "" }: Task): Observation {
    const { artifacts, chunks, ends, outcome, pollAfter } = this.plan
    const work = this.works.get(startToken)
    const at = positionOf(cursor)
    if (work === undefined) return { entries: [], cursor, pollAfter }
    const chunk = chunks[at]
    if (chunk !== undefined) {
      const over = work.state !== "running" || (ends && at + 1 === chunks.length)
      return { entries: chunk, cursor: at + 1, pollAfter: over ? 0 : pollAfter }
    }
    if (ends && work.state === "running") work.state = "ended"
    return work.state === "running"
      ? { entries: [], cursor: at, pollAfter }
      : { entries: [], cursor: at, pollAfter: 0, outcome, artifacts }
  }

  stop(task: Task): CancelProgress {
    const mine = this.of(task.id)
    if (mine.some((work) => work.state === "ended")) return { state: "finished" }
    for (const work of mine) work.state = "stopped"
    return { state: "stopped" }
  }

  reap(remnant: Remnant): void {
    this.reaped.push(remnant.key)
    this.remnants = this.remnants.filter(({ key }) => key !== remnant.key)
  }

  make(name: string): void {
    this.machines.add(name)
  }

  remove(name: string): void {
    this.machines.delete(name)
  }

  private of(id: Task["id"]): ReadonlyArray<Work> {
    return [...this.works.values()].filter((work) => work.task === id)
  }
}

const positionOf = (cursor: Json): number => (typeof cursor === "number" ? cursor : 0)
