import { Clock, Effect } from "effect"
import { type Expired, rememberedDays } from "../domain/Expired.js"
import { cutOf } from "../domain/LogCut.js"
import { dayMillis } from "../domain/RetentionConfig.js"
import type { Standing } from "../domain/Sweep.js"
import type { Task, TaskId } from "../domain/Task.js"
import { piecesOf } from "./LogText.js"
import type { Ended, Upkeep } from "./Upkeep.js"

/** What the memory store has of one task, as far as its upkeep goes. */
interface Entry {
  task: Task
  log: string
  owner: string | undefined
  dueAt: number
  readonly events: ReadonlyArray<unknown>
}

export interface Gone extends Expired {
  readonly alias: string | undefined
}

export interface Kept {
  readonly kept: Map<string, Entry>
  readonly keys: Map<string, { readonly fingerprint: string; readonly id: TaskId }>
  readonly leases: ReadonlyMap<string, number>
  readonly listeners: ReadonlyMap<string, number>
  readonly gone: Map<string, Gone>
}

const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).length
const weightOf = ({ task, log, events }: Entry): number =>
  bytesOf(log) + bytesOf(JSON.stringify([events, task.request, task.outcome ?? null]))

/** Upkeep of the memory store, over its own maps. */
export const memoryUpkeep = ({ kept, keys, leases, listeners, gone }: Kept): Upkeep => {
  const reserved = new Map<string, { readonly owner: string; readonly until: number }>()
  const noted = new Map<string, number>()

  const deletable = ({ before, listeningSince, limit }: Ended): ReadonlyArray<Entry> =>
    [...kept.values()]
      .filter(({ task: { settled, updatedAt } }) => settled && updatedAt < before)
      .filter(({ task }) => ![...listeners.values()].some((heard) => heard >= listeningSince && heard < task.updatedAt))
      .filter(
        ({ task: { id } }) =>
          ![...kept.values()].some(
            ({ task }) => task.status === "queued" && task.lineage?.dependsOn?.includes(id) === true
          )
      )
      .sort((a, b) => a.task.updatedAt - b.task.updatedAt)
      .slice(0, limit)

  const standingOf = (id: string): Standing | undefined => {
    const task = kept.get(id)?.task
    if (task !== undefined) return task.settled ? { is: "settled", since: task.updatedAt } : { is: "living" }
    const past = gone.get(id)
    return past === undefined
      ? undefined
      : { is: "deleted", since: past.deletedAt, exported: past.export !== undefined }
  }

  return {
    reserve: (name, owner, until) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const holder = reserved.get(name)
        if (holder !== undefined && holder.owner !== owner && holder.until > now) return false
        reserved.set(name, { owner, until })
        return true
      }),

    note: (found) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const before = new Map([...noted].filter(([key]) => found.includes(key)))
        noted.clear()
        for (const key of found) noted.set(key, before.get(key) ?? now)
        return before
      }),

    loose: (limit) =>
      Effect.sync(() =>
        [...kept.values()]
          .filter(({ task }) => !task.settled)
          .sort((a, b) => a.task.updatedAt - b.task.updatedAt)
          .slice(0, limit)
          .map(({ task, owner, dueAt }) => ({
            task,
            dueAt,
            ...(owner === undefined ? {} : { owner, leaseUntil: leases.get(owner) ?? 0 })
          }))
      ),

    standings: (ids) =>
      Effect.sync(
        () =>
          new Map(
            ids.flatMap((id) => {
              const standing = standingOf(id)
              return standing === undefined ? [] : [[id, standing] as const]
            })
          )
      ),

    ended: (query) => Effect.sync(() => deletable(query).map(({ task }) => task)),

    longLogs: ({ before, bytes, limit }) =>
      Effect.sync(() =>
        [...kept.values()]
          .filter(({ task }) => task.settled && task.updatedAt < before)
          .map(({ task, log }) => ({ id: task.id, bytes: bytesOf(log) }))
          .filter((weight) => weight.bytes > bytes)
          .slice(0, limit)
      ),

    weights: (query) =>
      Effect.sync(() => ({
        total: [...kept.values()].reduce((sum, entry) => sum + weightOf(entry), 0),
        oldest: deletable(query).map((entry) => ({ id: entry.task.id, bytes: weightOf(entry) }))
      })),

    cutLog: (id, maxBytes) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const entry = kept.get(id)
        if (entry === undefined || !entry.task.settled) return 0
        const pieces = piecesOf(entry.log, 0).map(({ start, text }) => ({
          start,
          length: text.length,
          bytes: bytesOf(text)
        }))
        const cut = cutOf(pieces, maxBytes, now)
        if (cut === undefined) return 0
        entry.log = entry.log.slice(0, cut.from) + cut.note + entry.log.slice(cut.to)
        entry.task = { ...entry.task, logLength: entry.log.length }
        return cut.bytes
      }),

    forget: ({ id, revision, logLength }, exported) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const task = kept.get(id)?.task
        if (task === undefined || !task.settled || task.revision !== revision || task.logLength !== logLength)
          return false
        kept.delete(id)
        gone.set(id, {
          status: task.status,
          endedAt: task.updatedAt,
          deletedAt: now,
          alias: task.alias,
          ...(task.principal === undefined ? {} : { principal: task.principal }),
          ...(exported === undefined ? {} : { export: exported })
        })
        for (const [old, { deletedAt }] of gone) if (deletedAt < now - rememberedDays * dayMillis) gone.delete(old)
        for (const [key, spent] of keys) if (!kept.has(spent.id) && !gone.has(spent.id)) keys.delete(key)
        return true
      })
  }
}
