import type { FaultKind, Scenario } from "./Scenario.js"
import type { World } from "./World.js"

/** Decides what goes wrong; after `most` faults nothing does, so a failing world can be run with fewer. */
export class Faults {
  used = 0
  calm = false
  private writes = 0

  constructor(
    private readonly world: World,
    private readonly scenario: Scenario,
    private readonly most: number
  ) {}

  /** Whether a fault strikes here and now. */
  strikes(kind: FaultKind, where: () => string): boolean {
    const rate = this.scenario.rates.get(kind) ?? 0
    return rate > 0 && this.world.chance.often(rate) && this.spend(kind, where)
  }

  /** The write that this world's server is to be killed at, before or after it is on disk. */
  fatalWrite(where: () => string): "before" | "after" | undefined {
    if (this.writes++ !== this.scenario.killAtWrite) return undefined
    const when = this.world.chance.often(0.5) ? "before" : "after"
    return this.spend(`killed ${when} write`, where) ? when : undefined
  }

  /** Takes one fault from what is left of them. */
  spend(kind: string, where: () => string): boolean {
    if (this.calm || this.used >= this.most) return false
    this.used++
    this.world.count(`fault: ${kind}`)
    this.world.say(() => `✗ ${kind}: ${where()}`)
    return true
  }
}
