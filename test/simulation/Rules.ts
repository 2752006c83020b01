import { isTerminal } from "../../src/domain/Lifecycle.js"
import type { Artifact, Resource, Task, TaskId } from "../../src/domain/Task.js"
import type { TaskEvent } from "../../src/domain/TaskEvent.js"
import type { TaskQuestion } from "../../src/domain/TaskQuestion.js"
import { asking, entriesOf, type FarSide, logAfter, spelled } from "./FarSide.js"
import type { Job } from "./Scenario.js"

/** Everything the disk holds of one task. */
export interface Kept {
  readonly task: Task
  readonly events: ReadonlyArray<TaskEvent>
  readonly resources: ReadonlyArray<Resource>
  readonly questions: ReadonlyArray<TaskQuestion>
  readonly artifacts: ReadonlyArray<Artifact>
  readonly log: string
}

/** One task as it is now at both ends. */
export interface Sight {
  readonly kept: Kept
  readonly job: Job
  readonly far: FarSide
  /** Why it may have failed. */
  readonly excuses: ReadonlySet<string>
  /** Whether anything at all went wrong in this world so far. */
  readonly troubled: boolean
  /** All tasks, this one too. */
  readonly all: ReadonlyMap<TaskId, Kept>
  /** The task of job 0, once there is one. */
  readonly first: Kept | undefined
  /** How many tasks may be under way at once. */
  readonly room: number | undefined
}

export interface Rule {
  readonly number: number
  readonly name: string
  /** What is wrong now; asked after every step. */
  readonly broken?: (sight: Sight) => string | undefined
  /** What is wrong with a change of the disk. */
  readonly brokenBy?: (before: Kept, sight: Sight) => string | undefined
  /** What is wrong once nothing is left to happen. */
  readonly brokenAtLast?: (sight: Sight) => string | undefined
}

/** The rules of durable execution, as they can be seen from outside. */
export const rules: ReadonlyArray<Rule> = [
  {
    number: 1,
    name: "intent before effect",
    broken: ({ far, kept: { task } }) =>
      task.status === "queued" && (far.runs(task.id) > 0 || far.machines.has(task.id))
        ? "something of it is at the far side while the disk says that it is queued"
        : undefined
  },
  {
    number: 2,
    name: "never twice",
    broken: ({ far, kept: { questions, task } }) => {
      const runs = far.runs(task.id)
      if (runs > 1) return `its work ran ${runs} times`
      const given = far.of(task.id).find(({ answered }) => answered !== undefined)?.answered?.given
      const kept = questions.find(({ workerKey }) => workerKey === asking)?.answer
      return given === undefined || (kept !== undefined && given === spelled(kept))
        ? undefined
        : `its agent was answered ${given} and the disk says otherwise`
    },
    brokenBy: (before, { kept }) => {
      const changed = before.questions.find((question) => {
        const now = kept.questions.find(({ key }) => key === question.key)
        return question.answer !== undefined && now?.answer?.content?.["answer"] !== question.answer.content?.["answer"]
      })
      return changed === undefined ? undefined : `the answer to "${changed.key}" was changed`
    },
    brokenAtLast: ({ far, kept: { task } }) =>
      task.status === "succeeded" && far.runs(task.id) !== 1 ? "it succeeded and never ran" : undefined
  },
  {
    number: 3,
    name: "re-attachable",
    broken: ({ job, kept: { log, task } }) => {
      const cursor = typeof task.cursor === "number" ? task.cursor : 0
      const said = logAfter(job, cursor)
      // What was stopped may be drained without its cursor.
      return log === said ? undefined : `its log is ${JSON.stringify(log)}, and by its cursor ${JSON.stringify(said)}`
    },
    brokenAtLast: ({ job, kept: { log, task } }) =>
      task.status === "succeeded" && log !== logAfter(job, entriesOf(job))
        ? `its log ends early: ${JSON.stringify(log)}`
        : undefined
  },
  {
    number: 4,
    name: "lost is neither failed nor running for ever",
    broken: ({ excuses, far, first, job, kept: { task }, troubled }) => {
      const code = task.status === "failed" ? task.error?.code : undefined
      if (task.status === "failed" && code === undefined) return "it failed without a reason"
      if (code === undefined || excuses.has(code)) return undefined
      if (code === "work.failed" && job.ends === "badly") return undefined
      if (code === "worker.lost" && far.of(task.id).some(({ state }) => state === "lost")) return undefined
      if (code === "run.expired" && job.runSeconds !== undefined && !far.isAlive(task.id)) return undefined
      if (code === "dependency.failed" && job.kin === "depends on it" && isLost(first)) return undefined
      return troubled && code === "start.indeterminate" ? undefined : `it failed with ${code} and nothing explains that`
    },
    brokenAtLast: ({ kept: { task } }) => (task.settled ? undefined : `it still is ${task.status}`)
  },
  {
    number: 5,
    name: "cancel is truthful",
    broken: ({ far, kept: { task } }) =>
      task.status === "cancelled" && far.isAlive(task.id) ? "it is cancelled, and its work runs" : undefined
  },
  {
    number: 6,
    name: "nothing leaks",
    broken: ({ far, kept: { resources, task } }) => {
      if (!far.machines.has(task.id)) return undefined
      const [machine] = resources
      if (machine === undefined) return "its machine is there, and not in the ledger"
      if (machine.state === "gone") return "the ledger says that its machine is gone"
      return task.settled ? "it is settled, and its machine is there" : undefined
    },
    brokenAtLast: ({ far, kept: { task } }) => (far.machines.has(task.id) ? "its machine is still there" : undefined)
  },
  {
    number: 7,
    name: "terminal is final",
    broken: ({ job, kept: { artifacts, task } }) => {
      if (task.status !== "completing" && task.status !== "succeeded") return undefined
      if (task.outcome === undefined) return `it is ${task.status} and its outcome is not on disk`
      const wanted = job.artifact && task.outcome.ok ? 1 : 0
      return artifacts.length >= wanted ? undefined : `it is ${task.status} and its artifacts are not on disk`
    },
    brokenBy: (before, { kept }) => {
      const { task } = kept
      if (task.epoch < before.task.epoch || task.revision < before.task.revision) return "it went back in time"
      if (kept.events.some(({ number }, index) => number !== index + 1)) return "its events are not numbered in order"
      if (kept.events.length < before.events.length || !kept.log.startsWith(before.log))
        return "its journal was rewritten"
      const ended = isTerminal(before.task.status)
      return ended && finalOf(kept) !== finalOf(before) ? `it had ended as ${finalOf(before)}` : undefined
    }
  },
  {
    number: 8,
    name: "one after the other",
    broken: ({ far, first, job, kept: { task } }) => {
      if (job.kin !== "depends on it" || first?.task.status === "succeeded") return undefined
      return task.admittedAt !== undefined || far.runs(task.id) > 0
        ? "it did not wait for what it depends on"
        : undefined
    }
  },
  {
    number: 9,
    name: "no more than there is room for",
    broken: ({ all, room }) => {
      const busy = [...all.values()].filter(({ task }) => task.status !== "queued" && !isTerminal(task.status)).length
      return busy > (room ?? Infinity) ? `${busy} tasks are under way, and there is room for ${room}` : undefined
    }
  },
  {
    number: 10,
    name: "a part ends with its whole",
    broken: ({ first, job, kept: { task } }) => {
      if (job.kin !== "is a part of it" || first?.task.status !== "cancelled" || !first.task.settled) return undefined
      const isTold = isTerminal(task.status) || task.status === "cancelling" || task.status === "completing"
      return isTold ? undefined : `it is ${task.status}, and what it is a part of is cancelled and settled`
    }
  }
]

const isLost = (kept: Kept | undefined): boolean =>
  kept !== undefined && isTerminal(kept.task.status) && kept.task.status !== "succeeded"

/** What must stay once a task has ended. */
const finalOf = ({ artifacts, task }: Kept): string =>
  JSON.stringify([task.status, task.outcome, task.error, task.cursor, task.providerRefs, artifacts])
