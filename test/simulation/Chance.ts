import type { Array } from "effect"

/** All the randomness of one simulated world: a stream of numbers that its seed decides. */
export class Chance {
  private state: number

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike.
    this.state = Math.imul(seed ^ (seed >>> 16), 0x9e3779b1) ^ Math.floor(seed / 2 ** 32)
    for (let round = 0; round < 4; round++) this.next()
  }

  /** From 0 up to 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  often(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(list: Array.NonEmptyReadonlyArray<A>): A {
    return list[this.below(list.length)] ?? list[0]
  }

  /** Milliseconds that are mostly short and now and then as long as `most`. */
  while(most: number): number {
    const drawn = this.next()
    return Math.floor(drawn * drawn * drawn * most)
  }
}
