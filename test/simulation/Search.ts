import { type Options, simulate, type Verdict } from "./Simulation.js"

/** The first seed of a range whose world breaks a rule. */
export const search = (from: number, count: number, options: Options = {}): Verdict | undefined => {
  for (let seed = from; seed < from + count; seed++) {
    const verdict = simulate(seed, options)
    if (verdict.wrong !== undefined) return verdict
  }
  return undefined
}

/** The same world with as few faults as still break the same rule. */
export const shrink = (verdict: Verdict, options: Options = {}): Verdict & { readonly faultsNeeded: number } => {
  for (let faults = 0; faults < verdict.faults; faults++) {
    const smaller = simulate(verdict.seed, { ...options, faults })
    if (smaller.wrong?.rule === verdict.wrong?.rule && smaller.wrong !== undefined)
      return { ...smaller, faultsNeeded: faults }
  }
  return { ...verdict, faultsNeeded: verdict.faults }
}

/** What came to pass in a world, a line each; the same every time. */
export const trace = (seed: number, options: Options = {}): ReadonlyArray<string> => {
  const lines: Array<string> = []
  simulate(seed, { ...options, listener: (line) => lines.push(line) })
  return lines
}
