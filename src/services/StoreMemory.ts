import { Clock, Effect, Option } from "effect"
import { IdempotencyConflict, QuotaReached, StoreFailed, TaskChanged, TaskNotFound } from "../domain/DispatchError.js"
import { isTerminal } from "../domain/Lifecycle.js"
import type { Artifact, Resource, Task, TaskId } from "../domain/Task.js"
import type { TaskEvent } from "../domain/TaskEvent.js"
import { isUndelivered, type TaskQuestion } from "../domain/TaskQuestion.js"
import { type Addition, extend, open } from "./Journal.js"
import { pageOf } from "./LogText.js"
import type { ClaimRequest, Quota, Store } from "./Store.js"
import { makeWakeups } from "./Wakeups.js"

interface Kept {
  readonly seq: number
  readonly events: Array<TaskEvent>
  readonly artifacts: Array<Artifact>
  readonly resources: Map<string, Resource>
  readonly questions: Map<string, TaskQuestion>
  task: Task
  log: string
  owner: string | undefined
  dueAt: number
}

const hour = 3_600_000

/** Keeps everything in this process; each operation is one step no other can come between. */
export const makeMemory = Effect.gen(function* () {
  const kept = new Map<string, Kept>()
  const keys = new Map<string, { readonly fingerprint: string; readonly id: TaskId }>()
  const leases = new Map<string, number>()
  const listeners = new Map<string, number>()
  const agreements = new Map<string, string>()
  const uses: Array<{ readonly rule: string; readonly id: TaskId; readonly at: number }> = []

  const usesOf = (rule: string, now: number) => {
    const own = uses.filter((use) => use.rule === rule)
    return {
      recent: own.filter(({ at }) => at > now - hour),
      unfinished: own.filter(({ id }) => !isTerminal(kept.get(id)?.task.status ?? "failed"))
    }
  }

  const countQuota = ({ rule, perHour, concurrent }: Quota, now: number): QuotaReached | undefined => {
    const { recent, unfinished } = usesOf(rule, now)
    if (perHour !== undefined && recent.length >= perHour) {
      const oldest = perHour === 0 ? undefined : recent.at(-perHour)
      const retryAt = oldest === undefined ? {} : { retryAt: oldest.at + hour }
      return new QuotaReached({ rule, limit: "perHour", allowed: perHour, ...retryAt })
    }
    return concurrent !== undefined && unfinished.length >= concurrent
      ? new QuotaReached({ rule, limit: "concurrent", allowed: concurrent })
      : undefined
  }
  const wakeups = yield* makeWakeups

  const get = (id: TaskId) =>
    Effect.suspend(() => {
      const found = kept.get(id)
      return found === undefined ? Effect.fail(new TaskNotFound({ id })) : Effect.succeed(found)
    })

  const write = (entry: Kept, addition: Addition) => {
    entry.task = addition.task
    entry.log += addition.log
    entry.events.push(...addition.events)
    entry.artifacts.push(...addition.artifacts)
  }

  const isLiving = (owner: string | undefined, now: number) => owner !== undefined && (leases.get(owner) ?? 0) > now

  const isUnderWay = ({ owner, task }: Kept, now: number) =>
    !isTerminal(task.status) && (task.status !== "queued" || isLiving(owner, now))

  const claimable = ({ owner: claimant, only, limit, capacity }: ClaimRequest, now: number): ReadonlyArray<Kept> => {
    const unsettled = [...kept.values()].filter(({ task }) => !task.settled)
    const free = unsettled.filter(
      ({ dueAt, owner, task }) =>
        dueAt <= now && owner !== claimant && !isLiving(owner, now) && (only === undefined || only === task.id)
    )
    const active = new Map<string, number>()
    for (const entry of unsettled) {
      const { backend } = entry.task.request
      if (isUnderWay(entry, now)) active.set(backend, (active.get(backend) ?? 0) + 1)
    }
    const full = new Set<string>()
    const fitting = free
      .filter(({ task }) => task.status === "queued")
      .filter(({ task: { request } }) => {
        const count = active.get(request.backend) ?? 0
        if (full.has(request.backend) || count >= capacity(request)) {
          full.add(request.backend)
          return false
        }
        active.set(request.backend, count + 1)
        return true
      })
    return [...free.filter(({ task }) => task.status !== "queued"), ...fitting].slice(0, Math.max(0, limit))
  }

  const changed: (typeof Store.Service)["changed"] = (id, revision) =>
    wakeups
      .listen(id, (rung) =>
        Effect.flatMap(get(id), ({ task }) =>
          task.revision > revision ? Effect.succeedSome(task) : Effect.as(rung, Option.none<Task>())
        )
      )
      .pipe(Effect.flatMap(Option.match({ onNone: () => changed(id, revision), onSome: Effect.succeed })))

  const service: typeof Store.Service = {
    create: Effect.fn("store.create")(function* (task) {
      const now = yield* Clock.currentTimeMillis
      const known = task.idempotency === undefined ? undefined : keys.get(task.idempotency.key)
      if (known !== undefined && task.idempotency !== undefined) {
        const { key, fingerprint } = task.idempotency
        if (known.fingerprint !== fingerprint) return yield* new IdempotencyConflict({ key, taskId: known.id })
        const first = yield* Effect.orDie(get(known.id))
        return { task: first.task, existed: true }
      }
      if (kept.has(task.id)) return yield* new StoreFailed({ fault: "io", detail: `${task.id} exists already` })
      if (task.alias !== undefined && [...kept.values()].some((other) => other.task.alias === task.alias)) {
        return yield* new StoreFailed({ fault: "io", detail: `the alias ${task.alias} is taken` })
      }
      for (const quota of task.quotas ?? []) {
        const reached = countQuota(quota, now)
        if (reached !== undefined) return yield* reached
      }
      const addition = open(task, now)
      const entry: Kept = {
        seq: kept.size + 1,
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
      return { task: entry.task, existed: false }
    }),

    quotaUse: (rule) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const { recent, unfinished } = usesOf(rule, now)
        return { lastHour: recent.length, unfinished: unfinished.length }
      }),

    find: (id) => Effect.map(get(id), ({ task }) => task),

    resolve: (alias) =>
      Effect.suspend(() => {
        const found = [...kept.values()].find(({ task }) => task.alias === alias)
        return found === undefined ? new TaskNotFound({ id: alias }) : Effect.succeed(found.task.id)
      }),

    list: ({ statuses, runtime, provider, principal, limit, before }) =>
      Effect.sync(() => {
        const matching = [...kept.values()]
          .reverse()
          .filter(
            ({ seq, task }) =>
              (before === undefined || seq < before) &&
              (statuses === undefined || statuses.includes(task.status)) &&
              (runtime === undefined || runtime === task.request.runtime) &&
              (provider === undefined || provider === task.request.provider) &&
              (principal === undefined || principal === task.principal)
          )
        const page = matching.slice(0, limit)
        const last = page.at(-1)
        return {
          tasks: page.map(({ task }) => task),
          ...(matching.length > page.length && last !== undefined ? { next: last.seq } : {})
        }
      }),

    commit: Effect.fn("store.commit")(function* (basis, change) {
      const now = yield* Clock.currentTimeMillis
      const entry = kept.get(basis.id)
      const before = entry?.task
      const addition =
        entry === undefined
          ? undefined
          : extend(
              { task: entry.task, eventCount: entry.events.length, artifactCount: entry.artifacts.length },
              basis,
              change,
              now
            )
      if (entry === undefined || addition === undefined) return yield* new TaskChanged({ id: basis.id })
      write(entry, addition)
      for (const resource of change.resources ?? []) entry.resources.set(resource.key, resource)
      for (const question of change.questions ?? []) entry.questions.set(question.key, question)
      entry.dueAt = change.dueAt ?? entry.dueAt
      if (entry.task.revision !== before?.revision) yield* wakeups.ring(basis.id)
      return entry.task
    }),

    events: (id, { afterRevision, limit, newest = false }) =>
      Effect.sync(() => {
        const after = (kept.get(id)?.events ?? []).filter((event) => event.revision > afterRevision)
        return newest ? after.slice(Math.max(0, after.length - limit)) : after.slice(0, limit)
      }),

    log: (id, page) => Effect.map(get(id), ({ log }) => pageOf(log, 0, page)),

    artifacts: (id) => Effect.sync(() => [...(kept.get(id)?.artifacts ?? [])]),

    resources: (id) =>
      Effect.sync(() => [...(kept.get(id)?.resources.values() ?? [])].sort((a, b) => (a.key < b.key ? -1 : 1))),

    questions: (id) => Effect.sync(() => [...(kept.get(id)?.questions.values() ?? [])]),

    changed,

    revisions: (ids) =>
      Effect.sync(
        () =>
          new Map(
            ids.flatMap((id) => {
              const found = kept.get(id)
              return found === undefined ? [] : [[id, found.task.revision] as const]
            })
          )
      ),

    finished: ({ after, principal, limit }) =>
      Effect.sync(() =>
        [...kept.values()]
          .map(({ task }) => task)
          .filter(
            (task) =>
              isTerminal(task.status) &&
              task.updatedAt > after &&
              (principal === undefined || task.principal === principal)
          )
          .sort((a, b) => a.updatedAt - b.updatedAt)
          .slice(0, limit)
      ),

    heard: (listener) => Effect.sync(() => Option.fromNullable(listeners.get(listener))),

    hear: (listener, until) =>
      Effect.sync(() => void listeners.set(listener, Math.max(until, listeners.get(listener) ?? 0))),

    agreed: (name, offered) =>
      Effect.sync(() => {
        const value = agreements.get(name) ?? offered
        agreements.set(name, value)
        return value
      }),

    renew: (owner, until) => Effect.sync(() => void leases.set(owner, until)),

    claim: Effect.fn("store.claim")(function* (request) {
      const now = yield* Clock.currentTimeMillis
      return claimable(request, now).map((entry) => {
        entry.owner = request.owner
        entry.task = { ...entry.task, epoch: entry.task.epoch + 1 }
        return entry.task
      })
    }),

    release: (owner, ids) =>
      Effect.sync(() => {
        for (const entry of kept.values()) {
          if (entry.owner === owner && (ids === undefined || ids.includes(entry.task.id))) entry.owner = undefined
        }
      }),

    owned: (owner) =>
      Effect.sync(() => [...kept.values()].filter((entry) => entry.owner === owner).map(({ task }) => task.id)),

    wanted: (owner) =>
      Effect.sync(() =>
        [...kept.values()]
          .filter(
            (entry) =>
              entry.owner === owner &&
              (entry.task.status === "cancelling" ||
                (entry.task.status === "input_required" && [...entry.questions.values()].some(isUndelivered)))
          )
          .map(({ task }) => task.id)
      )
  }
  return service
})
