import { Clock, Effect, Option } from "effect"
import { TaskChanged, TaskNotFound } from "../domain/DispatchError.js"
import { isTerminal } from "../domain/Lifecycle.js"
import type { Task, TaskId } from "../domain/Task.js"
import { isUndelivered } from "../domain/TaskQuestion.js"
import { type Addition, extend } from "./Journal.js"
import { pageOf } from "./LogText.js"
import { claimable, type Kept, makeEmpty, needed, take } from "./MemoryClaim.js"
import { creating, usesOf } from "./MemoryCreation.js"
import type { Store } from "./Store.js"
import { memoryUpkeep } from "./StoreMemoryUpkeep.js"
import { makeWakeups } from "./Wakeups.js"

/** Keeps everything in this process; each operation is one step no other can come between. */
export const makeMemory = Effect.gen(function* () {
  const memory = makeEmpty()
  const { gone, keys, kept, leases } = memory
  const createAll = creating(memory)
  const listeners = new Map<string, number>()
  const agreements = new Map<string, string>()
  const wakeups = yield* makeWakeups

  const get = (id: TaskId) =>
    Effect.suspend(() => {
      const found = kept.get(id)
      return found === undefined ? new TaskNotFound({ id, expired: gone.get(id) }) : Effect.succeed(found)
    })

  const write = (entry: Kept, addition: Addition) => {
    entry.task = addition.task
    entry.log += addition.log
    entry.events.push(...addition.events)
    entry.artifacts.push(...addition.artifacts)
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
    create: (task) =>
      Effect.flatMap(createAll([task]), ([made]) =>
        made === undefined ? Effect.dieMessage("one task makes one") : Effect.succeed(made)
      ),

    createAll,

    dependencies: (id) =>
      Effect.sync(() => {
        const entry = kept.get(id)
        return entry === undefined ? [] : needed(memory, entry).map(({ id: needs, status }) => ({ id: needs, status }))
      }),

    queue: (id) =>
      Effect.sync(() => {
        const own = kept.get(id)
        if (own?.task.status !== "queued") return Option.none()
        const priority = ({ task }: Kept) => task.request.terms?.priority ?? 0
        const alike = [...kept.values()].filter(
          ({ task }) => task.request.backend === own.task.request.backend && task.host === own.task.host
        )
        const queued = alike.filter(({ task }) => task.status === "queued")
        const lately = alike
          .filter(({ task }) => isTerminal(task.status) && task.admittedAt !== undefined)
          .sort((one, other) => other.task.updatedAt - one.task.updatedAt)
          .slice(0, 20)
        return Option.some({
          ahead: queued.filter(
            (entry) => priority(entry) > priority(own) || (priority(entry) === priority(own) && entry.seq < own.seq)
          ).length,
          underWay: alike.filter(({ task }) => task.status !== "queued" && !isTerminal(task.status)).length,
          lately: lately.map(({ task }) => task.updatedAt - (task.admittedAt ?? task.updatedAt))
        })
      }),

    quotaUse: (rule) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const { recent, unfinished } = usesOf(memory, rule, now)
        return { lastHour: recent.length, unfinished: unfinished.length }
      }),

    find: (id) => Effect.map(get(id), ({ task }) => task),

    resolve: (alias) =>
      Effect.suspend(() => {
        const found = [...kept.values()].find(({ task }) => task.alias === alias)
        const expired = [...gone.values()].find((past) => past.alias === alias)
        return found === undefined ? new TaskNotFound({ id: alias, expired }) : Effect.succeed(found.task.id)
      }),

    list: ({ statuses, runtime, provider, principal, group, parent, limit, before }) =>
      Effect.sync(() => {
        const matching = [...kept.values()]
          .reverse()
          .filter(
            ({ seq, task }) =>
              (before === undefined || seq < before) &&
              (statuses === undefined || statuses.includes(task.status)) &&
              (runtime === undefined || runtime === task.request.runtime) &&
              (provider === undefined || provider === task.request.provider) &&
              (principal === undefined || principal === task.principal) &&
              (group === undefined || group === task.lineage?.group) &&
              (parent === undefined || parent === task.lineage?.parent)
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

    upkeep: memoryUpkeep({ kept, keys, leases, listeners, gone }),

    renew: (owner, until) => Effect.sync(() => void leases.set(owner, until)),

    claim: Effect.fn("store.claim")(function* (request) {
      const now = yield* Clock.currentTimeMillis
      return take(memory, request.owner, claimable(memory, request, now), now)
    }),

    release: (owner, ids) =>
      Effect.sync(() => {
        for (const entry of kept.values()) {
          if (entry.owner === owner && (ids === undefined || ids.includes(entry.task.id))) entry.owner = undefined
        }
      }),

    owned: (owner) =>
      Effect.sync(() => [...kept.values()].filter((entry) => entry.owner === owner).map(({ task }) => task.id)),

    timeThere: Effect.succeedNone,
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
