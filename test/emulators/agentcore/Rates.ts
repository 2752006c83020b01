import { throttled } from "./AwsError.js"
import { type EmulatedClock } from "./EmulatedClock.js"

/** Calls per emulated second, counted over the last one. */
export class Rates {
  private readonly seen = new Map<string, ReadonlyArray<number>>()

  constructor(private readonly clock: EmulatedClock) {}

  /** Counts a call, or refuses it as throttled. */
  take(name: string, perSecond: number) {
    const now = this.clock.now()
    const recent = (this.seen.get(name) ?? []).filter((at) => now - at < 1000)
    if (recent.length >= perSecond) throw throttled()
    this.seen.set(name, [...recent, now])
  }
}
