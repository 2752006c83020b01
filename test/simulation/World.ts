import { Chance } from "./Chance.js"
import type { Process } from "./Process.js"

/** Something that comes to pass at its time. */
interface Happening {
  at: number
  /** Decides among those of one time. */
  readonly order: number
  readonly run: () => void
  /** Comes to pass only while this process runs. */
  readonly of: Process | undefined
  cancelled: boolean
}

/** One simulated machine room: its time passes only here, and its seed decides who goes on next. */
export class World {
  /** Milliseconds since 1970. */
  now = 1_000_000
  steps = 0
  readonly processes: Array<Process> = []
  /** How often each kind of thing came to pass. */
  readonly tally = new Map<string, number>()
  readonly chance: Chance
  private readonly heap: Array<Happening> = []

  constructor(
    seed: number,
    /** Is told what comes to pass, if somebody wants to know. */
    private readonly listener?: (line: string) => void
  ) {
    this.chance = new Chance(seed)
  }

  say(line: () => string): void {
    this.listener?.(`${(this.now - 1_000_000).toString().padStart(8)} ms  ${line()}`)
  }

  count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1)
  }

  /** Lets something come to pass later; the answer takes it back. */
  after(millis: number, run: () => void, of?: Process): () => void {
    const happening = { at: this.now + Math.max(0, millis), order: this.chance.next(), run, of, cancelled: false }
    this.push(happening)
    return () => void (happening.cancelled = true)
  }

  /** One step of one process, or the next thing that comes to pass; false once nothing ever will. */
  step(): boolean {
    this.steps++
    const next = this.heap[0]
    const runnable = this.runnable()
    if (runnable !== undefined && (next === undefined || next.at > this.now || this.chance.often(0.5))) {
      runnable.turn()
      return true
    }
    const happening = this.pop()
    if (happening === undefined) return false
    if (happening.cancelled || happening.of?.dead === true) return true
    this.now = Math.max(this.now, happening.at)
    if (happening.of !== undefined && happening.of.pausedUntil > this.now) {
      happening.at = happening.of.pausedUntil
      this.push(happening)
    } else happening.run()
    return true
  }

  /** One of those that have something to do. */
  private runnable(): Process | undefined {
    let found: Process | undefined
    let others = 0
    for (const process of this.processes)
      if (process.canRun(this.now) && (found === undefined || this.chance.below(++others + 1) === 0)) found = process
    return found
  }

  private push(happening: Happening): void {
    const { heap } = this
    let index = heap.length
    heap.push(happening)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(happening, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = happening
  }

  private pop(): Happening | undefined {
    const { heap } = this
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || top === last) return top
    let index = 0
    for (;;) {
      const left = heap[2 * index + 1]
      const right = heap[2 * index + 2]
      const lesser = right !== undefined && left !== undefined && isBefore(right, left) ? right : left
      if (lesser === undefined || !isBefore(lesser, last)) break
      heap[index] = lesser
      index = lesser === right ? 2 * index + 2 : 2 * index + 1
    }
    heap[index] = last
    return top
  }
}

const isBefore = (a: Happening, b: Happening): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
