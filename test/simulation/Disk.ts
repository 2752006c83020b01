import { Effect, Exit, Runtime } from "effect"
import type { StoreFailed } from "../../src/domain/DispatchError.js"
import type { Store } from "../../src/services/Store.js"
import { around, broken, type Method } from "../fakes/StoreProxy.js"
import type { Faults } from "./Faults.js"
import type { Process } from "./Process.js"
import type { World } from "./World.js"

const writing: ReadonlySet<Method> = new Set<Method>([
  "createAll",
  "commit",
  "claim",
  "renew",
  "release",
  "hear",
  "agreed"
])

/**
 * The one database of the world, over the memory store. A call takes time to reach it and its answer takes time to come
 * back, so others come between; it is applied whole or not at all, as a transaction is.
 */
export class Disk {
  constructor(
    private readonly world: World,
    private readonly faults: Faults,
    private readonly store: typeof Store.Service,
    /** Is told after every write. */
    private readonly written: () => void,
    /** How long a call usually takes at most, in milliseconds. */
    private readonly slowness: number,
    private readonly kill: (process: Process) => void
  ) {}

  /** The database as one process sees it. */
  mount(process: Process): typeof Store.Service {
    const { store } = this
    return {
      ...around(store, (call, method) => this.call(process, call, method, writing.has(method))),
      commit: (basis, change) =>
        this.call(process, store.commit(basis, change), `commit ${change.transition ?? "note"}`, true),
      changed: (id, revision) =>
        Effect.zipRight(
          this.call(process, store.find(id), "changed", false),
          Effect.delay(store.changed(id, revision), this.world.chance.while(150))
        )
    }
  }

  private call<A, E>(
    process: Process,
    operation: Effect.Effect<A, E>,
    name: string,
    writes: boolean
  ): Effect.Effect<A, E | StoreFailed> {
    const { faults, world } = this
    const where = () => `${process.name} ${name}`
    return Effect.async<A, E | StoreFailed>((resume) => {
      const fatal = this.fatal(where, name, writes)
      if (fatal === "before") return this.killAt(process, name, fatal)
      const refused = faults.strikes("disk refuses", where)
      const late = writes && faults.strikes("disk writes late", where)
      const lost = late || faults.strikes("disk answer lost", where)
      let over = false

      const apply = () => {
        if (over || (process.dead && !late)) return
        over = true
        if (refused) return answer(Exit.fail(broken))
        const exit = Runtime.runSyncExit(process.runtime)(operation)
        if (writes) this.written()
        world.say(() => `${where()} ${Exit.isSuccess(exit) ? "" : "refused"}`)
        if (fatal === "after") return this.killAt(process, name, fatal)
        if (!late) answer(lost ? Exit.fail(broken) : exit)
      }
      const answer = (exit: Exit.Exit<A, E | StoreFailed>) =>
        void world.after(this.pause(), () => resume(exit), process)

      if (late) answer(Exit.fail(broken))
      const pause = faults.strikes("disk stalls", where) ? world.chance.below(20_000) : this.pause()
      // What was sent to a database of another machine is applied even while its sender stands still.
      const stands = !late && world.chance.often(0.5)
      world.after(late ? world.chance.below(20_000) : pause, apply, stands ? process : undefined)
      // A transaction that is interrupted is rolled back, or it is already past that; whoever interrupts waits for it.
      return Effect.sync(() => {
        if (!late && world.chance.often(0.5)) apply()
        over ||= !late
      })
    })
  }

  private pause(): number {
    return this.world.chance.while(this.slowness)
  }

  private fatal(where: () => string, name: string, writes: boolean): "before" | "after" | undefined {
    if (!writes) return undefined
    // Most writes are about ownership, and a kill at the others tells more.
    const fatal = name === "createAll" || name.startsWith("commit") ? this.faults.fatalWrite(where) : undefined
    if (fatal !== undefined) return fatal
    if (this.faults.strikes("killed before write", where)) return "before"
    return this.faults.strikes("killed after write", where) ? "after" : undefined
  }

  private killAt(process: Process, name: string, when: "before" | "after"): undefined {
    if (process.dead) return undefined
    this.world.count(`killed ${when} ${name}`)
    this.kill(process)
  }
}
