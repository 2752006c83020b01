import { Effect, Either } from "effect"
import type { Task } from "../../src/domain/Task.js"
import type { AdapterFailure } from "../../src/services/Adapter.js"
import type { FaultKind } from "./Scenario.js"
import type { Faults } from "./Faults.js"
import type { Process } from "./Process.js"
import type { World } from "./World.js"

/** What a request does at the far side the moment it arrives. */
type Arrival<A> = () => Either.Either<A, AdapterFailure>

export interface Request {
  readonly operation: string
  readonly task: Task
  /** Whether it may arrive twice without harm. */
  readonly repeatable: boolean
  /** How long the far side takes for it at least, in milliseconds. */
  readonly takes?: (() => number) | undefined
}

/** Between every process and the far side: requests and replies get lost, late, doubled and out of order. */
export class Network {
  /** Requests that have not arrived yet. */
  inFlight = 0
  /** Why a task may end as failed, by its id: what the network or the far side really did to it. */
  readonly excuses = new Map<Task["id"], Set<string>>()
  private readonly parted = new Map<string, number>()

  constructor(
    private readonly world: World,
    private readonly faults: Faults,
    private readonly kill: (process: Process) => void,
    /** Is told of every request that gets to the far side. */
    private readonly arrived: () => void
  ) {}

  /** Nothing gets from this process to the far side for a while, and nothing back. */
  part(process: Process, millis: number): void {
    this.parted.set(process.name, this.world.now + millis)
  }

  heal(): void {
    this.parted.clear()
  }

  send<A>(process: Process, request: Request, arrival: Arrival<A>): Effect.Effect<A, AdapterFailure> {
    const { faults, world } = this
    const { operation, task } = request
    const where = () => `${process.name} ${operation}`
    const strikes = (kind: FaultKind) => faults.strikes(kind, where)
    return Effect.async<A, AdapterFailure>((resume) => {
      if (strikes("killed before sending")) {
        world.count(`killed before ${operation}`)
        return this.kill(process)
      }
      const answer = (reply: Either.Either<A, AdapterFailure>, pause: number) =>
        void world.after(pause, () => resume(reply), process)
      const fails = (failure: AdapterFailure, pause: number) => {
        this.excuse(task.id, failure.code)
        answer(Either.left(failure), pause)
      }
      const gap = () => world.chance.while(40)

      if (strikes("request refused")) return fails(busy, gap())
      // An agent whose answer is turned away would wait for ever, and rightly so.
      if (operation !== "answer" && strikes("request rejected")) return fails(rejected, gap())
      if (this.isParted(process))
        return world.chance.often(0.5) ? fails(busy, gap()) : fails(silent, world.chance.while(30_000))

      const mute = strikes("request hangs")
      // What may take an hour by contract would only cost time here.
      const hangs = mute && !isLong.has(operation)
      if (hangs) this.excuse(task.id, "adapter.timeout")
      const lost = strikes("request lost")
      const replyLost = lost || strikes("reply lost")
      const delay = strikes("request delayed") ? world.chance.below(30_000) : gap()
      const patience = mute ? 200_000 : delay > 5_000 || replyLost ? 1_000 + world.chance.while(20_000) : Infinity
      const pausing = strikes("paused before sending")

      const arrive = () => {
        this.inFlight--
        this.arrived()
        world.say(() => `${where()} arrives`)
        const reply = arrival()
        if (hangs || replyLost || patience !== Infinity) return
        const pause = gap() + (request.takes?.() ?? 0)
        if (this.isParted(process)) fails(silent, pause + world.chance.while(30_000))
        else answer(reply, pause)
      }
      const leave = () => {
        if (lost) return
        this.inFlight++
        world.after(delay, arrive)
        if (request.repeatable && strikes("request repeated")) {
          this.inFlight++
          world.after(delay + world.chance.below(20_000), () => {
            this.inFlight--
            this.arrived()
            world.say(() => `${where()} arrives again`)
            arrival()
          })
        }
        if (strikes("killed after sending")) {
          world.count(`killed after ${operation}`)
          this.kill(process)
        }
      }

      if (!hangs && patience !== Infinity) fails(silent, patience)
      if (pausing) {
        process.pause(world.chance.below(40_000))
        // What has not left yet leaves when the process goes on.
        world.after(1, leave, process)
      } else leave()
      return undefined
    })
  }

  excuse(id: Task["id"], code: string): void {
    this.excuses.set(id, (this.excuses.get(id) ?? new Set()).add(code))
  }

  private isParted({ name }: Process): boolean {
    return (this.parted.get(name) ?? 0) > this.world.now
  }
}

const isLong: ReadonlySet<string> = new Set(["provision", "start", "observe", "cleanup"])

const silent: AdapterFailure = {
  code: "far.silent",
  message: "no answer came",
  retryable: true,
  delivery: "unknown"
}
const busy: AdapterFailure = { code: "far.busy", message: "no connection", retryable: true, delivery: "none" }
const rejected: AdapterFailure = { code: "far.rejected", message: "not here", retryable: false, delivery: "none" }
