interface Alarm {
  readonly due: number
  readonly ring: () => void
}

/** From this real instant on, emulated time runs at this speed. */
interface Segment {
  readonly real: number
  readonly emulated: number
  readonly speed: number
}

const longestTimer = 2 ** 31 - 1

/** Time as the emulated service sees it: starts at the real time, then runs `speed` times as fast, and can be moved ahead. */
export class EmulatedClock {
  private segments: Array<Segment>
  private alarms: Array<Alarm> = []
  private timer: NodeJS.Timeout | undefined

  constructor(speed = 1) {
    const real = Date.now()
    this.segments = [{ real, emulated: real, speed }]
  }

  private get segment(): Segment {
    return this.segments.at(-1) ?? { real: 0, emulated: 0, speed: 1 }
  }

  get speed() {
    return this.segment.speed
  }

  /** Emulated milliseconds since the epoch. */
  now() {
    return this.emulatedAt(Date.now())
  }

  iso() {
    return new Date(this.now()).toISOString()
  }

  /** What the emulated clock showed at a real instant; needed for the times that workers tell, which are real. */
  emulatedAt(real: number) {
    const found = this.segments.findLast((segment) => segment.real <= real) ?? this.segments[0] ?? this.segment
    return found.emulated + (real - found.real) * found.speed
  }

  setSpeed(speed: number) {
    this.segments.push({ real: Date.now(), emulated: this.now(), speed })
    this.arm()
  }

  /** Jumps ahead; every alarm in between rings. */
  advance(ms: number) {
    this.segments.push({ real: Date.now(), emulated: this.now() + ms, speed: this.speed })
    this.arm()
  }

  /** Real milliseconds for an emulated duration, never below what real processes and sockets need. */
  real(emulated: number, floor = 0) {
    return Math.max(emulated / this.speed, floor)
  }

  /** Rings once after so many emulated milliseconds; the answer cancels it. */
  after(ms: number, ring: () => void) {
    const alarm = { due: this.now() + ms, ring }
    this.alarms.push(alarm)
    this.arm()
    return () => {
      this.alarms = this.alarms.filter((other) => other !== alarm)
    }
  }

  /** Drops every alarm. */
  stop() {
    this.alarms = []
    clearTimeout(this.timer)
  }

  private arm() {
    clearTimeout(this.timer)
    if (this.alarms.length === 0) return
    const next = Math.min(...this.alarms.map((alarm) => alarm.due))
    const wait = Math.ceil((next - this.now()) / this.speed)
    this.timer = setTimeout(() => this.ringDue(), Math.min(Math.max(wait, 0), longestTimer))
  }

  private ringDue() {
    const now = this.now()
    const due = this.alarms.filter((alarm) => alarm.due <= now).sort((a, b) => a.due - b.due)
    this.alarms = this.alarms.filter((alarm) => alarm.due > now)
    for (const alarm of due) alarm.ring()
    this.arm()
  }
}
