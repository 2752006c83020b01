import { Effect } from "effect"
import type { Task, TaskId } from "../../src/domain/Task.js"
import type { Store } from "../../src/services/Store.js"
import type { FarSide } from "./FarSide.js"
import { type Kept, type Rule, rules, type Sight } from "./Rules.js"
import type { Job } from "./Scenario.js"
import type { World } from "./World.js"

/** What was found to be wrong. */
export interface Wrong {
  /** A rule of durable execution, or 0 for a breakdown that none of them names. */
  readonly rule: number
  readonly what: string
}

interface Parts {
  readonly world: World
  readonly store: typeof Store.Service
  readonly far: FarSide
  readonly jobOf: (task: Task) => Job
  readonly excuses: ReadonlyMap<TaskId, ReadonlySet<string>>
  readonly room: number | undefined
  readonly troubled: () => boolean
}

/** Sees the disk and the far side as they really are, and names the first rule that does not hold. */
export class Witness {
  wrong: Wrong | undefined
  readonly kept = new Map<TaskId, Kept>()
  private first: Kept | undefined
  private stale = false
  private readonly tokens = new Set<string>()
  private readonly keys = new Map<string, TaskId>()
  private readonly accepted = new Set<string>()

  constructor(private readonly parts: Parts) {}

  /** Says that something is wrong; only the first counts. */
  accuse(rule: number, what: string): void {
    if (this.wrong !== undefined) return
    this.wrong = { rule, what }
    this.parts.world.say(() => `☠ rule ${rule}: ${what}`)
  }

  /** A start leaves its process. */
  starts({ id, startToken = "" }: Task): void {
    if (!this.tokens.has(`${id} ${startToken}`)) this.accuse(1, `${id} is started before its start token is on disk`)
  }

  provisions({ id }: Task): void {
    const kept = this.kept.get(id)
    if (kept === undefined || kept.task.status === "queued")
      this.accuse(1, `${id} is provisioned before the disk says so`)
    if (kept?.resources.length === 0) this.accuse(6, `the machine of ${id} is made before it is in the ledger`)
  }

  /** The far side is told that everything is stored, and may forget it. */
  finishes({ id }: Task): void {
    if (this.kept.get(id)?.task.outcome === undefined) this.accuse(7, `${id} is finished before its outcome is on disk`)
  }

  /** A caller was given a handle. */
  handed(key: string, id: TaskId): void {
    if (!this.kept.has(id)) this.accuse(1, `${id} was handed out and is not on disk`)
    const known = this.keys.get(key)
    if (known !== undefined && known !== id) this.accuse(2, `one key is ${known} and ${id}`)
    this.keys.set(key, id)
  }

  /** A caller was told that its answer was taken. */
  took(id: TaskId, keys: ReadonlyArray<string>): void {
    for (const key of keys) {
      const name = `${id} ${key}`
      if (this.accepted.has(name)) this.accuse(2, `two callers were told that their answer to "${key}" was taken`)
      this.accepted.add(name)
    }
  }

  /** Looks at what a write changed. */
  look(): void {
    const { jobOf, store, world } = this.parts
    const { tasks } = Effect.runSync(Effect.orDie(store.list({ limit: 100 })))
    for (const task of tasks) {
      const before = this.kept.get(task.id)
      if (before?.task === task) continue
      this.stale = true
      if (before !== undefined && isOnlyClaimed(before.task, task)) {
        this.kept.set(task.id, { ...before, task })
        world.say(() => `  ${short(task.id)} under epoch ${task.epoch}`)
        continue
      }
      const kept = Effect.runSync(readAll(store, task))
      this.kept.set(task.id, kept)
      if (jobOf(task).number === 0) this.first = kept
      if (task.status === "starting") this.tokens.add(`${task.id} ${task.startToken ?? ""}`)
      if (before?.task.status !== task.status) {
        world.count(`${before?.task.status ?? "nothing"} > ${task.status}`)
        world.say(
          () => `● ${short(task.id)} ${before?.task.status ?? "nothing"} > ${task.status} ${task.error?.code ?? ""}`
        )
      }
      if (before !== undefined) this.judge(kept, (rule, sight) => rule.brokenBy?.(before, sight))
    }
  }

  /** Something may have changed that no write told of. */
  renew(): void {
    this.stale = true
  }

  /** Asks every rule of every task, if this step changed the disk or the far side. */
  checkIfNew(): void {
    if (!this.stale) return
    this.stale = false
    for (const { rule, what } of this.parts.far.wrongs) this.accuse(rule, what)
    for (const kept of this.kept.values()) this.judge(kept, (rule, sight) => rule.broken?.(sight))
  }

  /** Asks what must hold once everything is over. */
  checkAtLast(): void {
    for (const kept of this.kept.values()) this.judge(kept, (rule, sight) => rule.brokenAtLast?.(sight))
  }

  private judge(kept: Kept, verdict: (rule: Rule, sight: Sight) => string | undefined): void {
    const { excuses, far, jobOf, room, troubled } = this.parts
    const sight: Sight = {
      kept,
      far,
      job: jobOf(kept.task),
      excuses: excuses.get(kept.task.id) ?? none,
      troubled: troubled(),
      all: this.kept,
      first: this.first,
      room
    }
    for (const rule of rules) {
      const what = verdict(rule, sight)
      if (what !== undefined) this.accuse(rule.number, `${short(kept.task.id)}: ${what}`)
    }
  }
}

const none: ReadonlySet<string> = new Set()

const short = (id: TaskId): string => id.replace(/^task_0*/, "task ")

/** A claim copies the task and changes nothing else of it. */
const isOnlyClaimed = (before: Task, now: Task): boolean => now.epoch !== before.epoch

const readAll = (store: typeof Store.Service, task: Task): Effect.Effect<Kept> =>
  Effect.map(
    Effect.all([
      store.events(task.id, { afterRevision: 0, limit: 1_000 }),
      store.resources(task.id),
      store.questions(task.id),
      store.artifacts(task.id),
      store.log(task.id, { cursor: 0, limit: 64_000 })
    ]),
    ([events, resources, questions, artifacts, log]) => ({
      task,
      events,
      resources,
      questions,
      artifacts,
      log: log.data
    })
  ).pipe(Effect.orDie)
