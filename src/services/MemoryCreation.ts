import { Clock, Effect } from "effect"
import { parentProblem } from "../domain/Admission.js"
import { IdempotencyConflict, InvalidInput, QuotaReached, StoreFailed } from "../domain/DispatchError.js"
import { isTerminal } from "../domain/Lifecycle.js"
import type { Task } from "../domain/Task.js"
import { open, renaming } from "./Journal.js"
import type { Kept, Memory } from "./MemoryClaim.js"
import type { NewTask, Quota, Store } from "./Store.js"

const hour = 3_600_000

export const usesOf = ({ kept, uses }: Memory, rule: string, now: number) => {
  const own = uses.filter((use) => use.rule === rule)
  return {
    recent: own.filter(({ at }) => at > now - hour),
    unfinished: own.filter(({ id }) => !isTerminal(kept.get(id)?.task.status ?? "failed"))
  }
}

const countQuota = (memory: Memory, { rule, perHour, concurrent }: Quota, now: number): QuotaReached | undefined => {
  const { recent, unfinished } = usesOf(memory, rule, now)
  if (perHour !== undefined && recent.length >= perHour) {
    const oldest = perHour === 0 ? undefined : recent.at(-perHour)
    const retryAt = oldest === undefined ? {} : { retryAt: oldest.at + hour }
    return new QuotaReached({ rule, limit: "perHour", allowed: perHour, ...retryAt })
  }
  return concurrent !== undefined && unfinished.length >= concurrent
    ? new QuotaReached({ rule, limit: "concurrent", allowed: concurrent })
    : undefined
}

/** Creates tasks as `Store.createAll` says. */
export const creating = (memory: Memory): (typeof Store.Service)["createAll"] => {
  const { keys, kept, uses } = memory

  const problemOf = (task: NewTask, now: number) => {
    const { alias, id, lineage, quotas = [] } = task
    if (kept.has(id)) return new StoreFailed({ fault: "io", detail: `${id} exists already` })
    if (alias !== undefined && [...kept.values()].some((other) => other.task.alias === alias)) {
      return new StoreFailed({ fault: "io", detail: `the alias ${alias} is taken` })
    }
    const parent =
      lineage?.parent === undefined ? undefined : parentProblem(lineage.parent, kept.get(lineage.parent)?.task.status)
    if (parent !== undefined) return new InvalidInput({ path: "parent_task_id", problem: parent })
    const missing = (lineage?.dependsOn ?? []).find((needs) => !kept.has(needs))
    if (missing !== undefined) return new InvalidInput({ path: "depends_on", problem: `there is no task "${missing}"` })
    return quotas.map((quota) => countQuota(memory, quota, now)).find((reached) => reached !== undefined)
  }

  const add = (task: NewTask, now: number) => {
    const addition = open(task, now)
    const entry: Kept = {
      seq: (memory.last += 1),
      task: addition.task,
      events: [...addition.events],
      artifacts: [],
      resources: new Map(),
      questions: new Map(),
      log: "",
      owner: undefined,
      dueAt: 0
    }
    kept.set(task.id, entry)
    for (const { rule } of task.quotas ?? []) uses.push({ rule, id: task.id, at: now })
    if (task.idempotency !== undefined)
      keys.set(task.idempotency.key, { fingerprint: task.idempotency.fingerprint, id: task.id })
    return entry.task
  }

  const undo = (tasks: ReadonlyArray<NewTask>) => {
    for (const { id, idempotency } of tasks) {
      kept.delete(id)
      if (idempotency !== undefined) keys.delete(idempotency.key)
    }
    uses.splice(0, uses.length, ...uses.filter((use) => !tasks.some(({ id }) => id === use.id)))
  }

  return Effect.fn("store.create")(function* (tasks) {
    const now = yield* Clock.currentTimeMillis
    const made: Array<NewTask> = []
    const answers: Array<{ readonly task: Task; readonly existed: boolean }> = []
    for (const task of renaming(tasks, answers)) {
      const known = task.idempotency === undefined ? undefined : keys.get(task.idempotency.key)
      if (known === undefined || task.idempotency === undefined) {
        const problem = problemOf(task, now)
        if (problem !== undefined) {
          undo(made)
          return yield* problem
        }
        answers.push({ task: add(task, now), existed: false })
        made.push(task)
      } else if (known.fingerprint === task.idempotency.fingerprint) {
        const first = kept.get(known.id)
        if (first === undefined) {
          undo(made)
          const { key } = task.idempotency
          return yield* new IdempotencyConflict({ key, taskId: known.id, expired: memory.gone.get(known.id) })
        }
        answers.push({ task: first.task, existed: true })
      } else {
        undo(made)
        return yield* new IdempotencyConflict({ key: task.idempotency.key, taskId: known.id })
      }
    }
    return answers
  })
}
