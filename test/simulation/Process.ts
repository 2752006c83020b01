import {
  Clock,
  Duration,
  Effect,
  type Exit,
  type Fiber,
  FiberRef,
  GlobalValue,
  HashSet,
  Logger,
  LogLevel,
  Runtime,
  RuntimeFlags,
  RuntimeFlagsPatch,
  type Scheduler
} from "effect"
import { Leaving } from "../../src/services/Leaving.js"
import type { World } from "./World.js"

/**
 * One operating system process: what it has to do waits in its own queue, and the world decides when one thing of it
 * is done. Killed, it does nothing any more, not even its finalizers; paused, its time stands still while the others' goes on.
 */
export class Process implements Scheduler.Scheduler {
  dead = false
  pausedUntil = 0
  readonly clock: Clock.Clock
  readonly runtime: Runtime.Runtime<never>
  /** Whoever hears that its connection broke. */
  private readonly connected = new Set<() => void>()
  private readonly ready: Array<() => void> = []

  constructor(
    readonly world: World,
    readonly name: string,
    /** How far its clock is ahead, in milliseconds. */
    skew: number,
    defect: (text: string) => void
  ) {
    this.clock = clockOf(this, skew)
    this.runtime = Runtime.runSync(quiet)(
      Effect.runtime<never>().pipe(
        Effect.withClock(this.clock),
        Effect.locally(
          FiberRef.currentLoggers,
          HashSet.make(Logger.make(({ cause, message }) => defect(`${String(message)} ${cause.toString()}`)))
        )
      )
    )
    world.processes.push(this)
  }

  shouldYield(): false {
    return false
  }

  scheduleTask(task: () => void): void {
    if (!this.dead) this.ready.push(task)
  }

  canRun(now: number): boolean {
    return this.ready.length > 0 && this.pausedUntil <= now
  }

  /** Does all there is to do until it must wait for something outside, in any order: nobody outside can tell more. */
  turn(): void {
    const { chance } = this.world
    while (this.ready.length > 0 && this.pausedUntil <= this.world.now) {
      const index = this.ready.length === 1 ? 0 : chance.below(this.ready.length)
      const task = this.ready[index]
      const last = this.ready.pop()
      if (task !== last && last !== undefined) this.ready[index] = last
      task?.()
    }
  }

  /** Begins something in this process; whoever waits for its end hears nothing if the process is killed. */
  run<A, E>(effect: Effect.Effect<A, E>, ended: (exit: Exit.Exit<A, E>) => void): Fiber.RuntimeFiber<A, E> {
    const fiber = Runtime.runFork(this.runtime)(effect, { scheduler: this })
    fiber.addObserver((exit) => {
      if (!this.dead) ended(exit)
    })
    return fiber
  }

  /** Calls back when the process dies; the answer ends that. */
  connect(broke: () => void): () => void {
    this.connected.add(broke)
    return () => void this.connected.delete(broke)
  }

  kill(): void {
    this.dead = true
    this.ready.length = 0
    const { processes } = this.world
    processes.splice(processes.indexOf(this), 1)
    for (const broke of this.connected) broke()
  }

  pause(millis: number): void {
    this.pausedUntil = this.world.now + millis
    // Somebody must come by when its time goes on.
    this.world.after(millis, () => undefined)
  }
}

const scope = GlobalValue.globalValue(Symbol.for("effect/FiberScope/Global"), () => ({ roots: new Set<unknown>() }))

/** Effect remembers what was begun and has not ended; what a killed process had begun never does. */
export const forgetKilled = (): void => scope.roots.clear()

/** What costs time and decides nothing is left out. */
const quiet: Runtime.Runtime<never> = Effect.runSync(
  Effect.runtime<never>().pipe(
    Effect.withTracerEnabled(false),
    Effect.locally(FiberRef.currentMinimumLogLevel, LogLevel.Error),
    Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.disable(RuntimeFlags.RuntimeMetrics)),
    // `Effect.never` would keep a real timer for every process that is killed.
    Effect.provideService(
      Leaving,
      Effect.async<void>(() => undefined)
    )
  )
)

const clockOf = (process: Process, skew: number): Clock.Clock => {
  const millis = () => process.world.now + skew
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: () => BigInt(millis()) * 1_000_000n,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(() => BigInt(millis()) * 1_000_000n),
    sleep: (duration) =>
      Effect.async((resume) =>
        Effect.sync(process.world.after(Duration.toMillis(duration), () => resume(Effect.void), process))
      )
  }
}
