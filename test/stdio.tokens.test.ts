import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tokens } from "./bench/Table.js"
import { connect } from "./bench/Wire.js"
import { place } from "./support/Server.js"
import { lifeConfig, lived } from "./support/TaskLife.js"

/** What a task of ten minutes may cost a model at a client without Tasks. */
const budget = 1_500
/** What a wait that brings no news may cost its answer, name and arguments included. */
const quiet = 100

describe("a task's whole life", () => {
  it.scopedLive(`costs a model at most ${budget} tokens where it has to wait by asking again`, () =>
    Effect.gen(function* () {
      const at = yield* place
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => connect(at, { config: lifeConfig(at) })),
        ({ kill }) => Effect.promise(kill)
      )
      const costs = yield* Effect.promise(() => lived(server, at))
      const table = JSON.stringify(costs)
      assert.isAtMost(tokens(costs.reduce((sum, { seen }) => sum + seen, 0)), budget, table)
      const waited = costs.find(({ part }) => part === "waits")
      assert.isAtMost((waited?.seen ?? Infinity) / (waited?.calls ?? 1), quiet, table)
    })
  )
})
