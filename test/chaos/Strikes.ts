import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either, Random, type Scope } from "effect"
import { kill, supervisors } from "../support/CrashScene.js"
import { type Place, processesNaming } from "../support/Server.js"
import { held, stoppedInTransaction } from "../support/WriteLock.js"
import type { Disk } from "./Disk.js"
import type { Slot } from "./Fleet.js"
import type { Proxy } from "../support/Proxy.js"

/** Everything that can be disturbed. */
export interface World {
  readonly at: Place
  readonly slots: ReadonlyArray<Slot>
  readonly lines: ReadonlyArray<Proxy>
  readonly disk: Disk | undefined
}

/** One disturbance, over when it returns; it answers what it met. */
export type Strike = (world: World) => Effect.Effect<string, never, Scope.Scope>

/** Longer than a lease. */
const beyondLease = "6500 millis"

const one = <A>(some: ReadonlyArray<A>): Effect.Effect<A | undefined> =>
  some.length === 0
    ? Effect.succeed(undefined)
    : Effect.map(Random.nextIntBetween(0, some.length), (index) => some[index])

const killServer: Strike = ({ slots }) =>
  Effect.gen(function* () {
    const slot = yield* one(slots)
    const pid = slot?.pid()
    if (slot === undefined || pid === undefined) return "nobody"
    kill(pid)
    yield* slot.replace
    return `server ${pid}`
  })

const stopServer: Strike = ({ slots }) =>
  Effect.gen(function* () {
    const pid = (yield* one(slots))?.pid()
    if (pid === undefined) return "nobody"
    kill(pid, "SIGSTOP")
    yield* Effect.sleep(beyondLease)
    kill(pid, "SIGCONT")
    return `server ${pid}`
  })

const stopInTransaction: Strike = ({ at, slots }) =>
  Effect.gen(function* () {
    const pid = yield* stoppedInTransaction(
      at,
      Effect.map(one(slots), (slot) => slot?.pid())
    )
    yield* Effect.sleep(beyondLease)
    if (yield* Random.nextBoolean) {
      kill(pid, "SIGCONT")
      return `server ${pid} woke again`
    }
    const slot = slots.find((found) => found.pid() === pid)
    kill(pid)
    if (slot !== undefined) yield* slot.replace
    return `server ${pid} was killed then`
  })

const killSupervisor: Strike = ({ at }) =>
  Effect.map(one(supervisors(at)), (pid) => (pid !== undefined && kill(pid) ? `supervisor ${pid}` : "nobody"))

const stopSupervisor: Strike = ({ at }) =>
  Effect.gen(function* () {
    const pid = yield* one(supervisors(at))
    if (pid === undefined || !kill(pid, "SIGSTOP")) return "nobody"
    yield* Effect.sleep("3 seconds")
    kill(pid, "SIGCONT")
    return `supervisor ${pid}`
  })

const killWork: Strike = ({ at, slots }) =>
  Effect.gen(function* () {
    const spared = new Set([...slots.map((slot) => slot.pid()), ...supervisors(at)])
    const local = new Set(
      Either.getOrElse(
        Either.try(() => readdirSync(join(at.stateDir, "local"))),
        () => []
      )
    )
    const work = [...local]
      .filter((name) => !name.startsWith("."))
      .flatMap((id) => processesNaming(`AGENTDISPATCH_TASK_ID=${id}`))
    const pid = yield* one(work.filter((found) => !spared.has(found)))
    return pid !== undefined && kill(pid) ? `process ${pid}` : "nobody"
  })

const fillDisk: Strike = ({ disk }) =>
  Effect.gen(function* () {
    if (disk === undefined) return "there is no disk to fill"
    const left = yield* Random.choice([0, 0, 64 * 1024, 512 * 1024]).pipe(Effect.orDie)
    disk.fill(left)
    yield* Effect.ensuring(Effect.sleep("2500 millis"), Effect.sync(disk.free))
    return `${left} bytes were left`
  })

const holdLock: Strike = ({ at }) =>
  Effect.gen(function* () {
    const millis = yield* Random.nextIntBetween(500, 3_000)
    return (yield* held(at, millis)) ? `${millis} ms` : "never got it"
  })

const setClock: Strike = ({ slots }) =>
  Effect.gen(function* () {
    const clock = (yield* one(slots.filter((slot) => slot.clock() !== undefined)))?.clock()
    const ahead = yield* Random.choice([-600_000, 0, 600_000]).pipe(Effect.orDie)
    clock?.set(ahead)
    return `${ahead / 1_000} s ahead`
  })

const cutLines: Strike = ({ lines }) =>
  Effect.sync(() => {
    for (const { cut } of lines) cut()
    return `${lines.length} lines`
  })

const stallLines: Strike = ({ lines }) =>
  Effect.gen(function* () {
    for (const { stall } of lines) stall(true)
    yield* Effect.sleep("1500 millis")
    for (const { cut, stall } of lines) {
      stall(false)
      cut()
    }
    return `${lines.length} lines`
  })

/** What the monkey can do, under the name by which a run tells of it. */
export const strikes: Readonly<Record<string, Strike>> = {
  "a server is killed": killServer,
  "a server is stopped for longer than its lease": stopServer,
  "a server is stopped in a transaction": stopInTransaction,
  "a supervisor is killed": killSupervisor,
  "a supervisor is stopped": stopSupervisor,
  "a process of a task is killed": killWork,
  "the disk is full": fillDisk,
  "the database is held by another process": holdLock,
  "a server's clock is set": setClock,
  "connections are cut": cutLines,
  "connections stall, then go": stallLines
}
