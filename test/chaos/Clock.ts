import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Place } from "../support/Server.js"

/** A clock that is wrong for one process alone, and can be set while it runs. */
export interface SkewedClock {
  /** What NODE_OPTIONS must hold for the process. */
  readonly option: string
  /** Milliseconds ahead of the machine's clock from now on; negative is behind. */
  readonly set: (ahead: number) => void
}

let clocks = 0

/** Shifts the time of day; what measures durations goes on as it did, as it does when a machine's clock is set. */
export const skewedClock = ({ folder }: Place, ahead: number): SkewedClock => {
  const name = join(folder, `clock-${++clocks}`)
  const set = (millis: number) => {
    writeFileSync(`${name}.draft`, String(millis))
    renameSync(`${name}.draft`, `${name}.ahead`)
  }
  set(ahead)
  writeFileSync(
    `${name}.cjs`,
    `const { readFileSync } = require("node:fs")
const Real = Date
let read = -1e9
let ahead = 0
const now = () => {
  const at = performance.now()
  if (at - read > 50) {
    read = at
    ahead = Number(readFileSync(${JSON.stringify(`${name}.ahead`)}, "utf8"))
  }
  return Real.now() + ahead
}
globalThis.Date = class Date extends Real {
  constructor(...given) {
    if (given.length === 0) super(now())
    else super(...given)
  }
  static now() {
    return now()
  }
}
`
  )
  return { option: `--require=${name}.cjs`, set }
}
