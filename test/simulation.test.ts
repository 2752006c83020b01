import { assert, describe, it } from "@effect/vitest"
import { rules } from "./simulation/Rules.js"
import { plants } from "./simulation/Plants.js"
import { search, shrink, trace } from "./simulation/Search.js"
import { seeds } from "./simulation/Seeds.js"
import { simulate } from "./simulation/Simulation.js"

const told = (seed: number, options: Parameters<typeof trace>[1] = {}) => trace(seed, options).join("\n")

describe("Simulation", () => {
  it("finds nothing wrong in many worlds", { timeout: 120_000 }, () => {
    const found = search(0, 120)
    assert.isUndefined(found, found === undefined ? "" : `seed ${found.seed}\n${told(found.seed)}`)
  })

  it("lives the same seed through the same way", () => {
    for (const seed of [3, 14, 15, 92, 653]) assert.deepStrictEqual(trace(seed), trace(seed))
    assert.notDeepEqual(trace(3), trace(14))
  })

  for (const { rule, seed, was } of seeds) {
    it(`keeps rule ${rule} in world ${seed}, where once ${was}`, () => {
      const { wrong } = simulate(seed)
      assert.isUndefined(wrong, told(seed))
    })
  }

  for (const { name, plant, rules: breaks } of plants) {
    it(`finds ${name}`, { timeout: 120_000 }, () => {
      const found = search(0, 2_000, { plant })
      assert.isDefined(found)
      if (found === undefined) return
      const small = shrink(found, { plant })
      assert.include(breaks, small.wrong?.rule ?? -1, told(small.seed, { plant, faults: small.faultsNeeded }))
    })
  }

  it("plants a defect for every rule", () => {
    assert.deepStrictEqual(
      rules.map(({ number }) => number).filter((number) => !plants.some((plant) => plant.rules[0] === number)),
      []
    )
  })
})
